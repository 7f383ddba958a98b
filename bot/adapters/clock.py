"""The real clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class ClockStopped(Exception):
    """The process is ending: whoever waits is to let go, and goes on in the next process."""


class SystemClock:
    """Implements `bot.ports.Clock`."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> timedelta:
        return timedelta(seconds=time.monotonic())

    def sleep(self, duration: timedelta) -> None:
        """As the port says. Raises ClockStopped once `stop` is called."""
        if self._stopped.wait(max(0.0, duration.total_seconds())):
            raise ClockStopped

    def stop(self) -> None:
        """Wake everybody who sleeps: operations end their attempt and are resumed later."""
        self._stopped.set()


class SteadyClock(SystemClock):
    """Goes on evenly from when it was made, whoever sets the machine's clock meanwhile.

    For whatever only compares its own times: a pace that remembers what it sent "in an hour" would
    send nothing for an hour. Not for times that are shown, or that another process compares.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._start = super().now() - self.monotonic()

    def now(self) -> datetime:
        return self._start + self.monotonic()

    def monotonic(self) -> timedelta:
        return timedelta(seconds=self._seconds())
