"""Weeks and months as instants: whatever clocks do, each comes once, and none is left out."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.costs import Span
from bot.periods import last_weekly, local_day, month_of, week_before

HOUR = timedelta(hours=1)
ZONES = ("Asia/Seoul", "Europe/Berlin", "America/New_York", "Pacific/Auckland")
MON, SUN = 0, 6


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "now", "instant"),
    [
        ("Asia/Seoul", "2026-11-23T00:00", "2026-11-23T00:00"),  # nine there, and no DST
        ("Asia/Seoul", "2026-11-22T23:59:59", "2026-11-16T00:00"),
        ("Europe/Berlin", "2026-03-23T08:00", "2026-03-23T08:00"),  # before clocks go forward
        ("Europe/Berlin", "2026-03-30T07:00", "2026-03-30T07:00"),  # after
        ("Europe/Berlin", "2026-03-30T06:59", "2026-03-23T08:00"),
        ("Europe/Berlin", "2026-10-26T07:59", "2026-10-19T07:00"),  # back again
        ("America/New_York", "2026-03-09T13:00", "2026-03-09T13:00"),
        ("America/New_York", "2026-11-02T13:59", "2026-10-26T13:00"),
        ("America/New_York", "2026-11-02T14:00", "2026-11-02T14:00"),
        ("Pacific/Auckland", "2026-04-05T21:00", "2026-04-05T21:00"),  # Monday there, clocks back
        ("Pacific/Auckland", "2026-09-27T19:59", "2026-09-20T21:00"),
        ("Pacific/Auckland", "2026-09-27T20:00", "2026-09-27T20:00"),  # and forward
    ],
)
def test_monday_at_nine(zone: str, now: str, instant: str) -> None:
    assert last_weekly(MON, time(9), ZoneInfo(zone), utc(now)) == utc(instant)


@pytest.mark.parametrize(
    ("zone", "at", "now", "instant"),
    [  # Sundays on which 2:30 never comes: the instant that it would have been; or twice: the first
        ("Europe/Berlin", time(2, 30), "2026-03-29T12:00", "2026-03-29T01:30"),
        ("Europe/Berlin", time(2, 30), "2026-10-25T01:00", "2026-10-25T00:30"),
        ("America/New_York", time(2, 30), "2026-03-08T12:00", "2026-03-08T07:30"),
        ("America/New_York", time(1, 30), "2026-11-01T06:00", "2026-11-01T05:30"),
        ("Pacific/Auckland", time(2, 30), "2026-04-04T14:00", "2026-04-04T13:30"),
    ],
)
def test_a_time_that_comes_twice_or_never_is_one_instant(
    zone: str, at: time, now: str, instant: str
) -> None:
    assert last_weekly(SUN, at, ZoneInfo(zone), utc(now)) == utc(instant)


INSTANTS = st.datetimes(datetime(2024, 1, 1), datetime(2029, 1, 1)).map(
    lambda naive: naive.replace(tzinfo=UTC)
)
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))


@given(st.sampled_from(ZONES), st.integers(0, 6), TIMES, INSTANTS)
def test_one_instant_follows_the_other_a_week_later(
    zone: str, weekday: int, at: time, now: datetime
) -> None:
    where = ZoneInfo(zone)
    found = last_weekly(weekday, at, where, now)

    assert found <= now < found + timedelta(days=7) + HOUR
    assert found.astimezone(where).weekday() == weekday
    before = last_weekly(weekday, at, where, found - timedelta(microseconds=1))
    assert timedelta(days=7) - HOUR <= found - before <= timedelta(days=7) + HOUR
    assert last_weekly(weekday, at, where, found + HOUR) == found


@given(st.sampled_from(ZONES), TIMES, INSTANTS)
def test_weeks_follow_one_another_without_a_gap(zone: str, at: time, now: datetime) -> None:
    where = ZoneInfo(zone)
    later = last_weekly(MON, at, where, now)
    earlier = last_weekly(MON, at, where, later - timedelta(days=1))
    days = [*week_before(earlier, where), *week_before(later, where)]

    assert days[-1].end <= later
    assert all(one.end == next_one.begin for one, next_one in pairwise(days))
    dates = [local_day(day, where) for day in days]
    assert [each - dates[0] for each in dates] == [timedelta(days=n) for n in range(14)]
    assert {day.end - day.begin for day in days} <= {23 * HOUR, 24 * HOUR, 25 * HOUR}


@pytest.mark.parametrize(
    ("zone", "now", "hours"),
    [
        ("Asia/Seoul", "2026-03-30T05:00", 168),
        ("Europe/Berlin", "2026-03-30T07:00", 167),
        ("Europe/Berlin", "2026-10-26T08:00", 169),
        ("America/New_York", "2026-03-09T13:00", 167),
        ("Pacific/Auckland", "2026-04-05T21:00", 169),
    ],
)
def test_a_week_has_the_hours_that_it_had(zone: str, now: str, hours: int) -> None:
    days = week_before(utc(now), ZoneInfo(zone))

    assert days[-1].end - days[0].begin == hours * HOUR


def test_a_leap_day_is_a_day_of_its_week() -> None:
    where = ZoneInfo("Asia/Seoul")
    days = week_before(utc("2028-03-06T00:00"), where)

    assert [local_day(day, where) for day in days][:3] == [
        date(2028, 2, 28), date(2028, 2, 29), date(2028, 3, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "now", "begin", "end"),
    [
        ("UTC", "2026-11-30T23:59", "2026-11-01T00:00", "2026-12-01T00:00"),
        ("UTC", "2026-12-31T12:00", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("UTC", "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        ("UTC", "2027-02-28T23:59", "2027-02-01T00:00", "2027-03-01T00:00"),
        ("Asia/Seoul", "2026-11-30T15:00", "2026-11-30T15:00", "2026-12-31T15:00"),
        ("Europe/Berlin", "2026-03-15T00:00", "2026-02-28T23:00", "2026-03-31T22:00"),
        ("America/New_York", "2026-11-01T05:00", "2026-11-01T04:00", "2026-12-01T05:00"),
        ("Pacific/Auckland", "2026-03-31T11:30", "2026-03-31T11:00", "2026-04-30T12:00"),
    ],
)
def test_a_month_ends_where_the_next_one_begins(zone: str, now: str, begin: str, end: str) -> None:
    assert month_of(utc(now), ZoneInfo(zone)) == Span(utc(begin), utc(end))


@given(st.sampled_from(ZONES), INSTANTS)
def test_each_instant_is_in_one_month(zone: str, now: datetime) -> None:
    where = ZoneInfo(zone)
    month = month_of(now, where)

    assert month.begin <= now < month.end
    assert month_of(month.begin, where) == month
    assert month_of(month.end, where).begin == month.end
