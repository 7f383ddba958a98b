"""One WebSocket of Slack's, read by a thread of its own until it ends.

The protocol is slack_sdk's builtin `Connection`. Its own client around it (3.47.0) is not used:
- it counts a link as dead after 4 missed pings, or 5 failed ones: 54 s with Bolt's setting; until
  then a connection closed by the other side is read in a loop without a pause (connection.py:288);
- at a `disconnect` frame it stops reading, both links, until the old one's `recv` returns, up to
  3 s: what Slack sends meanwhile is acked too late;
- it replaces a live link by one whose handshake has failed (client.py:169);
- its reader and senders use one TLS connection at the same time, which breaks it under load.
"""

from __future__ import annotations

import json
import logging
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.builtin.connection import Connection, ConnectionState
from slack_sdk.socket_mode.builtin.frame_header import FrameHeader
from slack_sdk.socket_mode.builtin.internals import (
    _build_data_frame_for_sending,
    _establish_new_socket_connection,
    _generate_sec_websocket_key,
    _parse_handshake_response,
    _validate_sec_websocket_accept,
)

T = TypeVar("T")

_log = logging.getLogger(__name__)
# Everything it would log about a failure is raised or logged by us; at DEBUG it logs payloads.
_sdk_log = logging.getLogger(f"{__name__}.inside")
_sdk_log.setLevel(logging.CRITICAL)

_OPEN_TIMEOUT_S = 5.0  # for each step of opening
RECEIVE_BYTES = 65_536  # the SDK recurses once per chunk: with its 1,024 a 1 MB frame overflows
NORMAL_CLOSURE = (1000).to_bytes(2, "big")  # RFC 6455, 7.4.1


class LinkFailed(Exception):
    """The link could not be opened, or broke."""


class Link:
    """A WebSocket that has been opened. Frames go to `on_frame` on the link's own thread.

    silence_s: a link that brings nothing for so long is dead; ping it more often than that.
    on_end: called once, on the link's thread, however the link ends. Making one raises LinkFailed,
    or OSError when nothing answers.
    """

    def __init__(
        self,
        address: str,
        client: WebClient,
        silence_s: float,
        on_frame: Callable[[Link, dict[str, Any]], None],
        on_end: Callable[[Link], None],
    ) -> None:
        self._on_frame = on_frame
        self._on_end = on_end
        self._state = ConnectionState()  # type: ignore[no-untyped-call]
        self._connection = Connection(
            url=address,
            logger=_sdk_log,
            receive_buffer_size=RECEIVE_BYTES,
            on_message_listener=self._take,
            on_error_listener=self._note,
        )
        self._why: Exception | None = None
        self._socket = _Socket(_shaken_hands(address, client), silence_s)
        self._connection.sock = self._socket  # type: ignore[assignment]
        self._began = time.monotonic()
        self._began_at = time.time()
        threading.Thread(target=self._read, name="slack-link", daemon=True).start()

    @property
    def is_open(self) -> bool:
        """Whether it can still carry something, as far as we know."""
        return self._connection.is_active() and not self._state.terminated

    @property
    def heard_s(self) -> float:
        """Seconds since the ping that Slack answered last, or since the opening."""
        # slack_sdk stamps its pings with the time of day.
        return max(0.0, time.time() - (self._connection.last_ping_pong_time or self._began_at))

    @property
    def age_s(self) -> float:
        """Seconds since the opening."""
        return time.monotonic() - self._began

    def ping(self) -> None:
        """Ask for a pong; ends the link when that cannot be sent."""
        try:
            self._connection.ping(f"{self._connection.session_id}:{time.time()}")
        except OSError as error:
            self._end(error)

    def send(self, frame: dict[str, Any]) -> None:
        """Send one JSON frame of less than 64 kB. Raises LinkFailed."""
        try:
            self._connection.send(json.dumps(frame))
        except (SlackClientError, OSError) as error:
            self._end(error)
            raise LinkFailed("nothing could be sent") from error

    def close(self) -> None:
        """Say goodbye and end it; ended already is success."""
        with suppress(OSError):
            self._socket.send(
                _build_data_frame_for_sending(NORMAL_CLOSURE, FrameHeader.OPCODE_CLOSE)
            )
        self._end(None)

    def _take(self, text: str) -> None:
        try:
            frame = json.loads(text)
        except ValueError:
            return
        if isinstance(frame, dict):
            self._on_frame(self, frame)

    def _note(self, error: Exception) -> None:
        if not self._state.terminated:
            self._why = error

    def _end(self, error: Exception | None) -> None:
        """Wake the reader, which then closes the socket: `recv` holds the lock of `disconnect`."""
        self._why = self._why or error
        self._state.terminated = True
        self._socket.wake()

    def _read(self) -> None:
        try:
            self._connection.run_until_completion(self._state)
        finally:
            self._connection.disconnect()
            if self._why is not None:
                _log.info("a Socket Mode connection broke: %s", self._why)
            self._on_end(self)


