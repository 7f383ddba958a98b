"""Socket Mode: one-time WebSocket addresses, envelopes, acknowledgements, disconnects.

Frames: docs.slack.dev/apis/events-api/using-socket-mode and the fixtures of python-slack-sdk.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.slack.errors import NotDelivered
from sandbox.slack.records import Json

MOST_CONNECTIONS = 10
PING_S = 20.0  # how often we ping; a client that answers none is cut
DRAIN_S = 10.0  # how long a connection told to go may stay when no other comes
DRAINING = frozenset({"refresh_requested", "link_disabled", "too_many_websockets"})


@dataclass(frozen=True, slots=True)
class Retry:
    """Which repetition of an event this is (from 1), and why."""

    number: int
    reason: str


@dataclass(eq=False, slots=True)
class Connection:
    """One WebSocket of the app; a draining one gets payloads only when there is no other."""

    socket: web.WebSocketResponse
    request: web.Request
    is_draining: bool = False

    async def close(self) -> None:
        """Close it in good order; closed already is success."""
        await self.socket.close()


class SocketMode:
    """All WebSockets of the app. Each payload goes to one of them, in turn."""

    def __init__(self, app_id: str, ack_timeout_s: float, on_change: Callable[[], None]) -> None:
        self._app_id = app_id
        self._on_change = on_change  # called when a connection opens or closes
        self._ack_timeout_s = ack_timeout_s
        self._tickets: set[str] = set()
        self._connections: list[Connection] = []
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._turn = 0
        self._closing: set[asyncio.Task[None]] = set()
        self.opened = 0  # connections ever opened

    @property
    def count(self) -> int:
        """How many WebSockets are open."""
        return len(self._connections)

    def issue_address(self, base_url: str) -> str:
        """A WebSocket address that can be connected to once."""
        ticket = secrets.token_urlsafe(24)
        self._tickets.add(ticket)
        address = base_url.replace("http", "ws", 1)
        return f"{address}/link/?ticket={ticket}&app_id={self._app_id}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, from handshake to close. A ticket used before gets 401."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=401, text="invalid ticket")
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(heartbeat=PING_S)
        await socket.prepare(request)
        if self.count >= MOST_CONNECTIONS:
            await socket.send_json(_disconnect_frame("too_many_websockets"))
            await socket.close()
            return socket
        await self._converse(Connection(socket, request))
        return socket

    async def deliver(self, kind: str, payload: Json, retry: Retry | None = None) -> Any:
        """Send one payload and wait for its ack; gives the ack's payload (None without one).

        An ack is taken on any connection: what Slack does after a reconnect is not documented, and
        slack_sdk's builtin client sends acks on its newest one.
        Raises NotDelivered: dispatch_failed without a connection, operation_timeout without an ack.
        """
        envelope_id = str(uuid.uuid4())
        envelope: Json = {
            "envelope_id": envelope_id,
            "type": kind,
            "accepts_response_payload": kind != "events_api",
            "payload": payload,
        }
        if kind == "events_api":
            envelope["retry_attempt"] = retry.number if retry else 0
            envelope["retry_reason"] = retry.reason if retry else ""
        ack = self._waiting[envelope_id] = asyncio.get_running_loop().create_future()
        try:
            await self._next_connection().socket.send_json(envelope)
            return await asyncio.wait_for(ack, self._ack_timeout_s)
        except (TimeoutError, ConnectionError) as error:
            raise NotDelivered("operation_timeout", "timeout") from error
        finally:
            del self._waiting[envelope_id]

    async def disconnect(self, reason: str) -> int:
        """Tell every connection to go: warning, refresh_requested, link_disabled …

        All but `warning` close the connection too: when the client has opened another, at the
        latest after ten seconds. Gives the number of connections told.
        """
        told = list(self._connections)
        for connection in told:
            await connection.socket.send_json(_disconnect_frame(reason))
            if reason in DRAINING:
                connection.is_draining = True
                self._close_later(connection, DRAIN_S)
        return len(told)

    def cut(self) -> int:
        """Drop every TCP connection without a close frame. Gives their number."""
        cut = list(self._connections)
        self._connections.clear()
        for connection in cut:
            if connection.request.transport is not None:
                connection.request.transport.abort()
        return len(cut)

    async def close(self) -> None:
        """Close every connection in good order."""
        for task in list(self._closing):
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        for connection in list(self._connections):
            await connection.close()

    async def _converse(self, connection: Connection) -> None:
        for replaced in self._connections:
            if replaced.is_draining:
                self._close_later(replaced, 0)
        self._connections.append(connection)
        self.opened += 1
        try:
            await connection.socket.send_json(self._hello())
            self._on_change()
            async for frame in connection.socket:
                if frame.type is WSMsgType.TEXT:
                    self._take(frame.data)
        finally:
            if connection in self._connections:
                self._connections.remove(connection)
            self._on_change()

    def _close_later(self, connection: Connection, delay_s: float) -> None:
        async def close() -> None:
            await asyncio.sleep(delay_s)
            await connection.close()

        task = asyncio.get_running_loop().create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _take(self, text: str) -> None:
        """Settle the ack that a frame carries; anything else a client says is of no interest."""
        try:
            frame = json.loads(text)
        except ValueError:
            return
        if not isinstance(frame, dict):
            return
        ack = self._waiting.get(str(frame.get("envelope_id")))
        if ack is not None and not ack.done():
            ack.set_result(frame.get("payload"))

    def _next_connection(self) -> Connection:
        steady = [entry for entry in self._connections if not entry.is_draining]
        candidates = steady or self._connections
        if not candidates:
            raise NotDelivered("dispatch_failed", "connection_failed")
        self._turn += 1
        return candidates[self._turn % len(candidates)]

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": self.count,
            "debug_info": _debug_info(),
            "connection_info": {"app_id": self._app_id},
        }


def _disconnect_frame(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": _debug_info()}


def _debug_info() -> Json:
    return {"host": "applink-sandbox", "build_number": 1, "approximate_connection_time": 18060}
