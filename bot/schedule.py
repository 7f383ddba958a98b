"""Time as a caller: ticks at fixed instants, in UTC, caught up once when they were missed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from bot.ports import Clock

log = logging.getLogger(__name__)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Schedule:
    """Runs jobs every so often. A job that fails is logged and runs again at its next tick."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last_tick: datetime | None = None
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            # APScheduler 3.11 drops a tick that is 1 s late by default.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def every(self, period: timedelta, name: str, job: Callable[[], None]) -> None:
        """Run `job` every `period`, the first time at once."""
        self._scheduler.add_job(
            lambda: self._tick(name, job),
            IntervalTrigger(seconds=int(period.total_seconds()), timezone=UTC),
            id=name,
            next_run_time=datetime.now(UTC),
        )

    def at_instants(self, period: timedelta, name: str, job: Callable[[datetime], object]) -> None:
        """Run `job` at the instants that are multiples of `period`: the same on every replica.

        It is given the instant that was due last. Of those that were missed only that one is run.
        """
        self._scheduler.add_job(
            lambda: self._tick(name, lambda: job(due_at(self._clock.now(), period))),
            IntervalTrigger(seconds=_seconds(period), start_date=_EPOCH, timezone=UTC),
            id=name,
        )

    def start(self) -> None:
        """Begin to tick, in threads of the scheduler's."""
        self._scheduler.start()

    def stop(self) -> None:
        """Tick no more. A job that runs is not waited for: it only looks, or forgets old rows."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def last_tick_age(self) -> timedelta | None:
        """How long ago the last job ran; None before the first."""
        with self._lock:
            return None if self._last_tick is None else self._clock.now() - self._last_tick

    def _tick(self, name: str, job: Callable[[], object]) -> None:
        with self._lock:
            self._last_tick = self._clock.now()
        try:
            job()
        except Exception:
            log.exception("the scheduled job %s failed", name)


def due_at(now: datetime, period: timedelta) -> datetime:
    """The last instant, up to now, that is a multiple of `period` since 1970, in UTC."""
    every = _seconds(period)
    return _EPOCH + timedelta(seconds=(now - _EPOCH) // timedelta(seconds=every) * every)


def _seconds(period: timedelta) -> int:
    return max(1, int(period.total_seconds()))
