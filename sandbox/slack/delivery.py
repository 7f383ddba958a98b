"""Getting payloads to the app by whichever transport is set, with retries for events."""

from __future__ import annotations

import asyncio
import time as clocks
from collections.abc import Callable, Coroutine
from typing import Any

from sandbox.slack.errors import NotDelivered
from sandbox.slack.faults import AckRecord
from sandbox.slack.http_mode import HttpMode
from sandbox.slack.records import Json
from sandbox.slack.socket_mode import Retry, SocketMode

EVENT_RETRY_DELAYS_S = (0.0, 60.0, 300.0)  # docs.slack.dev/apis/events-api


class Delivery:
    """Sends commands, interactions and events, and keeps how long each ack took."""

    def __init__(
        self,
        socket: SocketMode,
        http: HttpMode,
        event_retry_delays_s: tuple[float, ...],
        on_change: Callable[[], None],
    ) -> None:
        self.socket = socket
        self.http = http
        self.acks: list[AckRecord] = []
        self._event_retry_delays_s = event_retry_delays_s
        self._on_change = on_change  # called after each ack
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, kind: str, payload: Json, retry: Retry | None = None) -> Any:
        """Deliver one payload; gives what its ack says. Raises NotDelivered."""
        transport = self.http if self.http.request_url is not None else self.socket
        began = clocks.perf_counter()
        answer = await transport.deliver(kind, payload, retry)
        self.acks.append(AckRecord(kind, clocks.perf_counter() - began))
        self._on_change()
        return answer

    def send_event(self, payload: Json) -> None:
        """Deliver an event in the background, up to three more times when it is not taken."""
        self.in_background(self._send_event(payload))

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something that nobody waits for; it is ended by `close`."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End what runs in the background and close both transports."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.socket.close()
        await self.http.close()

    async def _send_event(self, payload: Json) -> None:
        retry: Retry | None = None
        for number, delay_s in enumerate((*self._event_retry_delays_s, None), start=1):
            try:
                await self.send("events_api", payload, retry)
            except NotDelivered as failure:
                if not failure.may_retry or delay_s is None:
                    return
                retry = Retry(number, failure.retry_reason)
                await asyncio.sleep(delay_s)
            else:
                return
