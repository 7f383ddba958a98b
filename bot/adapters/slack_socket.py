"""Socket Mode: Slack's payloads over WebSockets that we open, so nothing has to reach us.

Source of the frames: docs.slack.dev/apis/events-api/using-socket-mode.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from slack_bolt import App, BoltRequest, BoltResponse
from slack_sdk.errors import SlackApiError

from bot.adapters.health import Check
from bot.adapters.slack_wire import Link, LinkFailed
from bot.metrics import ACK_SECONDS, SOCKETS_OPENED

_log = logging.getLogger(__name__)

PING = timedelta(seconds=3)
SILENCE = timedelta(seconds=10)  # a dead link is noticed after this: three pings unanswered
DRAIN = timedelta(seconds=5)
LEAVE = timedelta(seconds=10)  # how long a link told to go is still read; Slack says about 10 s
CONCURRENCY = 16
_RETRY_S = (
    0.0,
    1.0,
    2.0,
    5.0,
    10.0,
    30.0,
)  # then every 30 s: apps.connections.open is rate limited
_STEADY_S = 10.0  # a link that held for so long was a good one: the next is opened at once
_RESEND_S = 1.0
_MAX_ACK_BYTES = 60_000  # slack_sdk 3.47 cannot send a frame of 65,536 (builtin/internals.py:402)


class SlackSocket:
    """Keeps one link to Slack open from `start` to `close`, and acks what the app's listeners ack.

    At a `disconnect` frame the next link is opened first, and the old one is read until Slack
    closes it, so nothing is lost between them. Listeners run in `concurrency` threads.
    ping, silence: how often a link is tried, and after how long without an answer it is replaced.
    """

    def __init__(
        self,
        app: App,
        app_token: str,
        *,
        concurrency: int = CONCURRENCY,
        ping: timedelta = PING,
        silence: timedelta = SILENCE,
        drain: timedelta = DRAIN,
    ) -> None:
        self._app = app
        self._app_token = app_token
        self._ping_s = ping.total_seconds()
        self._silence_s = silence.total_seconds()
        self._drain_s = drain.total_seconds()
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="slack")
        self._state = threading.Condition()
        self._link: Link | None = None  # the one that is wanted open
        self._leaving: dict[Link, float] = {}  # told to go → when to close it (monotonic)
        self._unsure: list[dict[str, Any]] = []  # acks sent by a link that was told to go
        self._taking = True
        self._busy = 0  # payloads taken and not answered yet
        self._failures = 0
        self._problem = "not connected yet"
        self._keeper = threading.Thread(target=self._keep, name="slack-keeper", daemon=True)

    def start(self) -> None:
        """Begin to connect; returns at once, and goes on trying when Slack is down."""
        self._keeper.start()

    def wait_connected(self, timeout: timedelta) -> bool:
        """Whether a link is open, as soon as one is, at the latest after `timeout`."""
        with self._state:
            return self._state.wait_for(self._is_connected, timeout.total_seconds())

    def check(self) -> Check:
        """For the health page: the age of the last ping that Slack answered."""
        with self._state:
            link = self._link
            if link is None or not link.is_open:
                return Check(False, self._problem)
        return Check(link.heard_s <= self._silence_s, "Socket Mode", link.heard_s)

    def close(self) -> None:
        """Take nothing new, send the acks under way (at most `drain`), close. Twice is success."""
        with self._state:
            was_taking, self._taking = self._taking, False
            self._state.notify_all()
            if not self._state.wait_for(lambda: self._busy == 0, self._drain_s):
                _log.warning("closing with %d payloads of Slack's not acked", self._busy)
            links = [*self._leaving, *([self._link] if self._link else [])]
            self._link, self._problem = None, "closed"
            self._leaving.clear()
        for link in links:
            link.close()
        if was_taking and self._keeper.is_alive():
            self._keeper.join(self._silence_s)
        self._pool.shutdown(wait=False, cancel_futures=True)

    # --- keeping a link open ---------------------------------------------------------------------

    def _keep(self) -> None:
        """The keeper's thread: open a link when there is none, ping those there are."""
        while self._taking:
            if self._link is None:
                self._open()
            for link in self._links():
                link.ping()
            self._close_those_told_to_go()
            with self._state:
                self._state.wait_for(self._is_wanted, self._ping_s)

    def _open(self) -> None:
        pause_s = _RETRY_S[min(self._failures, len(_RETRY_S) - 1)]
        with self._state:
            if self._state.wait_for(lambda: not self._taking, pause_s):
                return
        self._failures += 1  # until a link has proved to be steady
        try:
            link = self._connect()
        except Exception as error:  # whatever it is: without this thread the bot stays deaf
            self._problem = _in_words(error)
            _log.warning("no Socket Mode connection: %s", self._problem)
            return
        SOCKETS_OPENED.inc()
        _log.info("connected to Slack over Socket Mode")
        with self._state:
            if not self._taking:
                link.close()
            elif link.is_open and link not in self._leaving:  # it may have gone again already
                self._link = link
            unsure, self._unsure = self._unsure, []
            self._state.notify_all()
        with suppress(LinkFailed):
            for ack in unsure:
                link.send(ack)

    def _connect(self) -> Link:
        # The address can be used once, so each attempt needs a new one.
        client = self._app.client
        address = str(client.apps_connections_open(app_token=self._app_token)["url"])
        return Link(address, client, self._silence_s, self._on_frame, self._on_end)

    def _links(self) -> list[Link]:
        with self._state:
            return [*self._leaving, *([self._link] if self._link else [])]

    def _close_those_told_to_go(self) -> None:
        now = time.monotonic()
        with self._state:
            due = [link for link, close_at in self._leaving.items() if close_at <= now]
        for link in due:
            link.close()

    def _is_wanted(self) -> bool:
        return self._link is None or not self._taking

    def _is_connected(self) -> bool:
        return self._link is not None and self._link.is_open

    def _on_end(self, link: Link) -> None:
        with self._state:
            self._leaving.pop(link, None)
            self._lose(link, "the connection broke")

    def _lose(self, link: Link, problem: str) -> None:
        if link is self._link:
            self._link, self._problem = None, problem
            if link.age_s > _STEADY_S:
                self._failures = 0
        self._state.notify_all()

    # --- taking payloads -------------------------------------------------------------------------

    def _on_frame(self, link: Link, frame: dict[str, Any]) -> None:
        if frame.get("type") == "disconnect":
            self._leave(link, str(frame.get("reason")))
        elif "envelope_id" in frame and isinstance(frame.get("payload"), dict):
            self._take(link, frame)

    def _leave(self, link: Link, reason: str) -> None:
        _log.info("Slack wants this connection to go: %s", reason)
        with self._state:
            self._leaving[link] = time.monotonic() + LEAVE.total_seconds()
            self._lose(link, f"Slack closed the connection: {reason}")

    def _take(self, link: Link, envelope: dict[str, Any]) -> None:
        with self._state:
            if not self._taking:
                _log.info("closing: a payload of type %s is not taken", envelope.get("type"))
                return
            self._busy += 1
        self._pool.submit(self._answer, link, envelope, time.perf_counter())

    def _answer(self, link: Link, envelope: dict[str, Any], began: float) -> None:
        try:
            response = self._app.dispatch(_request(envelope))
            if response.status == HTTPStatus.OK:  # an ack says "done": Slack retries events without
                self._send(link, _ack(envelope, response))
                ACK_SECONDS.labels("socket").observe(time.perf_counter() - began)
        except Exception:  # nobody looks at this future
            _log.exception("a payload of type %s was not acked", envelope.get("type"))
        finally:
            with self._state:
                self._busy -= 1
                self._state.notify_all()

    def _send(self, link: Link, ack: dict[str, Any]) -> None:
        """By the link that the payload came by, or by the present one when that is told to go.

        Slack may close a link that it told to go while an ack is on its way, so what was sent by
        such a link is sent again by the next. That acks are taken on a newer link is what
        slack_sdk's own client relies on.
        """
        with self._state:
            is_leaving = link in self._leaving
            first = self._link if is_leaving and self._link else link
            if is_leaving and first is link:
                self._unsure.append(ack)
        try:
            first.send(ack)
        except LinkFailed:
            with self._state:
                self._state.wait_for(self._is_connected, _RESEND_S)
                present = self._link
            if present is None:
                raise
            present.send(ack)