class _Socket:
    """A socket that behaves as `Connection` takes for granted.

    The end of the stream and a long silence are errors, and `send` sends everything. Reader and
    senders take turns: an OpenSSL connection breaks when two threads are in it at once (Python
    3.11 releases the GIL there; "EOF occurred in violation of protocol"), so it never blocks, and
    all waiting is done outside the lock.
    """

    def __init__(self, inner: socket.socket, silence_s: float) -> None:
        self._inner = inner
        self._silence_s = silence_s
        self._turn = threading.Lock()
        inner.setblocking(False)

    def recv(self, size: int) -> bytes:
        try:
            received = self._when_ready(lambda: self._inner.recv(size), select.POLLIN)
        except TimeoutError as error:
            # As TimeoutError it would be taken for a pause; and half a frame would be forgotten.
            raise ConnectionResetError("nothing heard for too long") from error
        if not received:
            raise ConnectionResetError("closed by the other side")
        return received

    def send(self, data: bytes) -> int:
        rest = memoryview(data)
        while rest:
            rest = rest[self._when_ready(partial(self._inner.send, rest), select.POLLOUT) :]
        return len(data)

    def wake(self) -> None:
        """Make a `recv` that is waiting return."""
        with suppress(OSError):
            # Not SSLSocket.shutdown: it drops the encryption first, and a `send` may be under way.
            socket.socket.shutdown(self._inner, socket.SHUT_RDWR)

    def close(self) -> None:
        self.wake()
        with self._turn:
            self._inner.close()

    def _when_ready(self, act: Callable[[], T], event: int) -> T:
        """What `act` gives as soon as it need not wait. Raises TimeoutError, other OSErrors."""
        deadline = time.monotonic() + self._silence_s
        while True:
            try:
                with self._turn:
                    return act()
            except ssl.SSLWantReadError:
                waited_for = select.POLLIN
            except ssl.SSLWantWriteError:
                waited_for = select.POLLOUT
            except BlockingIOError:
                waited_for = event
            poll = select.poll()
            if (number := self._inner.fileno()) < 0:
                raise ConnectionResetError("closed by us")
            poll.register(number, waited_for)
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError("the other side does nothing")


def _shaken_hands(address: str, client: WebClient) -> socket.socket:
    """A connection on which WebSocket frames can be sent (RFC 6455, 4.1). Raises LinkFailed.

    `Connection.connect` does the same, but leaves its socket open when it goes wrong.
    """
    parts = urlsplit(address)
    if parts.scheme == "wss" and parts.port not in (None, 443):
        # builtin/internals.py:99
        raise LinkFailed(f"slack_sdk would not encrypt wss:// on port {parts.port}")
    opened = _establish_new_socket_connection(
        session_id="",
        server_hostname=parts.hostname or "",
        server_port=parts.port or (443 if parts.scheme == "wss" else 80),
        logger=_sdk_log,
        sock_send_lock=threading.Lock(),
        receive_timeout=_OPEN_TIMEOUT_S,
        proxy=client.proxy,
        proxy_headers=None,
        trace_enabled=False,
        ssl_context=client.ssl,
    )
    try:
        key = _generate_sec_websocket_key()
        opened.sendall(_upgrade(parts, key))
        status, headers, _ = _parse_handshake_response(opened)  # type: ignore[arg-type]
        if status != HTTPStatus.SWITCHING_PROTOCOLS:
            raise LinkFailed(f"the WebSocket was refused with status {status}")
        if not _validate_sec_websocket_accept(key, headers):
            raise LinkFailed("what answered is no WebSocket")
    except BaseException:
        opened.close()
        raise
    return opened


def _upgrade(parts: SplitResult, key: str) -> bytes:
    lines = (
        f"GET {parts.path}?{parts.query} HTTP/1.1",
        f"Host: {parts.hostname}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
