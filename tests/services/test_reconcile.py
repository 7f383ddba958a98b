"""What differs between the cloud's list and the store is found, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import CloudVm, Vm, VmState
from bot.services.reconcile import Finding, Kind, ListLost, compare, tags_of

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SETTLE, ENDING = timedelta(minutes=2), timedelta(minutes=30)
LONG_AGO = NOW - timedelta(days=1)
JUST_NOW = NOW - timedelta(seconds=30)


def row(number: int = 1, **changes: Any) -> Vm:
    vm = Vm(
        op_id=f"op{number}", hostname=f"web{number}", domain="example.net", owner_id="U0JANE",
        channel_id="C0GENERAL", team_id="T0TEAM", state=VmState.READY, image="docker", cpus=1,
        memory_mb=1024, datacenter="dal10", asked_at=LONG_AGO, cloud_id=100 + number,
    )  # fmt: skip
    return replace(vm, **changes)


def there(number: int = 1, **changes: Any) -> CloudVm:
    vm = CloudVm(
        id=100 + number, hostname=f"web{number}", domain="example.net", request_id=f"op{number}",
        public_ip="192.0.2.1", private_ip=None, ordered_at=LONG_AGO, provisioned_at=LONG_AGO,
        transaction=None, is_running=True, is_hourly=True, hourly_rate=None,
        tags=tags_of(row(number)),
    )  # fmt: skip
    return replace(vm, **changes)


def found(listed: list[CloudVm], rows: list[Vm]) -> list[Finding]:
    return list(
        compare(listed, rows, NOW, settle=SETTLE, ending=ENDING, lost_from=4, lost_percent=50)
    )


def gone(ago: timedelta, **changes: Any) -> Vm:
    return row(state=VmState.GONE, ended_at=NOW - ago, **changes)


FOREIGN = there(tags=frozenset({"prod"}), request_id=None)
TWIN = there(id=999, ordered_at=NOW)
RECLAIMED = "Cloud Instance Network Reclaim"

SAME = {
    "what is known and there": ([there()], [row()]),
    "nothing at all": ([], []),
    "somebody else's VM": ([FOREIGN], []),
    "somebody else's VM of the same name": ([replace(FOREIGN, id=7), there()], [row()]),
    "a VM whose user data cannot be read": ([there(request_id=None)], [row()]),
    "tags in another case": ([there(tags=frozenset(t.upper() for t in tags_of(row())))], [row()]),
    "tags of others beside ours": ([there(tags=tags_of(row()) | {"team-a"})], [row()]),
    "a VM too new to be listed": ([], [row(asked_at=JUST_NOW)]),
    "one that is being ordered": ([], [row(state=VmState.ORDERING)]),
    "one that is being prepared": ([], [row(state=VmState.PREPARING)]),
    "one that is being cancelled": ([], [row(state=VmState.CANCELLING)]),
    "one that was perhaps never ordered": ([], [row(state=VmState.ATTENTION, cloud_id=None)]),
    "one that is still cleared away": (
        [there(transaction=RECLAIMED)], [gone(timedelta(hours=9))]),
    "one cancelled by hand, not cleared away yet": ([there(transaction=RECLAIMED)], [row()]),
    "one cancelled a moment ago": ([there()], [gone(timedelta(minutes=5))]),
    "one that is gone on both sides": ([], [gone(timedelta(days=5))]),
    "a twin that is cleared away": ([there(), replace(TWIN, transaction=RECLAIMED)], [row()]),
}  # fmt: skip


@pytest.mark.parametrize("case", SAME)
def test_no_difference_is(case: str) -> None:
    assert found(*SAME[case]) == []


DIFFERENT = {
    "a VM that vanished": ([], [row()], Kind.GHOST),
    "a VM that vanished while it needed attention": (
        [], [row(state=VmState.ATTENTION)], Kind.GHOST),
    "its name alone, which proves nothing": ([replace(FOREIGN, id=7)], [row()], Kind.GHOST),
    "a tagged VM nobody knows": ([there(request_id=None)], [], Kind.ORPHAN),
    "an untagged one with our mark in its user data": ([there(tags=frozenset())], [], Kind.ORPHAN),
    "two VMs of one request": ([TWIN, there()], [row()], Kind.TWINS),
    "lost tags": ([there(tags=frozenset())], [row()], Kind.UNTAGGED),
    "one tag lost": ([there(tags=tags_of(row()) - {"ds-bot"})], [row()], Kind.UNTAGGED),
    "another name": ([there(hostname="prod-db")], [row()], Kind.RENAMED),
    "alive, though called gone": ([there()], [gone(timedelta(hours=1))], Kind.RETURNED),
    "alive, though never ordered": (
        [there()], [gone(timedelta(hours=1), cloud_id=None)], Kind.RETURNED),
    "a lost order that was made": (
        [there()], [row(state=VmState.ATTENTION, cloud_id=None)], Kind.FOUND),
    "the twin of a VM that vanished": ([TWIN], [row()], Kind.FOUND),
}  # fmt: skip


@pytest.mark.parametrize("case", DIFFERENT)
def test_a_difference_is(case: str) -> None:
    listed, rows, kind = DIFFERENT[case]
    assert [each.kind for each in found(listed, rows)] == [kind]


def test_of_twins_the_one_in_the_store_comes_first_else_the_older() -> None:
    younger = replace(TWIN, id=50)
    (finding,) = found([younger, there()], [row()])
    assert [vm.id for vm in finding.there] == [101, 50]
    (finding,) = found([younger, there()], [row(cloud_id=50)])
    assert [vm.id for vm in finding.there] == [50, 101]
    (finding,) = found([younger, there()], [row(cloud_id=None)])
    assert [vm.id for vm in finding.there] == [101, 50]


def test_a_finding_keeps_its_key_and_its_fact_until_it_changes() -> None:
    (first,) = found([there(tags=frozenset())], [])
    (again,) = found([there(tags=frozenset(), transaction="Capture")], [])
    (changed,) = found([there(tags=frozenset(), hostname="else")], [])
    assert (first.key, first.fact) == (again.key, again.fact)
    assert first.key == changed.key and first.fact != changed.fact


@pytest.mark.parametrize(("known", "listed", "is_lost"), [
    (4, 1, True), (4, 2, False), (5, 2, True), (100, 49, True), (100, 50, False), (3, 0, False),
])  # fmt: skip
def test_a_list_that_lost_more_than_half_proves_nothing(
    known: int, listed: int, is_lost: bool
) -> None:
    rows = [row(number) for number in range(known)]
    vms = [there(number) for number in range(listed)]
    if is_lost:
        with pytest.raises(ListLost):
            found(vms, rows)
    else:
        assert {each.kind for each in found(vms, rows)} <= {Kind.GHOST}


# --- any world -----------------------------------------------------------------------------------

numbers = st.integers(1, 6)
rows_of = st.builds(
    lambda n, state, has_id, is_new: row(
        n, state=state, cloud_id=100 + n if has_id else None,
        asked_at=JUST_NOW if is_new else LONG_AGO,
        ended_at=LONG_AGO if state is VmState.GONE else None,
    ),
    numbers, st.sampled_from(VmState), st.booleans(), st.booleans(),
)  # fmt: skip
vms_of = st.builds(
    lambda n, is_read, is_tagged, transaction, is_twin, is_renamed: there(
        n, id=200 + n if is_twin else 100 + n, request_id=f"op{n}" if is_read else None,
        tags=tags_of(row(n)) if is_tagged else frozenset(), transaction=transaction,
        hostname="else" if is_renamed else f"web{n}",
    ),
    numbers, st.booleans(), st.booleans(), st.sampled_from([None, "Capture", RECLAIMED]),
    st.booleans(), st.booleans(),
)  # fmt: skip


@given(
    rows=st.lists(rows_of, max_size=6, unique_by=lambda vm: vm.op_id),
    listed=st.lists(vms_of, max_size=9, unique_by=lambda vm: vm.id),
)
def test_whatever_is_concluded_has_its_proof(rows: list[Vm], listed: list[CloudVm]) -> None:
    try:
        findings = found(listed, rows)
    except ListLost as lost:
        assert 2 * lost.listed < lost.known
        return
    ids = {vm.id for vm in listed}
    keys = [each.key for each in findings]
    assert len(set(keys)) == len(keys)
    for each in findings:
        if each.row is not None:
            assert each.row.state in (VmState.READY, VmState.ATTENTION, VmState.GONE)
            assert all(
                vm.request_id == each.row.op_id
                or (vm.request_id is None and vm.id == each.row.cloud_id)
                for vm in each.there
            )
        match each.kind:
            case Kind.GHOST:
                assert each.row is not None and each.row.cloud_id not in ids
                assert each.row.asked_at == LONG_AGO
            case Kind.ORPHAN:
                (vm,) = each.there
                assert vm.tags or vm.request_id
                assert vm.request_id not in {known.op_id for known in rows}
            case Kind.TWINS:
                assert len(each.there) > 1
            case Kind.RETURNED:
                assert each.row is not None and each.row.state is VmState.GONE


@given(
    rows=st.lists(rows_of, max_size=6, unique_by=lambda vm: vm.op_id),
    listed=st.lists(vms_of, max_size=9, unique_by=lambda vm: vm.id),
    order=st.randoms(use_true_random=False),
)
def test_the_order_of_the_list_does_not_matter(
    rows: list[Vm], listed: list[CloudVm], order: Random
) -> None:
    shuffled = list(listed)
    order.shuffle(shuffled)
    try:
        expected = found(listed, rows)
    except ListLost:
        return
    assert {(each.key, each.fact) for each in found(shuffled, rows)} == {
        (each.key, each.fact) for each in expected
    }
