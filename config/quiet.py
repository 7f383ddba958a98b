"""Quiet hours: weekly windows of local time, as instants.

Written like `mon-fri 22:00-08:00` or `sat,sun 00:00-24:00`. A window that ends at or before its
begin ends on the next day. Nothing is ever decided by comparing hours: a window is turned into two
instants of the zone first, so that it keeps its meaning on the days when clocks change. A local
time that comes twice, or not at all, is the earliest that it may mean for a begin and the latest
for an end, so that in doubt it is quiet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"([a-z,-]+) ([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")
_FORM = "write it like mon-fri 22:00-08:00, sat,sun 00:00-24:00 or daily 20:00-07:30"
_DAY = timedelta(days=1)
_WEEK_MINUTES = 7 * 24 * 60


@dataclass(frozen=True, slots=True)
class QuietWindow:
    """A window of local time that begins on some days of the week. Minutes are since midnight."""

    days: frozenset[int]  # 0 = Monday, on which it begins
    begins: int  # minutes, below 24 * 60
    ends: int  # minutes, above `begins`: beyond 24 * 60 is on the next day

    def on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
        """The two instants of the window that begins on this day; None when none does."""
        if day.weekday() not in self.days:
            return None
        return min(_instants(day, self.begins, zone)), max(_instants(day, self.ends, zone))


def parse_window(value: object) -> QuietWindow:
    """The window that is written. Raises ValueError with the allowed form."""
    if isinstance(value, QuietWindow):
        return value
    found = _WINDOW.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if not found:
        raise ValueError(_FORM)
    begins, ends = _minutes(found[2], found[3]), _minutes(found[4], found[5])
    if begins == 24 * 60:
        raise ValueError("a window cannot begin at 24:00; write 00:00 of the next day")
    return QuietWindow(_days(found[1]), begins, ends if ends > begins else ends + 24 * 60)


def parse_zone(value: str) -> str:
    """The name of a time zone. Raises ValueError when there is none of that name."""
    if value not in available_timezones():
        raise ValueError("must be a time zone such as Asia/Seoul or Europe/Berlin")
    return value


Window = Annotated[QuietWindow, BeforeValidator(parse_window)]
ZoneName = Annotated[str, AfterValidator(parse_zone)]


def quiet_until(windows: Iterable[QuietWindow], zone: ZoneInfo, now: datetime) -> datetime | None:
    """The instant at which it is no longer quiet; None when it is not quiet now."""
    windows = tuple(windows)
    until = now
    for _ in range(len(windows) * 8 + 1):  # windows that touch are one; a week of them ends
        ends = [end for begin, end in _around(windows, zone, until) if begin <= until < end]
        if not ends:
            break
        until = max(ends)
    return until if until > now else None


def next_quiet(windows: Iterable[QuietWindow], zone: ZoneInfo, now: datetime) -> datetime | None:
    """The instant at which the next window begins, within a week or so; None when there is none."""
    windows = tuple(windows)
    begins = (begin for begin, _ in _around(windows, zone, now, days=9) if begin > now)
    return min(begins, default=None)


def loud_after(
    windows: Iterable[QuietWindow], zone: ZoneInfo, start: datetime, span: timedelta
) -> datetime:
    """When `span` of time that is not quiet has passed since `start`."""
    windows = tuple(windows)
    at, left = start, span
    while True:
        at = quiet_until(windows, zone, at) or at
        quiet = next_quiet(windows, zone, at)
        if quiet is None or quiet - at >= left:
            return at + left
        at, left = quiet, left - (quiet - at)


def leave_no_time(windows: Iterable[QuietWindow]) -> bool:
    """Whether the windows cover the whole week, so that nothing could ever be done."""
    quiet = bytearray(_WEEK_MINUTES)
    for window in windows:
        for day in window.days:
            for minute in range(window.begins, window.ends):
                quiet[(day * 24 * 60 + minute) % _WEEK_MINUTES] = 1
    return all(quiet)


def _around(
    windows: tuple[QuietWindow, ...], zone: ZoneInfo, now: datetime, days: int = 2
) -> Iterator[tuple[datetime, datetime]]:
    """The windows that begin from two days before now on, for so many days."""
    if not windows:
        return
    first = now.astimezone(zone).date() - 2 * _DAY
    for ahead in range(days + 2):
        for window in windows:
            instants = window.on(first + ahead * _DAY, zone)
            if instants:
                yield instants


def _instants(day: date, minutes: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Both that a local time may mean; the same one twice but for the hours of a change."""
    day += minutes // (24 * 60) * _DAY
    hour, minute = divmod(minutes % (24 * 60), 60)
    local = datetime.combine(day, time(hour, minute), zone)
    return local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)


def _minutes(hour: str, minute: str) -> int:
    minutes = int(hour) * 60 + int(minute)
    if int(minute) > 59 or minutes > 24 * 60:
        raise ValueError(f"{hour}:{minute} is no time of day; {_FORM}")
    return minutes


def _days(text: str) -> frozenset[int]:
    if text == "daily":
        return frozenset(range(7))
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last or first) not in _DAYS or part.endswith("-"):
            raise ValueError(f"{part!r} is no day of the week; {_FORM}")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        days.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return frozenset(days)
