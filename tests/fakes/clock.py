"""A clock that only tests move."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Implements `bot.ports.Clock`: stands still; sleeping moves it forward at once."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = self._now = start or datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
        self._lock = threading.Lock()
        self.slept: list[timedelta] = []

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def monotonic(self) -> timedelta:
        with self._lock:
            return self._now - self._start

    def sleep(self, duration: timedelta) -> None:
        with self._lock:
            self.slept.append(duration)
            self._now += max(duration, timedelta(0))

    def advance(self, duration: timedelta) -> None:
        """Let time pass without anybody having slept."""
        with self._lock:
            self._now += duration

    def set(self, instant: datetime) -> None:
        """Somebody sets the machine's clock: no time passes."""
        with self._lock:
            self._start += instant - self._now
            self._now = instant
