"""What VMs have cost, what they go on to cost, and what of it was paid while nobody used them.

Everything is an estimate from rates and instants that we know; the invoice is SoftLayer's. Where
the account bills by the started hour, an hour belongs to the span in which it begins, so that spans
that follow one another add up to the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from bot.models import Vm

MONTH = timedelta(hours=730)
"""A month as price lists count it: a twelfth of 8,760 hours (infracost, internal/schema)."""

_HOUR = timedelta(hours=1)
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Span:
    """From an instant to a later one, which does not belong to it."""

    begin: datetime
    end: datetime

    def within(self, other: Span) -> Span | None:
        """What both have in common, if anything."""
        begin, end = max(self.begin, other.begin), min(self.end, other.end)
        return Span(begin, end) if begin < end else None


@dataclass(frozen=True, slots=True)
class Life:
    """A VM, from when it is paid for, and the spans of it in which nothing was in use."""

    vm: Vm
    paid: Span  # to now, while it lives
    idle: tuple[Span, ...] = ()
    by_started_hour: bool = True


@dataclass(frozen=True, slots=True)
class VmCost:
    """What one VM cost in a span. Amounts in USD, to the cent; None: its rate is not known."""

    vm: Vm
    hours: Decimal
    amount: Decimal | None
    idle: Decimal | None  # of it, while nothing was in use


@dataclass(frozen=True, slots=True)
class Costs:
    """What many VMs cost in a span. Amounts in USD."""

    span: Span
    rows: tuple[VmCost, ...]  # the dearest first
    total: Decimal
    idle: Decimal
    per_month: Decimal  # what those that live go on to cost in a month, if nothing changes
    unknown: int  # VMs without a known rate; they are in no sum


@dataclass(frozen=True, slots=True)
class Taken:
    """A VM that was cancelled because nobody used it. paid: until then.

    back_at: when a VM took its place again, if one did.
    """

    vm: Vm
    paid: Span
    back_at: datetime | None = None
    by_started_hour: bool = True


@dataclass(frozen=True, slots=True)
class Week:
    """What the VMs of one channel cost in a week, and what taking idle ones has saved of it."""

    costs: Costs
    days: tuple[Costs, ...]
    first: date  # of the days, where the channel is
    taken: int  # VMs, in the week
    saved: Decimal  # USD, until its end
    live: int  # VMs that cost money now

    @property
    def dates(self) -> list[date]:
        """The days, as people write them."""
        return [self.first + number * timedelta(days=1) for number in range(len(self.days))]


def costs(lives: Iterable[Life], span: Span) -> Costs:
    """What the VMs cost in the span; those that were not paid for in it are left out."""
    lives = list(lives)
    rows = [row for row in (_cost(life, span) for life in lives) if row is not None]
    rows.sort(key=lambda row: (-(row.amount or Decimal(0)), row.vm.hostname, row.vm.op_id))
    rates = [life.vm.hourly_rate or Decimal(0) for life in lives if life.vm.state.is_live]
    return Costs(
        span,
        tuple(rows),
        total=sum((row.amount or Decimal(0) for row in rows), Decimal(0)),
        idle=sum((row.idle or Decimal(0) for row in rows), Decimal(0)),
        per_month=_amount(sum(rates, Decimal(0)), _hours(MONTH)),
        unknown=sum(1 for row in rows if row.amount is None),
    )


def each_day(lives: Sequence[Life], days: Sequence[Span]) -> list[Costs]:
    """The same, day by day."""
    return [costs(lives, day) for day in days]


def saved(taken: Iterable[Taken], until: datetime) -> Decimal:
    """What VMs would have cost from their cancellation to an instant, or until they were back.

    USD, to the cent. What has no known rate counts for nothing.
    """
    amounts = [_saved(each, until) for each in taken]
    return sum(amounts, Decimal(0)).quantize(_CENT)


def paid_hours(paid: Span, span: Span, *, by_started_hour: bool) -> Decimal:
    """Hours of a life that are paid for in a span."""
    if not by_started_hour:
        common = paid.within(span)
        return Decimal(0) if common is None else _hours(common.end - common.begin)
    first = max(0, math.ceil((span.begin - paid.begin) / _HOUR))
    beyond = math.ceil((min(paid.end, span.end) - paid.begin) / _HOUR)
    return Decimal(max(0, beyond - first))


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same time in spans that do not overlap, the earliest first."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda each: (each.begin, each.end)):
        if result and span.begin <= result[-1].end:
            result[-1] = Span(result[-1].begin, max(result[-1].end, span.end))
        else:
            result.append(span)
    return tuple(result)


def _saved(taken: Taken, until: datetime) -> Decimal:
    end = until if taken.back_at is None else min(until, taken.back_at)
    if taken.vm.hourly_rate is None or end <= taken.paid.end:
        return Decimal(0)
    unpaid = Span(taken.paid.end, end)
    hours = paid_hours(Span(taken.paid.begin, end), unpaid, by_started_hour=taken.by_started_hour)
    return _amount(taken.vm.hourly_rate, hours)


def _cost(life: Life, span: Span) -> VmCost | None:
    hours = paid_hours(life.paid, span, by_started_hour=life.by_started_hour)
    if not hours:
        return None
    rate = life.vm.hourly_rate
    if rate is None:
        return VmCost(life.vm, hours, None, None)
    amount = _amount(rate, hours)
    return VmCost(life.vm, hours, amount, min(amount, _amount(rate, _idle_hours(life, span))))


def _idle_hours(life: Life, span: Span) -> Decimal:
    lived = life.paid.within(span)
    if lived is None:
        return Decimal(0)
    idle = [common for each in joined(life.idle) if (common := each.within(lived))]
    return sum((_hours(each.end - each.begin) for each in idle), Decimal(0))


def _hours(length: timedelta) -> Decimal:
    return Decimal(int(length.total_seconds())) / 3600


def _amount(rate: Decimal, hours: Decimal) -> Decimal:
    return (rate * hours).quantize(_CENT)
