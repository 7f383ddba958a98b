"""Ticks are instants that every replica has in common."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.schedule import due_at

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(("now", "period", "due"), [
    ("2026-03-02T09:00:00", 2 * MINUTE, "2026-03-02T09:00:00"),
    ("2026-03-02T09:01:59.999", 2 * MINUTE, "2026-03-02T09:00:00"),
    ("2026-03-02T09:02:00", 2 * MINUTE, "2026-03-02T09:02:00"),
    ("2026-03-02T09:05:00", 7 * MINUTE, "2026-03-02T09:00:00"),
    ("2026-03-02T09:00:00.7", timedelta(milliseconds=500), "2026-03-02T09:00:00"),
])  # fmt: skip
def test_the_last_multiple_of_the_period(now: str, period: timedelta, due: str) -> None:
    found = due_at(datetime.fromisoformat(now).replace(tzinfo=UTC), period)
    assert found == datetime.fromisoformat(due).replace(tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Asia/Seoul", "Europe/Berlin", "America/New_York",
                                  "Pacific/Auckland"])  # fmt: skip
@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2028-02-29", "2026-11-01",
                                 "2026-04-05"])  # fmt: skip
def test_each_instant_comes_once_on_days_when_clocks_change(zone: str, day: str) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    end = start + timedelta(days=1)  # by the wall: 23, 24 or 25 hours
    at, seen = start.astimezone(UTC), []
    while at < end.astimezone(UTC):
        seen.append(due_at(at.astimezone(ZoneInfo(zone)), 30 * MINUTE))
        at += 30 * MINUTE
    assert len(set(seen)) == len(seen)
    assert {later - earlier for earlier, later in zip(seen, seen[1:], strict=False)} == {
        30 * MINUTE
    }
