"""`POST /slack/events`: what Slack has not signed is refused before Bolt parses it."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from urllib.parse import parse_qs

import anyio
import anyio.to_thread
from slack_bolt import App, BoltRequest, BoltResponse
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from bot.metrics import ACK_SECONDS, REFUSED_REQUESTS

_log = logging.getLogger(__name__)

MAX_BODY = 1_000_000
"""Bytes. Slack's largest payload is a view of 250 kB, which as a form is up to three times that."""

MAX_AGE_S = 300
"""docs.slack.dev/authentication/verifying-requests-from-slack: ignore what is older than 5 min."""

READ_TIMEOUT = timedelta(seconds=3)  # Slack has given up on the request by then
THREADS = 4

# Headers are not signed, and Bolt obeys some that are its own (x-slack-bolt-lazy-only): only what
# Slack sends goes on.
_KEPT_HEADERS = (
    "content-type",
    "x-slack-request-timestamp",
    "x-slack-signature",
    "x-slack-retry-num",
    "x-slack-retry-reason",
)


class Refused(Exception):
    """This request goes no further. `reason` is a word for the metrics; nothing of the body."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class SlackRequests:
    """Answers Slack's requests with what the app's listeners ack.

    Listeners run in a few threads, because they write to the database, and one that is slow for a
    while must not hold up the loop, and with it /healthz. Measured (bench/ack.py, one row per
    command, SQLite WAL, FULL) at 50 clients, p50 and p99: on the loop itself 45 and 60 ms, 4
    threads 65 and 125, 16 threads 55 and 400, for SQLite's writers wait for each other by
    sleeping; stock Bolt, which stores nothing, 570 and 575. threads: 0 is the loop itself.
    now: epoch seconds.
    """

    def __init__(
        self,
        app: App,
        signing_secret: str,
        *,
        now: Callable[[], float] = time.time,
        threads: int = THREADS,
        read_timeout: timedelta = READ_TIMEOUT,
    ) -> None:
        self._app = app
        self._secret = signing_secret.encode()
        self._now = now
        self._threads = threads
        self._read_timeout_s = read_timeout.total_seconds()
        self._limiter: anyio.CapacityLimiter | None = None  # needs a running loop

    async def answer(self, request: Request) -> Response:
        """Slack's answer; 401, 400, 408 or 413 with an empty body for what is not Slack's."""
        began = time.perf_counter()
        try:
            body = await _read(request, self._read_timeout_s)
            if _is_ssl_check(body):
                return Response()
            text = verified(self._secret, request.headers, body, self._now())
            bolt_request = _parsed(text, request.headers)
        except Refused as refused:
            REFUSED_REQUESTS.labels(refused.reason).inc()
            _log.info("refused a request to /slack/events: %s", refused.reason)
            return Response(status_code=refused.status)
        response = await self._dispatch(bolt_request)
        ACK_SECONDS.labels("http").observe(time.perf_counter() - began)
        return Response(
            response.body, status_code=response.status, headers=response.first_headers()
        )

    async def _dispatch(self, request: BoltRequest) -> BoltResponse:
        if self._threads == 0:
            return self._app.dispatch(request)
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(self._threads)
        return await anyio.to_thread.run_sync(self._app.dispatch, request, limiter=self._limiter)


def verified(secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> str:
    """The body as text, if it carries Slack's signature of the last five minutes.

    Raises Refused. Source: docs.slack.dev/authentication/verifying-requests-from-slack.
    """
    timestamp = headers.get("x-slack-request-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise Refused(401, "no timestamp")
    if abs(now - int(timestamp[:20])) > MAX_AGE_S:
        raise Refused(401, "stale timestamp")
    signed = b"v0:" + timestamp.encode() + b":" + body
    expected = "v0=" + hmac.new(secret, signed, hashlib.sha256).hexdigest()
    signature = headers.get("x-slack-signature", "")
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        raise Refused(401, "wrong signature")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Refused(401, "not UTF-8") from None


async def _read(request: Request, timeout_s: float) -> bytes:
    """The whole body. Raises Refused when it is too large or too slow."""
    body = bytearray()
    try:
        with anyio.fail_after(timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise Refused(413, "too large")
    except TimeoutError:
        raise Refused(408, "too slow") from None
    except ClientDisconnect:
        raise Refused(400, "broken off") from None
    return bytes(body)


def _is_ssl_check(body: bytes) -> bool:
    """Slack looks at the certificate now and then, and wants a 200 and nothing else.

    Answered before the signature is looked at, as in Bolt: the answer says and does nothing.
    Source: docs.slack.dev/interactivity/implementing-slash-commands.
    """
    return b"ssl_check=1" in body and parse_qs(body).get(b"ssl_check") == [b"1"]


def _parsed(text: str, headers: Mapping[str, str]) -> BoltRequest:
    """The request as Bolt takes it. Raises Refused for a payload that is no JSON object."""
    kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
    try:
        request = BoltRequest(body=text, headers=dict(kept))
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        raise Refused(400, "malformed") from None
    if not isinstance(request.body, dict) or not request.body:
        raise Refused(400, "malformed")
    return request
