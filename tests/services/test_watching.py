"""What was seen survives the store, as JSON, and what the bot knows of a VM's use is a sign."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.activity import ContainerActivity, Use, VmActivity
from bot.models import Caller, Operation, OperationState
from bot.services.duties import BOT
from bot.services.watching import activity_from_json, activity_to_json, own_sign
from tests.services.test_reconcile import row

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
instants = st.datetimes(
    datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)
)  # fmt: skip
counts, seconds = st.none() | st.integers(0, 2**40), st.none() | st.floats(0, 1e9)
containers = st.builds(
    ContainerActivity, st.text(max_size=8), st.text(max_size=8), st.text(max_size=8),
    st.none() | st.text(max_size=8), instants, seconds, counts, counts, counts, seconds,
    st.none() | st.booleans(), st.none() | instants, counts,
)  # fmt: skip
activities = st.builds(
    VmActivity, instants, st.none() | st.text(max_size=8), seconds, counts,
    st.none() | st.lists(containers, max_size=3).map(tuple),
)  # fmt: skip


@given(activity=activities)
def test_a_look_is_read_as_it_was_written(activity: VmActivity) -> None:
    assert activity_from_json(json.loads(json.dumps(activity_to_json(activity)))) == activity


@pytest.mark.parametrize("written", [None, {}, {"at": "?"}, {"containers": [{"id": 1}], "at": ""}])
def test_what_another_version_wrote_is_no_look(written: dict[str, object] | None) -> None:
    assert activity_from_json(written) is None


def operation(kind: str, ago: timedelta, **changes: object) -> Operation:
    caller = Caller("U0JANE", "T0TEAM", "C0GENERAL")
    op = Operation("op", kind, {"vm": "web1"}, caller, NOW - ago, OperationState.DONE)
    return replace(op, **changes)  # type: ignore[arg-type]


HOUR = timedelta(hours=1)
REQUESTED = OperationState.REQUESTED
SIGNS = {
    "nothing": ([], Use.IDLE),
    "a command since the last look": ([operation("app", HOUR / 4)], Use.BUSY),
    "one before it": ([operation("app", HOUR)], Use.IDLE),
    "a pull under way": ([operation("pull", 3 * HOUR, state=REQUESTED)], Use.BUSY),
    "on another VM": ([operation("app", HOUR / 4, args={"vm": "web2"})], Use.IDLE),
    "by its owner on their only VM": ([operation("app", HOUR / 4, args={"vm": None})], Use.BUSY),
    "by somebody else on theirs": (
        [operation("app", HOUR / 4, args={}, caller=Caller("U0JIHOON", "T", "C"))], Use.IDLE),
    "its order": ([operation("vm", HOUR / 4, args={"name": "web1"})], Use.BUSY),
    "Keep": ([operation("keep", HOUR / 4, args={"name": "web1"})], Use.IDLE),
    "what the bot does of itself": (
        [operation("reap", HOUR / 4, state=REQUESTED, caller=Caller("U0JANE", BOT, "C"))],
        Use.IDLE),
    "an admin's switch": ([operation("admin reaper", HOUR / 4, args={})], Use.IDLE),
}  # fmt: skip


@pytest.mark.parametrize("case", SIGNS)
def test_the_bots_own_sign(case: str) -> None:
    operations, use = SIGNS[case]
    assert own_sign(row(), operations, NOW - HOUR / 2, NOW).use is use


def test_a_command_before_the_first_look_is_use() -> None:
    assert own_sign(row(), [operation("app", 9 * HOUR)], None, NOW).use is Use.BUSY
