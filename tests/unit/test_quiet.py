"""Quiet hours: weekly windows that keep their meaning when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.quiet import (
    leave_no_time,
    loud_after,
    next_quiet,
    parse_window,
    parse_zone,
    quiet_until,
)

HOUR = timedelta(hours=1)
ZONES = ("Asia/Seoul", "Europe/Berlin", "America/New_York", "Pacific/Auckland")
WINDOWS = ("mon-fri 22:00-08:00", "sat-sun 00:00-24:00", "daily 02:15-02:45", "fri-mon 12:00-13:00")


def local(text: str, zone: str, fold: int = 0) -> datetime:
    at = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return at.astimezone(UTC)


@pytest.mark.parametrize(
    ("window", "zone", "now", "until"),
    [
        # a window that wraps midnight, from its begin to just before its end
        ("mon-fri 22:00-08:00", "Asia/Seoul", "2026-11-25 21:59", None),
        ("mon-fri 22:00-08:00", "Asia/Seoul", "2026-11-25 22:00", "2026-11-26 08:00"),
        ("mon-fri 22:00-08:00", "Asia/Seoul", "2026-11-26 07:59", "2026-11-26 08:00"),
        ("mon-fri 22:00-08:00", "Asia/Seoul", "2026-11-26 08:00", None),
        # that of Friday reaches into Saturday, and that of Sunday does not exist
        ("mon-fri 22:00-08:00", "Asia/Seoul", "2026-11-28 07:00", "2026-11-28 08:00"),
        ("mon-fri 22:00-08:00", "Asia/Seoul", "2026-11-28 23:00", None),
        ("mon-fri 22:00-08:00", "Asia/Seoul", "2026-11-30 07:00", None),
        # a day of the week is that of the zone: Monday has begun in Auckland
        ("mon 00:00-24:00", "Pacific/Auckland", "2026-11-30 00:30", "2026-12-01 00:00"),
        ("sat-sun 00:00-24:00", "Europe/Berlin", "2026-11-28 12:00", "2026-11-30 00:00"),
        ("fri-mon 12:00-13:00", "Asia/Seoul", "2026-11-29 12:30", "2026-11-29 13:00"),
        ("wed 09:00-09:00", "Asia/Seoul", "2026-11-25 10:00", "2026-11-26 09:00"),
        # a leap day
        ("mon-fri 22:00-08:00", "Asia/Seoul", "2028-02-28 23:00", "2028-02-29 08:00"),
        ("tue 22:00-08:00", "Asia/Seoul", "2028-02-29 23:00", "2028-03-01 08:00"),
        ("tue 22:00-08:00", "America/New_York", "2028-03-01 07:59", "2028-03-01 08:00"),
        # clocks go forward (Berlin 29 March, New York 8 March, Auckland 27 September) and back (25
        # October, 1 November, 5 April): the night ends at 08:00 all the same
        ("daily 22:00-08:00", "Europe/Berlin", "2026-03-28 23:00", "2026-03-29 08:00"),
        ("daily 22:00-08:00", "Europe/Berlin", "2026-10-24 23:00", "2026-10-25 08:00"),
        ("daily 22:00-08:00", "America/New_York", "2026-03-07 23:00", "2026-03-08 08:00"),
        ("daily 22:00-08:00", "America/New_York", "2026-10-31 23:00", "2026-11-01 08:00"),
        ("daily 22:00-08:00", "Pacific/Auckland", "2026-09-26 23:00", "2026-09-27 08:00"),
        ("daily 22:00-08:00", "Pacific/Auckland", "2026-04-04 23:00", "2026-04-05 08:00"),
        # a window in an hour that comes twice lasts over both; in one that does not come, over it
        ("daily 02:15-02:45", "Europe/Berlin", "2026-10-25 02:15", "+90m"),
        ("daily 01:15-01:45", "America/New_York", "2026-11-01 01:15", "+90m"),
        ("daily 02:15-02:45", "Pacific/Auckland", "2026-04-05 02:15", "+90m"),
        ("daily 02:15-02:45", "Europe/Berlin", "2026-03-29 03:00", "2026-03-29 03:45"),
    ],
)  # fmt: skip
def test_quiet_hours_are_instants(window: str, zone: str, now: str, until: str | None) -> None:
    start = local(now, zone)

    found = quiet_until([parse_window(window)], ZoneInfo(zone), start)

    if until == "+90m":
        assert found == start + timedelta(minutes=90)
    else:
        assert found == (until and local(until, zone))


def test_windows_that_touch_are_one() -> None:
    windows = [parse_window("mon-fri 22:00-08:00"), parse_window("sat-sun 00:00-24:00")]

    found = quiet_until(windows, ZoneInfo("Asia/Seoul"), local("2026-11-27 23:00", "Asia/Seoul"))

    assert found == local("2026-11-30 00:00", "Asia/Seoul")


@pytest.mark.parametrize("zone", ZONES)
def test_time_that_is_not_quiet_is_counted_across_a_change_of_the_clock(zone: str) -> None:
    windows = [parse_window("daily 22:00-08:00")]
    for day in ("2026-03-07", "2026-03-28", "2026-04-04", "2026-09-26", "2026-10-24", "2026-10-31"):
        told = local(f"{day} 21:50", zone)

        over = loud_after(windows, ZoneInfo(zone), told, timedelta(minutes=30))

        morning = datetime.fromisoformat(f"{day} 08:20") + timedelta(days=1)
        assert over == local(str(morning), zone)


@pytest.mark.parametrize(
    "text",
    ["", "22:00-08:00", "mon 22-8", "mon 9:00-10:00", "mon- 22:00-08:00", "moon 22:00-08:00",
     "mon,, 22:00-08:00", "mon 22:00-24:01", "mon 22:60-23:00", "mon 24:00-08:00", 1320, None],
)  # fmt: skip
def test_what_is_no_window_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="write"):
        parse_window(text)


def test_a_zone_must_exist() -> None:
    assert parse_zone("Asia/Seoul") == "Asia/Seoul"
    for name in ("KST", "Seoul", "../../etc/passwd", ""):
        with pytest.raises(ValueError, match="Asia/Seoul"):
            parse_zone(name)


def test_windows_that_cover_the_week_are_found() -> None:
    assert leave_no_time([parse_window("daily 09:00-09:00")])
    assert leave_no_time([parse_window("mon-fri 00:00-24:00"), parse_window("sat-sun 00:00-24:00")])
    assert leave_no_time([parse_window("daily 22:00-08:00"), parse_window("daily 08:00-22:00")])
    assert not leave_no_time([parse_window("daily 00:00-23:59")])
    assert not leave_no_time([])


@given(
    st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=3, unique=True),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC)),
    st.timedeltas(timedelta(minutes=1), timedelta(days=2)),
)
def test_the_ends_of_quiet_and_loud_times_agree(
    texts: list[str], zone: str, now: datetime, span: timedelta
) -> None:
    """Each answer is checked with the others: it is quiet until then, and no longer, and so on."""
    windows, tz = [parse_window(text) for text in texts], ZoneInfo(zone)
    until = quiet_until(windows, tz, now)
    if until:
        assert quiet_until(windows, tz, until) is None
        assert quiet_until(windows, tz, until - timedelta(seconds=1)) == until
    begin = next_quiet(windows, tz, now)
    assert begin and begin > now and quiet_until(windows, tz, begin)

    over = loud_after(windows, tz, now, span)
    loud, at = timedelta(0), now
    while at < over:
        at = min(quiet_until(windows, tz, at) or at, over)
        upto = min(next_quiet(windows, tz, at) or over, over)
        loud, at = loud + (upto - at), max(upto, at)
    assert loud == span
