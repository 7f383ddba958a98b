"""One mark at a time; keeping and cancelling exclude each other, whoever is quick."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from bot.models import Vm, VmState
from bot.store import LeaseRow, MarkStore, TooLate, VmStore
from tests.store.conftest import NOW
from tests.store.racing import at_once

WHY = {"msgid": "idle", "params": {}}
HOUR = timedelta(hours=1)
RACERS = 8


@pytest.fixture
def marks(database: sa.Engine) -> MarkStore:
    vm = Vm(
        op_id="op-1", hostname="web", domain="example.net", owner_id="U0JANE",
        channel_id="C0GENERAL", team_id="T0TEAM", state=VmState.READY, image="docker", cpus=1,
        memory_mb=1024, datacenter="dal10", asked_at=NOW,
    )  # fmt: skip
    VmStore(database).reserve(vm, most=5)
    return MarkStore(database)


@pytest.fixture
def vms(database: sa.Engine) -> VmStore:
    return VmStore(database)


def test_a_mark_is_read_as_it_was_made_and_is_the_only_one(marks: MarkStore) -> None:
    made = marks.mark("op-1", NOW - HOUR, WHY, NOW)
    assert made is not None and made.number == 1
    assert marks.get("op-1", 1) == marks.current("op-1") == marks.newest("op-1") == made
    assert marks.mark("op-1", NOW, WHY, NOW) is None
    assert marks.all_current() == {"op-1": made}
    with pytest.raises(LookupError):
        marks.get("op-1", 2)


def test_of_rivals_that_mark_one_wins(marks: MarkStore) -> None:
    made = at_once([partial(marks.mark, "op-1", NOW, WHY, NOW)] * RACERS)
    assert sum(each is not None for each in made) == 1


def test_the_next_mark_has_the_next_number(marks: MarkStore) -> None:
    marks.mark("op-1", NOW, WHY, NOW)
    ended = marks.end("op-1", 1, "busy", NOW + HOUR)
    assert (ended.how, ended.ended_at) == ("busy", NOW + HOUR)
    assert marks.current("op-1") is None
    again = marks.mark("op-1", NOW, WHY, NOW + 2 * HOUR)
    assert again is not None and again.number == 2
    assert marks.newest("op-1") == again


def test_a_mark_ends_once(marks: MarkStore) -> None:
    marks.mark("op-1", NOW, WHY, NOW)
    marks.end("op-1", 1, "busy", NOW)
    assert marks.end("op-1", 1, "off", NOW + HOUR).how == "busy"


def test_notices_are_remembered_once_and_the_first_delivery_counts(marks: MarkStore) -> None:
    marks.mark("op-1", NOW, WHY, NOW)
    first, second = {"channel": "C1", "ts": "1.1"}, {"channel": "D1", "ts": "1.2"}
    for notice in (first, second, first):
        marks.add_notice(notice, ("op-1", 1))
    marks.delivered("op-1", 1, NOW + HOUR)
    marks.delivered("op-1", 1, NOW + 2 * HOUR)
    row = marks.get("op-1", 1)
    assert (row.notices, row.delivered_at) == ([first, second], NOW + HOUR)


def test_keeping_ends_the_mark_and_is_remembered(marks: MarkStore) -> None:
    marks.mark("op-1", NOW, WHY, NOW)
    ended = marks.keep("op-1", NOW + 4 * HOUR, "U0JANE", NOW)
    assert ended is not None
    assert (ended.how, ended.ended_by, ended.until) == ("kept", "U0JANE", NOW + 4 * HOUR)
    marks.extend("op-1", NOW + 9 * HOUR, "U0ADMIN")
    assert marks.keep("op-1", NOW + 5 * HOUR, "U0ADMIN", NOW + HOUR) is None
    assert marks.lease("op-1") == LeaseRow(
        "op-1", NOW + 9 * HOUR, "U0ADMIN", NOW + 5 * HOUR, "U0ADMIN", NOW + HOUR
    )
    assert marks.lease("op-2") == LeaseRow("op-2")


def test_what_is_claimed_is_cancelling_and_cannot_be_kept(marks: MarkStore, vms: VmStore) -> None:
    marks.mark("op-1", NOW, WHY, NOW)
    assert marks.claim("op-1", 1, "reap-1", NOW)
    assert vms.get("op-1").state is VmState.CANCELLING
    for late in (
        partial(marks.keep, "op-1", NOW + HOUR, "U0JANE", NOW),
        partial(marks.extend, "op-1", NOW + HOUR, "U0JANE"),
    ):
        with pytest.raises(TooLate):
            late()
    assert marks.claim("op-1", 1, "reap-1", NOW + HOUR)
    assert not marks.claim("op-1", 1, "reap-2", NOW + HOUR)
    assert (marks.get("op-1", 1).how, marks.get("op-1", 1).ended_at) == ("reaped", NOW)


def test_what_is_kept_cannot_be_claimed(marks: MarkStore, vms: VmStore) -> None:
    marks.mark("op-1", NOW, WHY, NOW)
    marks.keep("op-1", NOW + HOUR, "U0JANE", NOW)
    assert not marks.claim("op-1", 1, "reap-1", NOW)
    marks.mark("op-1", NOW, WHY, NOW)
    assert not marks.claim("op-1", 2, "reap-1", NOW + HOUR / 2)
    assert vms.get("op-1").state is VmState.READY
    assert marks.claim("op-1", 2, "reap-1", NOW + HOUR)


@pytest.mark.parametrize("state", sorted(set(VmState) - {VmState.READY}))
def test_only_what_is_ready_is_claimed(marks: MarkStore, vms: VmStore, state: VmState) -> None:
    marks.mark("op-1", NOW, WHY, NOW)
    vms.change("op-1", state=state)
    assert not marks.claim("op-1", 1, "reap-1", NOW)
    assert not marks.claim("op-1", 2, "reap-1", NOW)
    assert vms.get("op-1").state is state
    assert marks.get("op-1", 1).ended_at is None


def test_keeping_and_cancelling_at_once_is_only_one_of_them(marks: MarkStore, vms: VmStore) -> None:
    for number in range(1, 6):
        vms.change("op-1", state=VmState.READY)
        at = NOW + number * HOUR
        marks.mark("op-1", NOW, WHY, at)
        outcomes = at_once([partial(_kept, marks, at), partial(_claimed, marks, number, at)])
        claimed = outcomes[1] is True
        assert outcomes in ([True, False], [False, True])
        assert marks.get("op-1", number).how == ("reaped" if claimed else "kept")


def _kept(marks: MarkStore, at: datetime) -> bool:
    try:
        return marks.keep("op-1", at + HOUR / 2, "U0JANE", at) is not None
    except TooLate:
        return False


def _claimed(marks: MarkStore, number: int, at: datetime) -> bool:
    return marks.claim("op-1", number, "reap", at)
