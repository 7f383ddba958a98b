"""Weeks and months of a time zone, as instants.

Nothing is ever decided by comparing hours: a local time is turned into an instant first, so that it
keeps its meaning when clocks change. One that comes twice is the first of both; one that never
comes is the instant that it would have been.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.costs import Span

DAYS = 7

_DAY = timedelta(days=1)
_MIDNIGHT = time(0)


def last_weekly(weekday: int, at: time, zone: ZoneInfo, now: datetime) -> datetime:
    """The last instant, up to now, at which it was this time on this day of the week (0 = Monday).

    In UTC, so that it is written in the same way whoever computes it.
    """
    today = now.astimezone(zone).date()
    day = today - (today.weekday() - weekday) % DAYS * _DAY
    instant = _instant(day, at, zone)
    return instant if instant <= now else _instant(day - DAYS * _DAY, at, zone)


def week_before(instant: datetime, zone: ZoneInfo) -> tuple[Span, ...]:
    """The seven whole local days that ended before an instant, the earliest first.

    One may have 23 or 25 hours. Weeks of instants a week apart follow one another without a gap.
    """
    last = instant.astimezone(zone).date()
    midnights = [_instant(last - back * _DAY, _MIDNIGHT, zone) for back in range(DAYS, -1, -1)]
    return tuple(Span(begin, end) for begin, end in zip(midnights, midnights[1:], strict=False))


def local_day(span: Span, zone: ZoneInfo) -> date:
    """The day that a span of `week_before` is."""
    return span.begin.astimezone(zone).date()


def month_of(now: datetime, zone: ZoneInfo) -> Span:
    """The calendar month, from its first local midnight to that of the next one."""
    first = now.astimezone(zone).date().replace(day=1)
    following = (first + 31 * _DAY).replace(day=1)
    return Span(_instant(first, _MIDNIGHT, zone), _instant(following, _MIDNIGHT, zone))


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