def _request(envelope: dict[str, Any]) -> BoltRequest:
    """As Bolt's own adapter makes it (slack_bolt 1.30, adapter/socket_mode/internals.py)."""
    headers: dict[str, str | Sequence[str]] = {}
    if envelope.get("retry_attempt") is not None:
        headers["x-slack-retry-num"] = str(envelope["retry_attempt"])
    if envelope.get("retry_reason") is not None:
        headers["x-slack-retry-reason"] = str(envelope["retry_reason"])
    return BoltRequest(mode="socket_mode", body=envelope["payload"], headers=headers)


def _ack(envelope: dict[str, Any], response: BoltResponse) -> dict[str, Any]:
    ack: dict[str, Any] = {"envelope_id": envelope["envelope_id"]}
    if not response.body:
        return ack
    if len(response.body.encode()) > _MAX_ACK_BYTES:
        _log.error("an ack of %d characters was sent without its text", len(response.body))
        return ack
    is_json = response.headers.get("content-type", [""])[0].startswith("application/json")
    return ack | {"payload": json.loads(response.body) if is_json else {"text": response.body}}


def _in_words(error: Exception) -> str:
    """What went wrong, without the address: it carries the ticket."""
    if isinstance(error, SlackApiError):
        return f"Slack said {error.response.get('error', 'nothing usable')}"
    cause = error.__cause__ or error
    return f"{error if isinstance(error, LinkFailed) else 'no answer'} ({type(cause).__name__})"
