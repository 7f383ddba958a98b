"""Many threads on one clock that jumps: real concurrency, and the same order in every run.

sim = Simulation()                     # is a `bot.ports.Clock`
sim.spawn(lambda: order())             # runs until it sleeps; then whoever wakes up next runs
sim.spawn(lambda: cancel(), timedelta(seconds=90))
sim.run()                              # until nobody is left
sim.kill_all()                         # whoever sleeps wakes up in `Killed`, as by kill -9

Only one thread runs at a time, and it gives way only in `sleep`.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.fakes.durable import Killed

_TOO_LONG = timedelta(days=4)  # no test needs more: something waits for ever


class _Task:
    def __init__(self, act: Callable[[], None], *, is_mortal: bool) -> None:
        self.act = act
        self.is_mortal = is_mortal
        self.is_over = False
        self.is_killed = False
        self.error: BaseException | None = None
        self.thread: threading.Thread | None = None
        self.baton = threading.Semaphore(0)


class Simulation:
    """Implements `bot.ports.Clock`, and runs what sleeps on it."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = self._now = start or datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
        self._horizon: datetime | None = None
        self._waiting: list[tuple[datetime, int, _Task]] = []
        self._numbers = itertools.count()
        self._back = threading.Semaphore(0)
        self._here = threading.local()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> timedelta:
        return self._now - self._start

    def sleep(self, duration: timedelta) -> None:
        """Give way until then. In a thread that is none of ours time just passes."""
        until = self._now + max(duration, timedelta(0))
        if until - self._start > _TOO_LONG:
            raise AssertionError("somebody waits for ever")
        task: _Task | None = getattr(self._here, "task", None)
        is_next = not self._waiting or self._waiting[0][0] > until
        is_within = self._horizon is None or until <= self._horizon
        if task is None or (is_next and is_within):
            self._now = until
            return
        self._put(task, until)
        self._back.release()
        task.baton.acquire()
        if task.is_killed:
            raise Killed("the process died while this one slept")

    def advance(self, duration: timedelta) -> None:
        """Let time pass without anybody having done anything."""
        self._now += duration

    def spawn(
        self,
        act: Callable[[], None],
        after: timedelta = timedelta(0),
        *,
        is_mortal: bool = True,
    ) -> None:
        """Have `act` run in a thread of its own. is_mortal: `kill_all` ends it."""
        self._put(_Task(act, is_mortal=is_mortal), self._now + after)

    def run(self, until: datetime | None = None) -> None:
        """Let everybody run, at most until an instant; raises what one of them raises."""
        self._horizon = until
        while self._waiting and (until is None or self._waiting[0][0] <= until):
            at, _, task = heapq.heappop(self._waiting)
            self._now = max(self._now, at)
            self._let(task)
        self._horizon = None
        if until is not None:
            self._now = max(self._now, until)

    def kill_all(self) -> None:
        """End every mortal task where it sleeps."""
        doomed = [task for _, _, task in self._waiting if task.is_mortal]
        self._waiting = [each for each in self._waiting if not each[2].is_mortal]
        heapq.heapify(self._waiting)
        for task in doomed:
            task.is_killed = True
            if task.thread is not None:
                try:
                    self._let(task)
                except Killed:
                    continue

    def _put(self, task: _Task, at: datetime) -> None:
        heapq.heappush(self._waiting, (at, next(self._numbers), task))

    def _let(self, task: _Task) -> None:
        if task.thread is None:
            task.thread = threading.Thread(target=self._body, args=(task,), daemon=True)
            task.thread.start()
        else:
            task.baton.release()
        self._back.acquire()
        if task.is_over:
            task.thread.join()
        if task.error is not None:
            raise task.error

    def _body(self, task: _Task) -> None:
        self._here.task = task
        try:
            task.act()
        except BaseException as error:
            task.error = error
        finally:
            task.is_over = True
            self._back.release()
