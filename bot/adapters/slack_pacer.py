"""The paced outbox: one thread sends all edits, and posts wait for their turn."""

from __future__ import annotations

import bisect
import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from bot.adapters.slack_outbox import Edit, Outbox, Pace
from bot.errors import ChatUnknown
from bot.models import MessageRef, Text
from bot.ports import Blocks, Clock

log = logging.getLogger(__name__)

_LOOK = timedelta(milliseconds=50)  # how long new work may go unseen while other work waits


class Pacer:
    """Sends edits in a thread of its own, begun at first use.

    send: edits a message once; raises ChatRefused, ChatUnknown and (a rate limit) ChatBusy.
    """

    def __init__(
        self,
        send: Callable[[MessageRef, str, Blocks], None],
        clock: Clock,
        pace: Pace | None = None,
    ) -> None:
        self._send = send
        self._clock = clock
        self._outbox = Outbox(pace or Pace())
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._deadline = clock.now()  # of the closing

    def soon(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        """Edit a message when there is room; never blocks, never raises. Ignored when closed."""
        with self._changed:
            if not self._is_closed:
                self._outbox.put_soon(ref, text, blocks, self._clock.now())
                self._wake()

    def final(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        """Edit a message for good; returns when Slack has taken it.

        Raises ChatRefused, and ChatUnknown when Slack gave no usable answer for too long, or when
        the pacer is closed.
        """
        with self._changed:
            if self._is_closed:
                raise _closed()
            taken = self._outbox.put_final(ref, text, blocks)
            self._wake()
        taken.result()

    def close(self, timeout: timedelta) -> None:
        """Send the final states that wait, for at most `timeout`; forget all progress.

        Whoever still waits then gets ChatUnknown. Closed already is success.
        """
        with self._changed:
            if not self._is_closed:
                self._is_closed = True
                self._outbox.drop_soon()
                self._deadline = self._clock.now() + timeout
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    # --- within ----------------------------------------------------------------------------------

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="slack-pacer", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        edit: Edit | None = None
        try:
            while (edit := self._next()) is not None:
                error = self._tried(edit)
                with self._changed:
                    is_well = self._outbox.settle(edit, error, self._clock.now())
                    self._outbox.tidy(self._clock.now())
                if not is_well:
                    log.warning("slack: progress was not shown: %s", type(error).__name__)
        finally:  # nobody may wait for a thread that has ended
            with self._changed:
                self._is_closed = True
                self._outbox.drop_finals(_closed())
            if edit is not None and edit.taken is not None and not edit.taken.done():
                edit.taken.set_exception(_closed())

    def _tried(self, edit: Edit) -> Exception | None:
        try:
            self._send(edit.ref, edit.text, edit.blocks)
        except Exception as error:  # whoever waits for it gets it; the thread must go on
            return error
        return None

    def _next(self) -> Edit | None:
        """The next edit to be sent, waited for; None when there will be none."""
        while True:
            with self._changed:
                now = self._clock.now()
                if self._is_closed and (now >= self._deadline or not self._outbox.has_finals):
                    return None
                edit = self._outbox.take(now)
                if edit is not None:
                    return edit
                at = self._outbox.next_at()
                if at is None:
                    self._changed.wait()
                    continue
            self._clock.sleep(min(at - now, _LOOK))


class PostTurns:
    """When which post may go: one a second per channel, and a cap for the workspace.

    chat.postMessage has its own rule: about one message per second and channel, and "several
    hundred" a minute in all (docs.slack.dev/apis/web-api/rate-limits).
    """

    WINDOW = timedelta(seconds=61)

    def __init__(
        self,
        clock: Clock,
        between: timedelta = timedelta(seconds=1),
        per_minute: int = 200,
    ) -> None:
        self._clock = clock
        self._between = between
        self._per_minute = per_minute
        self._lock = threading.Lock()
        self._turns: list[tuple[float, str]] = []  # (epoch seconds, channel), in order

    def wait(self, channel_id: str) -> None:
        """Return when it is this post's turn."""
        with self._lock:
            now = self._clock.now().timestamp()
            at = max(now, self._after_channel(channel_id), self._after_all())
            bisect.insort(self._turns, (at, channel_id))
            edge = now - self.WINDOW.total_seconds()
            self._turns = [turn for turn in self._turns if turn[0] > edge]
        if at > now:
            self._clock.sleep(timedelta(seconds=at - now))

    def _after_channel(self, channel_id: str) -> float:
        turns = [at for at, channel in self._turns if channel == channel_id]
        return turns[-1] + self._between.total_seconds() if turns else 0.0

    def _after_all(self) -> float:
        if len(self._turns) < self._per_minute:
            return 0.0
        return self._turns[-self._per_minute][0] + self.WINDOW.total_seconds()


def _closed() -> ChatUnknown:
    return ChatUnknown(Text("The bot is being stopped; the message was not changed."))
