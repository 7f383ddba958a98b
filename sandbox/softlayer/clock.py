"""The sandbox's time: SoftLayer's minutes may pass in seconds, or only when a test says so."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Protocol

#: SoftLayer writes its times with US Central's offset and reads times without one as Central.
CENTRAL = timezone(timedelta(hours=-6))


class SandboxClock(Protocol):
    """Where the sandbox reads the time."""

    def now(self) -> datetime:
        """The present instant in the sandbox, aware, UTC."""

    def seconds_until(self, when: datetime) -> float | None:
        """Real seconds until `when`; None if time only moves by hand."""


class SpeedClock:
    """Starts at the real time and runs `speed` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.speed = speed
        self._started_at = datetime.now(UTC)
        self._origin = time.monotonic()

    def now(self) -> datetime:
        return self._started_at + timedelta(seconds=(time.monotonic() - self._origin) * self.speed)

    def seconds_until(self, when: datetime) -> float | None:
        return max(0.0, (when - self.now()).total_seconds() / self.speed)


class ManualClock:
    """Stands still until `advance` moves it: for tests."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def seconds_until(self, when: datetime) -> float | None:
        return 0.0 if when <= self.now() else None

    def advance(self, duration: timedelta) -> None:
        with self._lock:
            self._now += duration


def iso(when: datetime) -> str:
    """SoftLayer's way to write a time: ISO 8601, seconds, with offset."""
    return when.astimezone(CENTRAL).isoformat(timespec="seconds")


def parse_time(text: str) -> datetime:
    """Read a time as SoftLayer does: ISO or MM/DD/YYYY [H:M:S]; Central if no offset is given.

    Raises ValueError when it is neither.
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        form = "%m/%d/%Y %H:%M:%S" if ":" in text else "%m/%d/%Y"
        when = datetime.strptime(text, form)
    return when if when.tzinfo else when.replace(tzinfo=CENTRAL)
