"""When a VM is stopped: by the bot's own judge, by the rules of others, and by clairvoyants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from math import ceil, floor, inf
from typing import Protocol

from bot.simulate.life import Kind, Life

HOUR = 3600.0
_DAY = 24 * HOUR
_TRAFFIC = (Kind.SESSION, Kind.TAB, Kind.VIEWER)


@dataclass(frozen=True, slots=True)
class Stop:
    """The end of a lease, and why."""

    at: float
    reason: str


class Rule(Protocol):
    """Decides when a VM is stopped. With `is_free`, stopping one too early costs nobody time."""

    @property
    def name(self) -> str: ...

    @property
    def is_free(self) -> bool: ...

    def watch(self, life: Life) -> Callable[[Life, float, float], Stop | None]:
        """A function of (life, begin of a lease, horizon) that gives the lease's end, or None.

        It is called for each lease of that VM in turn, and may remember what it has learned. It
        looks no further than the horizon.
        """
        ...


@dataclass(frozen=True)
class IdleCuller:
    """jupyterhub-idle-culler 2.0.0: looks at half the timeout; activity is traffic.

    An open page is traffic (2i2c-org/infrastructure#2232), a silent computation is none (#10, #55).
    """

    timeout: float = HOUR
    name: str = "jupyterhub-idle-culler, 1 h"
    is_free: bool = False

    def watch(self, life: Life) -> Callable[[Life, float, float], Stop | None]:
        return self._stop

    def _stop(self, life: Life, since: float, horizon: float) -> Stop | None:
        every = self.timeout / 2
        for free_from, used_at in quiet_times(life, since, horizon, _TRAFFIC):
            due = since + ceil((free_from + self.timeout - since) / every) * every
            if due < used_at:
                return Stop(due, "no traffic")
        return None


@dataclass(frozen=True)
class Coder:
    """Coder: a deadline that connections put off (coderd, activitybump.sql); nothing else does.

    lifetime: of a workspace that was just started; bump: how far a connection moves the deadline.
    """

    lifetime: float
    bump: float
    name: str
    is_free: bool = False

    def watch(self, life: Life) -> Callable[[Life, float, float], Stop | None]:
        return self._stop

    def _stop(self, life: Life, since: float, horizon: float) -> Stop | None:
        for free_from, used_at in quiet_times(life, since, horizon, _TRAFFIC):
            bumped = free_from + self.bump if free_from > since else since
            due = max(since + self.lifetime, bumped)
            if due < used_at:
                return Stop(due, "deadline")
        return None


@dataclass(frozen=True)
class OffHours:
    """Every VM is stopped at the same hour of each night, whatever it does.

    starts_at: hour at which what was stopped is started again on workdays, needed or not.
    """

    stops_at: float = 20
    starts_at: float | None = None
    name: str = "nightly stop at 20:00"
    is_free: bool = False

    def watch(self, life: Life) -> Callable[[Life, float, float], Stop | None]:
        return self._stop

    def _stop(self, life: Life, since: float, horizon: float) -> Stop | None:
        at = floor(since / _DAY) * _DAY + self.stops_at * HOUR
        return Stop(at if at > since else at + _DAY, "off hours")

    def restart(self, stopped_at: float) -> float | None:
        """When it is started again by itself."""
        if self.starts_at is None:
            return None
        at = floor(stopped_at / _DAY) * _DAY + _DAY + self.starts_at * HOUR
        while datetime.fromtimestamp(at, UTC).weekday() > 4:
            at += _DAY
        return at


@dataclass(frozen=True)
class Never:
    """Nobody stops anything."""

    name: str = "never"
    is_free: bool = False

    def watch(self, life: Life) -> Callable[[Life, float, float], Stop | None]:
        return lambda life, since, horizon: None


@dataclass(frozen=True)
class KnowsTheLast:
    """Clairvoyant: stops a VM at the end of its last use, and never one that will be used again."""

    name: str = "oracle: never one that is used again"
    is_free: bool = False

    def watch(self, life: Life) -> Callable[[Life, float, float], Stop | None]:
        return self._stop

    def _stop(self, life: Life, since: float, horizon: float) -> Stop | None:
        end = max(since, life.last_end())
        return Stop(end, "never used again") if end < inf else None


@dataclass(frozen=True)
class KnowsTheNext:
    """Clairvoyant: stops a VM where its paid hour ends before the next use, at nobody's cost."""

    name: str = "oracle: creates it anew for free"
    is_free: bool = True

    def watch(self, life: Life) -> Callable[[Life, float, float], Stop | None]:
        return self._stop

    def _stop(self, life: Life, since: float, horizon: float) -> Stop | None:
        for free_from, used_at in quiet_times(life, since, horizon, None):
            paid = since + max(1, ceil((free_from - since) / HOUR)) * HOUR
            if paid <= used_at:
                return Stop(max(free_from, since + 1), "not used now")
        return None


def quiet_times(
    life: Life, since: float, horizon: float, kinds: tuple[Kind, ...] | None
) -> list[tuple[float, float]]:
    """From when to when nothing of these kinds goes on; None: nothing that is a need."""
    spans = sorted(
        (max(span.begin, since), span.end)
        for span in life.spans
        if (span.kind in kinds if kinds else span.kind is not Kind.TAB) and span.end > since
    )
    times, free_from = [], since
    for begin, end in spans:
        if begin > free_from:
            times.append((free_from, begin))
        free_from = max(free_from, end)
    if free_from < inf:
        times.append((free_from, inf))
    return times


def hours_paid(since: float, until: float, by_started_hour: bool) -> Decimal:
    """The hours that a lease is billed for."""
    hours = Decimal(str(until - since)) / 3600
    return Decimal(max(1, ceil(hours))) if by_started_hour else hours


PEERS: tuple[Rule, ...] = (
    IdleCuller(),
    Coder(8 * HOUR, 8 * HOUR, "Coder, bump 8 h"),
    Coder(8 * HOUR, HOUR, "Coder, 8 h and bump 1 h"),
    OffHours(),
    OffHours(starts_at=8, name="nightly stop, on again at 8:00"),
)
BOUNDS: tuple[Rule, ...] = (Never(), KnowsTheLast(), KnowsTheNext())
