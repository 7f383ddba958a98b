"""Signed HTTP delivery to the app's request URL.

Source: docs.slack.dev/authentication/verifying-requests-from-slack and …/apis/events-api.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp

from sandbox.slack.errors import NotDelivered
from sandbox.slack.records import Json
from sandbox.slack.socket_mode import Retry

FORM = "application/x-www-form-urlencoded"


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's v0 signature of a request."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class HttpMode:
    """POSTs payloads to a request URL, as Slack does."""

    def __init__(
        self, signing_secret: str, time: Callable[[], float], ack_timeout_s: float
    ) -> None:
        self._secret = signing_secret
        self._time = time
        self._timeout = aiohttp.ClientTimeout(total=ack_timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self.request_url: str | None = None

    async def close(self) -> None:
        """Let go of the connections to the app."""
        if self._session is not None:
            await self._session.close()

    async def verify(self, url: str) -> bool:
        """Whether the URL answers Slack's url_verification challenge."""
        challenge = secrets.token_urlsafe(32)
        body = {"token": "sandbox", "challenge": challenge, "type": "url_verification"}
        try:
            answer = await self._post(url, *_encoded("events_api", body), None)
        except NotDelivered:
            return False
        return challenge == (answer.get("challenge") if isinstance(answer, dict) else answer)

    async def deliver(self, kind: str, payload: Json, retry: Retry | None = None) -> Any:
        """Send one payload; gives the answer's JSON or text, None when it is empty.

        Raises NotDelivered: operation_timeout, dispatch_failed, http_client_error,
        http_service_error.
        """
        if self.request_url is None:
            raise NotDelivered("dispatch_failed", "connection_failed")
        return await self._post(self.request_url, *_encoded(kind, payload), retry)

    async def _post(self, url: str, body: bytes, content_type: str, retry: Retry | None) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        headers = self._headers(body, content_type, retry)
        try:
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return _answer(response, await response.text())
        except TimeoutError as error:
            raise NotDelivered("operation_timeout", "http_timeout") from error
        except (aiohttp.ClientError, UnicodeDecodeError) as error:
            raise NotDelivered("dispatch_failed", "connection_failed") from error

    def _headers(self, body: bytes, content_type: str, retry: Retry | None) -> dict[str, str]:
        timestamp = str(int(self._time()))
        headers = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "Accept": "application/json,*/*",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": sign(self._secret, timestamp, body),
        }
        if retry is not None:
            headers["X-Slack-Retry-Num"] = str(retry.number)
            headers["X-Slack-Retry-Reason"] = retry.reason
        return headers


def _encoded(kind: str, payload: Json) -> tuple[bytes, str]:
    """(body, content type): commands as a form, interactions as JSON in a form, events as JSON."""
    if kind == "slash_commands":
        return urlencode(payload).encode(), FORM
    if kind == "interactive":
        return urlencode({"payload": json.dumps(payload)}).encode(), FORM
    return json.dumps(payload).encode(), "application/json"


def _answer(response: aiohttp.ClientResponse, text: str) -> Any:
    if response.status != 200:
        code = "http_client_error" if 400 <= response.status < 500 else "http_service_error"
        may_retry = response.headers.get("X-Slack-No-Retry") != "1"
        raise NotDelivered(code, "http_error", may_retry)
    if not text.strip():
        return None
    if response.content_type == "application/json":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
