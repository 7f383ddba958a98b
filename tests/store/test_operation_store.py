"""What was asked for is written down once, found after a crash, and forgotten in time."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.models import Caller, MessageRef, Operation, OperationState
from bot.store import OperationStore, open_database
from tests.store.conftest import NOW
from tests.store.racing import at_once

WINDOW = timedelta(seconds=3)


@pytest.fixture
def operations(database: sa.Engine) -> OperationStore:
    return OperationStore(database)


def _op(op_id: str, after: timedelta = timedelta(0)) -> Operation:
    return Operation(
        id=op_id, kind="app", args={"app": "rstudio", "vm": "web"},
        caller=Caller("U0JANE", "T0TEAM", "C0GENERAL"), requested_at=NOW + after,
        response_url="https://hooks.slack.invalid/1",
    )  # fmt: skip


def test_what_is_written_is_read(operations: OperationStore) -> None:
    assert operations.record(_op("op-1"))
    assert operations.get("op-1") == _op("op-1")
    with pytest.raises(LookupError):
        operations.get("op-2")


def test_the_same_id_is_recorded_once(operations: OperationStore) -> None:
    assert operations.record(_op("op-1"))
    assert not operations.record(replace(_op("op-1"), args={"app": "shiny"}))
    assert operations.get("op-1").args["app"] == "rstudio"


def test_the_same_id_from_many_sides_is_recorded_once(operations: OperationStore) -> None:
    """Slack sends a payload again, to any replica, when the first ack was late."""
    assert sorted(map(str, at_once([partial(operations.record, _op("op-1"))] * 8))) == (
        ["False"] * 7 + ["True"]
    )


@pytest.mark.parametrize(
    "after, is_taken",
    [(timedelta(0), False), (timedelta(seconds=2.9), False), (timedelta(seconds=3), True)],
)
def test_a_second_click_within_the_window_is_the_same_wish(
    operations: OperationStore, after: timedelta, is_taken: bool
) -> None:
    operations.record(_op("op-1"), unless_within=WINDOW)
    assert operations.record(_op("op-2", after), unless_within=WINDOW) is is_taken


def test_clicks_on_other_things_or_by_others_are_other_wishes(
    operations: OperationStore,
) -> None:
    operations.record(_op("op-1"), unless_within=WINDOW)
    others = [
        replace(_op("op-2"), args={"app": "rstudio", "vm": "db"}),
        replace(_op("op-3"), kind="vm cancel"),
        replace(_op("op-4"), caller=Caller("U0JIHOON", "T0TEAM", "C0GENERAL")),
    ]
    assert all(operations.record(each, unless_within=WINDOW) for each in others)


def test_what_is_typed_twice_is_meant_twice(operations: OperationStore) -> None:
    assert operations.record(_op("op-1"))
    assert operations.record(_op("op-2"))


def test_a_double_click_on_two_replicas_is_one_wish(operations: OperationStore) -> None:
    clicks = [partial(operations.record, _op(f"op-{i}"), unless_within=WINDOW) for i in range(8)]
    assert at_once(clicks).count(True) == 1
    assert len(operations.unfinished()) == 1


def test_the_unfinished_are_found_oldest_first(operations: OperationStore) -> None:
    operations.record(_op("op-2", timedelta(seconds=2)))
    operations.record(_op("op-1", timedelta(seconds=1)))
    operations.record(_op("op-3", timedelta(seconds=3)))
    operations.finish("op-2", OperationState.DONE, NOW)
    assert operations.unfinished() == ["op-1", "op-3"]


def test_the_end_keeps_the_card_and_drops_the_response_url(operations: OperationStore) -> None:
    operations.record(_op("op-1"))
    operations.posted("op-1", MessageRef("C0GENERAL", "1.2"))
    operations.finish("op-1", OperationState.FAILED, NOW, incident="op-1")
    ended = operations.get("op-1")
    assert ended.state is OperationState.FAILED
    assert ended.message == MessageRef("C0GENERAL", "1.2")
    assert ended.response_url is None
    assert operations.counts() == {("app", "failed"): 1}


def test_only_what_ended_long_ago_is_forgotten(operations: OperationStore) -> None:
    for number in range(3):
        operations.record(_op(f"op-{number}"))
    operations.finish("op-0", OperationState.DONE, NOW - timedelta(days=2))
    operations.finish("op-1", OperationState.DONE, NOW)
    assert operations.forget(NOW - timedelta(days=1)) == 1
    with pytest.raises(LookupError):
        operations.get("op-0")
    assert operations.unfinished() == ["op-2"]


def test_a_database_that_answers_is_healthy(operations: OperationStore) -> None:
    operations.ping()


def test_a_clock_that_is_set_back_makes_no_double_click(operations: OperationStore) -> None:
    """Else what a person asked for would be dropped without a word until it has caught up."""
    assert operations.record(_op("op-1"))
    back = _op("op-2", after=timedelta(hours=-1))
    assert operations.record(back, unless_within=WINDOW)
    assert not operations.record(_op("op-3", after=-WINDOW / 2), unless_within=WINDOW)


def test_what_slack_waits_for_is_not_recorded_when_slack_has_given_up(tmp_path: Path) -> None:
    """Slack says after 3 s that it did not work; then it must not happen all the same."""
    database = open_database(f"sqlite:///{tmp_path / 'ds-bot.db'}")
    operations = OperationStore(database)
    with closing(sqlite3.connect(tmp_path / "ds-bot.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(sa.exc.OperationalError):
            operations.record(_op("op-1"))
        assert time.monotonic() - began < 3.0
        other.execute("ROLLBACK")
    assert operations.record(_op("op-1"))
    database.dispose()
