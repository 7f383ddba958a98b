"""The verdict: what looks come to over time, and what holds a VM that is idle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.activity import Absence, Lease, Signal, Signals, Use, Verdict
from bot.idle import judge, remember, with_absence
from bot.models import Text
from config.idle import IdlePolicy
from tests.unit.looks import DAY, HOUR, LOOK, MINUTE, NOW, lease, policy

BUSY, IDLE, UNKNOWN = Use.BUSY, Use.IDLE, Use.UNKNOWN
VIEWER = "viewer"
HABIT = {
    "of_last": 3,
    "used_for": "4h",
    "longest": "16h",
    "costs_at_most": "1.70",
    "margin": "1h",
}

Sight = Use | str


def sign(sight: Sight, at: datetime) -> Signal:
    """A sign of something strong, or of a page that lies open."""
    if sight == VIEWER:
        return Signal(VIEWER, BUSY, at, Text("a page is open"))
    return Signal("computing", Use(sight), at, Text(f"it is {sight}"))


def watch(
    sights: Iterable[tuple[timedelta, Sight]],
    rules: IdlePolicy,
    *,
    start: datetime = NOW,
    absences: tuple[Absence, ...] = (),
) -> tuple[Signals, datetime]:
    """What is remembered after looks, each some time after the one before, and the last instant."""
    signals: Signals | None = Signals((), None, None, None, absences) if absences else None
    last, now = None, start
    for after, sight in sights:
        now += after
        signals = remember(signals, last, (sign(sight, now),), rules, now)
        last = now
    assert signals
    return signals, now


def every(time: timedelta, sight: Sight) -> list[tuple[timedelta, Sight]]:
    """The same sight at each look for some time."""
    return [(LOOK, sight)] * (time // LOOK)


def verdict(sights: Iterable[tuple[timedelta, Sight]], rules: IdlePolicy, **facts: Any) -> Verdict:
    signals, now = watch(sights, rules)
    return judge(signals, replace(lease(), **facts), rules, now)


# --- the idle time ---


def test_a_vm_is_due_when_it_has_been_idle_as_long_as_the_policy_allows() -> None:
    first = [(LOOK, BUSY), (LOOK, IDLE)]

    almost = verdict([*first, *every(2 * HOUR - LOOK, IDLE)], policy())
    due = verdict([*first, *every(2 * HOUR, IDLE)], policy())

    assert (almost.use, almost.is_due) == (IDLE, False)
    assert (due.use, due.is_due, due.since) == (IDLE, True, NOW + 2 * LOOK)
    assert due.due_at == NOW + 2 * LOOK + 2 * HOUR
    assert str(due.why) == "Nothing has been in use for 2:00:00."


def test_use_for_a_moment_begins_the_idle_time_anew() -> None:
    seen = verdict([*every(2 * HOUR, IDLE), (LOOK, BUSY), *every(HOUR, IDLE)], policy())

    assert not seen.is_due


def test_a_busy_vm_says_why() -> None:
    seen = verdict([(LOOK, BUSY)], policy())

    assert (seen.use, seen.since, str(seen.why)) == (BUSY, None, "it is busy")


def test_what_is_done_where_says_more_than_that_the_vm_is_at_work() -> None:
    signs = tuple(
        Signal(name, Use.BUSY, NOW, Text(name)) for name in ("connection", "cpu", "executing")
    )

    assert judge(Signals(signs, None, None), lease(), policy(), NOW).why == Text("executing")
    assert judge(Signals(signs[:2], None, None), lease(), policy(), NOW).why == Text("cpu")


def test_a_gap_between_looks_begins_the_idle_time_anew() -> None:
    """The bot was away; who knows what happened."""
    late = policy().gap + MINUTE

    seen = verdict([*every(2 * HOUR, IDLE), (late, IDLE)], policy())

    assert (seen.use, seen.is_due, seen.since) == (IDLE, False, NOW + 2 * HOUR + late)


def test_a_short_time_without_an_answer_is_not_idle_and_does_not_begin_it_anew() -> None:
    """One failed look in a hundred must not keep a VM for ever."""
    before = [*every(2 * HOUR, IDLE), (LOOK, UNKNOWN)]

    assert verdict(before, policy()).use is UNKNOWN
    assert not verdict(before, policy()).is_due
    assert verdict([*before, (LOOK, IDLE)], policy()).is_due


def test_a_long_time_without_an_answer_begins_the_idle_time_anew() -> None:
    blind = every(policy().gap + LOOK, UNKNOWN)

    seen = verdict([*every(2 * HOUR, IDLE), *blind, (LOOK, IDLE)], policy())

    assert (seen.use, seen.is_due) == (IDLE, False)


def test_blindness_counts_from_the_last_look_that_could_tell() -> None:
    seen = verdict([(LOOK, IDLE), *every(HOUR, UNKNOWN)], policy())

    assert (seen.use, seen.since) == (UNKNOWN, NOW + LOOK)


def test_blindness_does_not_count_from_before_the_bot_was_away() -> None:
    """After a night off, one hiccup is no reason to call the admins."""
    seen = verdict([(LOOK, IDLE), (12 * HOUR, UNKNOWN)], policy())

    assert seen.since == NOW + LOOK + 12 * HOUR


def test_no_sign_at_all_is_unknown() -> None:
    assert judge(Signals((), NOW - DAY, None), lease(), policy(), NOW).use is UNKNOWN


def test_signs_that_have_become_stale_are_unknown() -> None:
    signals, now = watch(every(3 * HOUR, IDLE), policy())

    seen = judge(signals, lease(), policy(), now + policy().gap + MINUTE)

    assert (seen.use, seen.is_due) == (UNKNOWN, False)


def test_unknown_beats_idle_and_busy_beats_unknown() -> None:
    idle, blind, busy = (sign(use, NOW) for use in (IDLE, UNKNOWN, BUSY))

    assert judge(Signals((idle, blind), NOW - DAY, None), lease(), policy(), NOW).use is UNKNOWN
    assert judge(Signals((idle, blind, busy), NOW - DAY, None), lease(), policy(), NOW).use is BUSY


# --- pages that lie open ---


def test_an_open_page_counts_as_use_up_to_its_limit() -> None:
    almost = verdict([(LOOK, VIEWER), *every(8 * HOUR - LOOK, VIEWER)], policy())
    abandoned = verdict([(LOOK, VIEWER), *every(8 * HOUR, VIEWER)], policy())

    assert (almost.use, almost.is_due) == (BUSY, False)
    assert (abandoned.use, abandoned.is_due, abandoned.since) == (IDLE, True, NOW + LOOK)


def test_a_page_on_which_something_moves_counts_for_ever() -> None:
    moving = (every(4 * HOUR, VIEWER) + [(LOOK, BUSY)]) * 3

    assert verdict([*moving, *every(4 * HOUR, VIEWER)], policy()).use is BUSY


def test_a_page_that_comes_and_goes_does_not_put_off_the_end_for_ever() -> None:
    """A browser that reconnects each hour is still nobody."""
    coming = (every(HOUR, VIEWER) + every(HOUR, IDLE)) * 4

    assert verdict([*coming, (LOOK, IDLE)], policy()).is_due


# --- what holds an idle VM ---


@pytest.mark.parametrize("name", ["ends_at", "kept_until"])
def test_lease_and_keep_hold_an_idle_vm_until_their_end(name: str) -> None:
    seen = verdict(every(4 * HOUR, IDLE), policy(), **{name: NOW + 5 * HOUR})
    later = verdict(every(5 * HOUR, IDLE), policy(), **{name: NOW + 5 * HOUR})

    assert (seen.use, seen.is_due, seen.due_at) == (IDLE, False, NOW + 5 * HOUR)
    assert "It is kept until" in str(seen.why)
    assert later.is_due


def test_no_keep_goes_beyond_the_maximum_age() -> None:
    rules = policy(max_age="2d")

    kept = verdict(every(DAY, IDLE), rules, ordered_at=NOW - DAY, kept_until=NOW + 9 * DAY)

    assert kept.is_due


def test_keep_never_makes_a_vm_due_earlier() -> None:
    seen = verdict(every(HOUR, IDLE), policy(), kept_until=NOW)

    assert seen.due_at == NOW + LOOK + 2 * HOUR


# --- the habit ---


def night(day: int, until: int = 9) -> Absence:
    """An absence from 18:00 of a day in November 2026 until the next morning. The 23rd: Monday."""
    left = datetime(2026, 11, day, 18, tzinfo=UTC)
    return Absence(left, left.replace(day=day + 1, hour=until))


def due_after(
    left_at: datetime, absences: tuple[Absence, ...], tz: str = "UTC", **facts: Any
) -> datetime | None:
    """When a VM is due that is left then; it was ordered nine days before or as a fact says."""
    rules = policy(habit=HABIT, tz=tz)
    signals, now = watch(every(HOUR, IDLE), rules, start=left_at - LOOK, absences=absences)
    return judge(signals, replace(lease(ordered_at=left_at - 9 * DAY), **facts), rules, now).due_at


def test_a_vm_that_was_used_again_in_the_mornings_is_kept_for_the_next() -> None:
    left_at = datetime(2026, 11, 25, 17, tzinfo=UTC)

    assert due_after(left_at, (night(23), night(24))) == datetime(2026, 11, 26, 10, tzinfo=UTC)


def test_the_latest_return_counts() -> None:
    left_at = datetime(2026, 11, 25, 18, tzinfo=UTC)

    due_at = due_after(left_at, (night(23, until=7), night(24, until=10)))

    assert due_at == datetime(2026, 11, 26, 11, tzinfo=UTC)


def test_only_the_last_absences_count() -> None:
    left_at = datetime(2026, 11, 26, 18, tzinfo=UTC)
    weeks = tuple(Absence(left_at - days * DAY, left_at - (days - 2) * DAY) for days in (8, 6, 4))

    assert due_after(left_at, (night(16), *weeks)) == left_at + 2 * HOUR


def test_a_return_that_cannot_come_soon_does_not_hide_one_that_can() -> None:
    """Somebody who comes at nine and once came back at three in the afternoon."""
    left_at = datetime(2026, 11, 25, 18, tzinfo=UTC)
    noon = datetime(2026, 11, 25, 12, tzinfo=UTC)

    due_at = due_after(left_at, (night(24), Absence(noon, noon + 3 * HOUR)))

    assert due_at == datetime(2026, 11, 26, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rate", "hours"), [("0.106", 16), ("0.212", 2), (None, 16)], ids=["cheap", "dear", "unknown"]
)
def test_waiting_has_a_price_that_it_may_not_exceed(rate: str | None, hours: int) -> None:
    left_at = datetime(2026, 11, 25, 18, tzinfo=UTC)
    hourly_rate = rate and Decimal(rate)

    due_at = due_after(left_at, (night(24),), hourly_rate=hourly_rate)

    assert due_at == left_at + hours * HOUR


def test_a_vm_that_was_used_all_its_first_day_is_expected_at_the_hour_of_its_order() -> None:
    left_at = datetime(2026, 11, 25, 18, tzinfo=UTC)

    due_at = due_after(left_at, (), ordered_at=left_at - 9 * HOUR)

    assert due_at == datetime(2026, 11, 26, 10, tzinfo=UTC)


@pytest.mark.parametrize("age", [3 * HOUR, 25 * HOUR], ids=["used briefly", "older than a day"])
def test_the_hour_of_the_order_says_nothing_otherwise(age: timedelta) -> None:
    left_at = datetime(2026, 11, 25, 18, tzinfo=UTC)

    assert due_after(left_at, (), ordered_at=left_at - age) == left_at + 2 * HOUR


def test_the_verdict_says_in_a_line_what_is_waited_for() -> None:
    left_at = datetime(2026, 11, 25, 18, tzinfo=UTC)
    rules = policy(habit=HABIT)
    signals, now = watch(every(HOUR, IDLE), rules, start=left_at - LOOK, absences=(night(24),))

    seen = judge(signals, lease(), rules, now)

    assert str(seen.why) == (
        "Nothing has been in use for 0:58:00. It was used again after 1 of its last 1 absences, so "
        "its next use is waited for until 2026-11-26 10:00:00+00:00."
    )


def test_a_weekend_is_not_waited_for_where_nobody_ever_came_on_one() -> None:
    friday = datetime(2026, 11, 27, 18, tzinfo=UTC)

    assert due_after(friday, (night(24), night(25), night(26))) == friday + 2 * HOUR


def test_a_weekend_is_waited_for_where_somebody_came_on_one() -> None:
    friday = datetime(2026, 11, 27, 18, tzinfo=UTC)

    assert due_after(friday, (night(20),)) == datetime(2026, 11, 28, 10, tzinfo=UTC)


def test_an_absence_that_would_be_too_long_is_not_waited_for() -> None:
    left_at = datetime(2026, 11, 25, 11, tzinfo=UTC)

    assert due_after(left_at, (night(23), night(24))) == left_at + 2 * HOUR


@pytest.mark.parametrize(
    ("tz", "left", "due"),
    [  # clocks change in the night between; people come at nine of their own time, as before
        ("Europe/Berlin", "2026-03-30 18:00", "2026-03-31 10:00"),
        ("Europe/Berlin", "2026-10-26 18:00", "2026-10-27 10:00"),
        ("America/New_York", "2026-03-09 18:00", "2026-03-10 10:00"),
        ("Pacific/Auckland", "2026-04-06 18:00", "2026-04-07 10:00"),
        ("Asia/Seoul", "2028-02-29 18:00", "2028-03-01 10:00"),
    ],
)
def test_habits_are_of_local_time_across_changes_of_the_clock(tz: str, left: str, due: str) -> None:
    zone = ZoneInfo(tz)
    left_at = datetime.fromisoformat(left).replace(tzinfo=zone).astimezone(UTC)
    nights = []
    for days in (5, 4):  # before the change
        evening = datetime.fromisoformat(left).replace(tzinfo=zone) - timedelta(days=days)
        morning = (evening + DAY).replace(hour=9)
        nights.append(Absence(evening.astimezone(UTC), morning.astimezone(UTC)))

    due_at = due_after(left_at, tuple(nights), tz=tz)

    assert due_at == datetime.fromisoformat(due).replace(tzinfo=zone)


def test_absences_are_learned_from_looks() -> None:
    rules = policy(habit=HABIT)
    signals, now = watch([(LOOK, BUSY), *every(3 * HOUR, IDLE), (LOOK, BUSY)], rules)

    assert signals.absences == (Absence(NOW + 2 * LOOK, now),)


def test_short_absences_are_not_kept_and_old_ones_are_forgotten() -> None:
    rules = policy(habit=HABIT)
    absences: tuple[Absence, ...] = ()
    for day in range(5):
        start = NOW + day * DAY
        absences = with_absence(absences, Absence(start, start + HOUR), rules)
        absences = with_absence(absences, Absence(start, start + 3 * HOUR), rules)

    assert [each.left_at for each in absences] == [NOW + day * DAY for day in (2, 3, 4)]
    assert {each.back_at - each.left_at for each in absences} == {3 * HOUR}


# --- laws ---

SIGHTS = st.sampled_from([BUSY, IDLE, IDLE, IDLE, UNKNOWN, VIEWER])
GAPS = st.sampled_from([LOOK, LOOK, 4 * LOOK, HOUR])
HISTORIES = st.lists(st.tuples(GAPS, SIGHTS), min_size=1, max_size=40)
EAGER = policy(idle_after="10m", untouched="20m", gap="1h")


@given(HISTORIES, st.data())
def test_a_sign_of_use_or_of_ignorance_never_makes_a_vm_due(
    history: list[tuple[timedelta, Sight]], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(history) - 1))
    worse = data.draw(st.sampled_from([BUSY, UNKNOWN, VIEWER]))
    hidden = list(history)
    if history[place][1] is not BUSY and not (worse == VIEWER and history[place][1] is UNKNOWN):
        hidden[place] = (history[place][0], worse)

    assert not verdict(hidden, EAGER).is_due or verdict(history, EAGER).is_due


@given(HISTORIES)
def test_nothing_is_due_unless_the_last_look_says_idle_and_so_did_all_for_long_enough(
    history: list[tuple[timedelta, Sight]],
) -> None:
    signals, now = watch(history, EAGER)
    seen = judge(signals, lease(), EAGER, now)

    if seen.is_due:
        assert history[-1][1] not in (BUSY, UNKNOWN)
        since_look = timedelta(0)
        for after, sight in reversed(history):
            assert sight is not BUSY or since_look >= EAGER.idle_after
            since_look += after


@given(HISTORIES, st.integers(-(10**6), 10**6))
def test_only_time_that_passes_matters_and_not_what_the_clock_says(
    history: list[tuple[timedelta, Sight]], minutes: int
) -> None:
    shift = minutes * MINUTE
    signals, now = watch(history, EAGER)
    moved, later = watch(history, EAGER, start=NOW + shift)
    first = judge(signals, lease(), EAGER, now)
    agreed = Lease(NOW - DAY + shift, NOW - DAY + shift, None)

    second = judge(moved, agreed, EAGER, later)

    assert (second.use, second.is_due) == (first.use, first.is_due)
    assert second.since == (first.since and first.since + shift)
    assert second.due_at == (first.due_at and first.due_at + shift)


@given(HISTORIES)
def test_a_verdict_holds_until_the_moment_it_names(
    history: list[tuple[timedelta, Sight]],
) -> None:
    """What waits for `due_at` instead of looking at each minute misses nothing."""
    signals, now = watch(history, EAGER)
    seen = judge(signals, lease(), EAGER, now)

    assert seen.is_due == (seen.use is IDLE and seen.due_at is not None and now >= seen.due_at)
