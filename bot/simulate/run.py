"""Runs a rule over lives, and counts what it costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import inf

from bot.simulate.life import Kind, Life
from bot.simulate.rules import OffHours, Rule, hours_paid


@dataclass(frozen=True, slots=True)
class LeaseRun:
    """One lease of a VM."""

    ordered: float
    cancelled: float | None  # None: it still ran at the end
    reason: str | None
    was_busy: bool  # when it was stopped
    is_restored: bool  # somebody needed it again and had to wait for it


@dataclass(frozen=True, slots=True)
class Totals:
    """What a rule comes to."""

    dollars: Decimal
    hours: Decimal  # billed
    leases: int
    busy_killed: int
    interrupted: int  # times that somebody needed a VM which had been taken

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.dollars + other.dollars,
            self.hours + other.hours,
            self.leases + other.leases,
            self.busy_killed + other.busy_killed,
            self.interrupted + other.interrupted,
        )


NOTHING = Totals(Decimal(0), Decimal(0), 0, 0, 0)


def leases_of(rule: Rule, life: Life, horizon: float) -> list[LeaseRun]:
    """All leases of a VM under a rule until the horizon."""
    stop_of = rule.watch(life)
    leases: list[LeaseRun] = []
    start, is_restored = life.ordered_at, False
    while True:
        stop = stop_of(life, start, horizon)
        if stop is None or stop.at >= horizon:
            leases.append(LeaseRun(start, None, None, False, is_restored))
            return leases
        was_busy = life.is_busy(stop.at) and not rule.is_free
        leases.append(LeaseRun(start, stop.at, stop.reason, was_busy, is_restored))
        again, life = _again(rule, life, stop.at)
        if again is None or again >= horizon:
            return leases
        start, is_restored = again, _is_interruption(rule, life, again)


def _again(rule: Rule, life: Life, at: float) -> tuple[float | None, Life]:
    """When the VM is there again, and its life after what was killed."""
    if rule.is_free or not life.level(at)[Kind.COMPUTE]:
        again = life.next_need(at)
    else:
        again = life.killed(at, None).next_need(at)
        life = life.killed(at, again)
    restart = rule.restart(at) if isinstance(rule, OffHours) else None
    if restart is not None and restart < (inf if again is None else again):
        again = restart
    return again, life


def _is_interruption(rule: Rule, life: Life, at: float) -> bool:
    return not rule.is_free and life.is_busy(at) and not life.is_order(at)


def totals(rule: Rule, lives: Iterable[Life], horizon: float, *, by_started_hour: bool) -> Totals:
    """What a rule costs over all lives until the horizon."""
    total = NOTHING
    for life in lives:
        total += totals_of(life, leases_of(rule, life, horizon), horizon, by_started_hour)
    return total


def totals_of(life: Life, leases: list[LeaseRun], horizon: float, by_started_hour: bool) -> Totals:
    """What the leases of one VM come to."""
    hours = Decimal(0)
    for lease in leases:
        until = horizon if lease.cancelled is None else lease.cancelled
        hours += hours_paid(lease.ordered, until, by_started_hour)
    return Totals(
        hours * life.rate,
        hours,
        len(leases),
        sum(lease.was_busy for lease in leases),
        sum(lease.is_restored for lease in leases),
    )
