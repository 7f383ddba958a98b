"""What follows from a verdict: two phases, paid hours, quiet hours, and calls for help."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.activity import Use, Verdict
from bot.models import Text
from bot.reaping import Mark, Step, StepKind, cancel_window, next_step
from tests.unit.looks import DAY, HOUR, MINUTE, NOW, lease, policy

IDLE = Verdict(Use.IDLE, NOW - 3 * HOUR, Text("idle"), is_due=True, due_at=NOW - HOUR)
YOUNG = Verdict(Use.IDLE, NOW - HOUR, Text("idle"), is_due=False, due_at=NOW + HOUR)
BUSY = Verdict(Use.BUSY, None, Text("busy"), is_due=False)
MARK = Mark(1, NOW - HOUR, NOW - 3 * HOUR, NOW - HOUR)
STARTED: dict[str, Any] = {"billing": "started_hour", "billing_margin": "12m"}
NIGHTS: dict[str, Any] = {"quiet_hours": ("daily 20:00-08:00",)}  # in UTC; NOW is at 12:00


def step(verdict: Verdict, mark: Mark | None = None, now: datetime = NOW, **rules: Any) -> Step:
    return next_step(verdict, lease(), mark, policy(**rules), now)


def blind(since: datetime) -> Verdict:
    return Verdict(Use.UNKNOWN, since, Text("blind"), is_due=False)


# --- the two phases ---


def test_a_vm_that_is_due_is_marked_and_not_taken() -> None:
    assert step(IDLE).kind is StepKind.MARK


def test_a_vm_that_is_not_due_yet_names_the_moment() -> None:
    assert step(YOUNG) == Step(StepKind.NOTHING, YOUNG.why, NOW + HOUR)


def test_a_vm_whose_grace_is_over_is_taken() -> None:
    assert step(IDLE, MARK).kind is StepKind.REAP


def test_a_vm_is_never_taken_before_its_notice_is_delivered() -> None:
    """A notice that Slack refuses blocks, however long it does."""
    seen = step(IDLE, replace(MARK, delivered_at=None))

    assert seen.kind is StepKind.WAIT
    assert "not posted yet" in str(seen.why)


def test_grace_counts_from_the_delivery_and_not_from_the_mark() -> None:
    late = replace(MARK, delivered_at=NOW - 29 * MINUTE)

    assert step(IDLE, late).kind is StepKind.WAIT
    assert step(IDLE, late).at == NOW + MINUTE
    assert step(IDLE, late, NOW + MINUTE).kind is StepKind.REAP


@pytest.mark.parametrize(
    "verdict",
    [BUSY, YOUNG, replace(IDLE, since=NOW - MINUTE)],
    ids=["busy", "kept or not due", "used and idle again"],
)
def test_a_mark_whose_reason_is_gone_is_cleared(verdict: Verdict) -> None:
    assert step(verdict, MARK).kind is StepKind.CLEAR


def test_a_marked_vm_that_cannot_be_seen_is_left_alone() -> None:
    assert step(blind(NOW - MINUTE), MARK).kind is StepKind.WAIT


# --- calls for help ---


def test_blindness_is_told_after_the_time_of_the_policy() -> None:
    assert step(blind(NOW - 2 * HOUR)) == Step(StepKind.WAIT, Text("blind"), NOW + HOUR)
    assert step(blind(NOW - 3 * HOUR)) == Step(StepKind.ESCALATE, Text("blind"), about="blind")


def test_a_busy_vm_beyond_its_maximum_age_is_told_about_and_not_taken() -> None:
    seen = step(BUSY, max_age="12h")

    assert (seen.kind, seen.about) == (StepKind.ESCALATE, "age")
    assert step(BUSY, max_age="2d") == Step(StepKind.NOTHING, BUSY.why, NOW + DAY)


# --- quiet hours ---


def test_in_quiet_hours_nobody_is_told_and_nothing_is_taken() -> None:
    night = NOW.replace(hour=22)
    morning = (NOW + DAY).replace(hour=8)

    assert step(IDLE, now=night, **NIGHTS).kind is StepKind.WAIT
    assert step(IDLE, now=night, **NIGHTS).at == morning
    assert step(IDLE, MARK, night, **NIGHTS).at == morning
    assert step(IDLE, now=morning, **NIGHTS).kind is StepKind.MARK


def test_grace_stands_still_in_quiet_hours() -> None:
    """A notice at ten to eight in the evening leaves people more than ten minutes."""
    told = replace(
        MARK, marked_at=NOW.replace(hour=19), delivered_at=NOW.replace(hour=19, minute=50)
    )
    morning = (NOW + DAY).replace(hour=8)

    assert step(IDLE, told, morning, **NIGHTS).at == morning + 20 * MINUTE
    assert step(IDLE, told, morning + 20 * MINUTE, **NIGHTS).kind is StepKind.REAP


# --- paid hours ---


@pytest.mark.parametrize(
    ("minute", "begins", "ends"),
    [
        (0, 48, 56),
        (47, 48, 56),
        (48, 48, 56),
        (55, 48, 56),
        (56, 108, 116),  # too late to save in this hour: use up the next one
        (59, 108, 116),
        (60, 108, 116),
    ],
)
def test_a_vm_is_taken_in_the_last_minutes_of_its_hour(minute: int, begins: int, ends: int) -> None:
    start = NOW - DAY  # its hours begin at full hours

    window = cancel_window(lease(billed_from=start), policy(**STARTED), NOW + minute * MINUTE)

    assert window == (NOW + begins * MINUTE, NOW + ends * MINUTE)


def test_it_waits_for_these_minutes() -> None:
    seen = step(IDLE, MARK, **STARTED)

    assert (seen.kind, seen.at) == (StepKind.WAIT, NOW + 48 * MINUTE)
    assert step(IDLE, MARK, NOW + 48 * MINUTE, **STARTED).kind is StepKind.REAP
    assert step(IDLE, MARK, NOW + 56 * MINUTE, **STARTED).kind is StepKind.WAIT


def test_who_may_keep_it_is_told_the_moment_at_which_it_is_taken() -> None:
    """It can be kept for all of the hour that is paid, and not only while its grace lasts."""
    known = lease(billed_from=NOW - 5 * MINUTE)
    fresh = replace(MARK, delivered_at=NOW)

    seen = next_step(IDLE, known, fresh, policy(**STARTED), NOW)

    assert (seen.kind, seen.at) == (StepKind.WAIT, NOW + 30 * MINUTE)
    assert seen.why.params["until"] == NOW + 43 * MINUTE


def test_hours_count_from_the_provision_and_not_from_the_order() -> None:
    agreed = lease(ordered_at=NOW - 90 * MINUTE, billed_from=NOW - 65 * MINUTE)

    assert cancel_window(agreed, policy(**STARTED), NOW)[0] == NOW + 43 * MINUTE


def test_where_its_hours_are_not_known_nothing_is_waited_for() -> None:
    assert cancel_window(lease(billed_from=None), policy(**STARTED), NOW)[0] == NOW


@settings(deadline=None)  # of the machine, not of the rule
@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
    st.integers(0, 10**7),
)
def test_a_window_is_never_over_and_always_in_the_last_minutes_of_an_hour(
    start: datetime, seconds: int
) -> None:
    now = start + timedelta(seconds=seconds)

    begins, ends = cancel_window(lease(billed_from=start), policy(**STARTED), now)

    assert now < ends <= now + 68 * MINUTE
    assert (begins - start) % HOUR == 48 * MINUTE
    assert (ends - start) % HOUR == 56 * MINUTE
