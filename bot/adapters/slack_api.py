"""Calling Slack's Web API: one request per call, always with a time limit, with our errors.

slack_sdk's own retries are off: its default posts a message twice when the answer to the first
post is lost (http_retry/__init__.py of 3.47). Its logger is off too: at DEBUG it prints texts and
addresses that are secrets.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from bot.adapters.slack_errors import ChatBusy, code_in, judged, refused, renamed, understanding
from bot.errors import ChatError, ChatUnknown
from bot.ports import Clock

log = logging.getLogger(__name__)

Answer = dict[str, Any]

_SLACK_API = "https://slack.com/api/"
# Methods with blocks or views take JSON; the reading ones take forms only.
_JSON = frozenset(
    {"chat.postMessage", "chat.update", "views.open", "views.publish", "views.update"}
)
_SILENT = logging.Logger("slack_sdk.silent", logging.CRITICAL + 1)  # in no tree: nobody turns it up


@dataclass(frozen=True, slots=True)
class SlackAccess:
    """Where Slack answers, as whom we ask, and for how long at most we are silent for an answer.

    quick_timeout: for what somebody waits for who has just clicked; Slack gives us 3 s.
    """

    token: str = field(repr=False)
    base_url: str = _SLACK_API
    timeout: timedelta = timedelta(seconds=10)
    quick_timeout: timedelta = timedelta(seconds=2)
    upload_timeout: timedelta = timedelta(seconds=30)  # for each silence while bytes are sent


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we wait for Slack to be ready, and when a read is asked again."""

    busy: timedelta = timedelta(minutes=2)  # longest wait in all for a method that is rate limited
    read_pauses: tuple[timedelta, ...] = (timedelta(seconds=0.5), timedelta(seconds=1.5))


class SlackApi:
    """Calls for many threads at once. Each raises ChatRefused and ChatUnknown."""

    def __init__(self, access: SlackAccess, clock: Clock, patience: Patience | None = None) -> None:
        self._clock = clock
        self._patience = patience or Patience()
        self._timeout = access.timeout
        self._upload_timeout = access.upload_timeout
        self._client = _client(access, access.timeout)
        self._quick_client = _client(access, access.quick_timeout)
        self._gates = _Gates()

    def once(self, method: str, args: Answer) -> Answer:
        """Ask once. Raises ChatBusy at a rate limit."""
        return self._ask(self._client, method, args)

    def quickly(self, method: str, args: Answer) -> Answer:
        """Ask once, with the short time limit; not at all while the method is rate limited."""
        remaining = self._gates.remaining(method, self._clock.now())
        if remaining:
            raise ChatBusy(remaining)
        return self._ask(self._quick_client, method, args)

    def act(self, method: str, args: Answer) -> Answer:
        """One request that Slack looks at. At a rate limit it has not: then it is sent again."""
        deadline = self._clock.now() + self._patience.busy
        while True:
            self._await_gate(method, deadline)
            try:
                return self.once(method, args)
            except ChatBusy as busy:
                if self._clock.now() + busy.retry_after > deadline:
                    raise

    def read(self, method: str, args: Answer) -> Answer:
        """Ask, and again a bounded number of times while no usable answer comes."""
        for pause in self._patience.read_pauses:
            try:
                return self.act(method, args)
            except ChatBusy:
                raise
            except ChatUnknown:
                self._clock.sleep(pause)
        return self.act(method, args)

    def respond(self, response_url: str, body: Answer) -> None:
        """POST to a response_url; the address is a secret and appears in no error.

        At a rate limit nothing was shown, so it is sent again.
        """
        deadline = self._clock.now() + self._patience.busy
        while True:
            try:
                return _post(response_url, body, self._timeout)
            except ChatBusy as busy:
                if self._clock.now() + busy.retry_after > deadline:
                    raise
                self._clock.sleep(busy.retry_after)

    def send_bytes(self, upload_url: str, content: bytes) -> None:
        """POST a file's bytes to where Slack wants them, once; the address is a secret."""
        _send(upload_url, content, self._upload_timeout)

    def _ask(self, client: WebClient, method: str, args: Answer) -> Answer:
        try:
            with renamed(method):
                answer = (
                    client.api_call(method, json=args)
                    if method in _JSON
                    else client.api_call(method, params=args)
                )
        except ChatBusy as busy:
            self._gates.close(method, self._clock.now() + busy.retry_after)
            raise
        with understanding():
            if not isinstance(answer.data, dict):
                raise TypeError("not an object")
            return answer.data

    def _await_gate(self, method: str, deadline: datetime) -> None:
        while remaining := self._gates.remaining(method, self._clock.now()):
            if self._clock.now() + remaining > deadline:
                raise ChatBusy(remaining)
            self._clock.sleep(remaining)


class _Gates:
    """Which methods are rate limited until when: the others go on (docs.slack.dev, rate limits)."""

    def __init__(self) -> None:
        self._closed: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def close(self, method: str, until: datetime) -> None:
        with self._lock:
            self._closed[method] = max(until, self._closed.get(method, until))

    def remaining(self, method: str, now: datetime) -> timedelta:
        """How long the method is closed still; zero when it is open."""
        with self._lock:
            until = self._closed.get(method)
            if until is None or until <= now:
                self._closed.pop(method, None)
                return timedelta(0)
            return until - now


def _client(access: SlackAccess, timeout: timedelta) -> WebClient:
    client = WebClient(access.token, base_url=access.base_url, retry_handlers=[], logger=_SILENT)
    client.timeout = timeout.total_seconds()  # type: ignore[assignment]  # urllib takes fractions
    client.proxy = None  # it takes HTTPS_PROXY for every address; urllib by itself heeds NO_PROXY
    return client


def _post(response_url: str, body: Answer, timeout: timedelta) -> None:
    """Slack's client and not `requests`, below which urllib3 logs addresses at DEBUG."""
    client = WebhookClient(response_url, retry_handlers=[], logger=_SILENT)
    client.timeout = timeout.total_seconds()  # type: ignore[assignment]
    client.proxy = None
    try:
        with renamed("response_url"):
            answer = client.send_dict(body)
    except ChatError as error:
        raise error from None  # the errors below it may name the address
    code = code_in(answer.body)
    if answer.status_code == HTTPStatus.OK and not code:
        return
    log.info("slack: response_url: HTTP %s %s", answer.status_code, code)
    headers = {str(name).lower(): value for name, value in answer.headers.items()}
    fallback = f"http_{answer.status_code}"
    raise judged(answer.status_code, code or fallback, headers.get("retry-after"))


def _send(upload_url: str, content: bytes, timeout: timedelta) -> None:
    """With urllib, as slack_sdk does, which below files_upload_v2 sets no time limit of ours."""
    with understanding():
        request = Request(upload_url, content, {"Content-Type": "application/octet-stream"})
    if request.type not in ("http", "https"):  # urllib would open files, too
        raise refused("no_upload_url")
    try:
        with renamed("upload_url"), urlopen(request, timeout=timeout.total_seconds()):
            return
    except ChatError as error:
        answer = error.__cause__
        if isinstance(answer, HTTPError):
            answer.close()
            retry_after = answer.headers.get("Retry-After")
            raise judged(answer.code, f"http_{answer.code}", retry_after) from None
        raise error from None  # the errors below it may name the address
