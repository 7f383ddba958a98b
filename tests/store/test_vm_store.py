"""Names are reserved once, quotas hold, and what is gone frees its name."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest
import sqlalchemy as sa

from bot.models import Vm, VmState
from bot.store import NameInUse, TooMany, VmStore
from tests.store.conftest import NOW
from tests.store.racing import at_once

RACERS = 8


@pytest.fixture
def vms(database: sa.Engine) -> VmStore:
    return VmStore(database)


def _vm(op_id: str, hostname: str = "web", owner: str = "U0JANE") -> Vm:
    return Vm(
        op_id=op_id, hostname=hostname, domain="example.net", owner_id=owner,
        channel_id="C0GENERAL", team_id="T0TEAM", state=VmState.ORDERING, image="docker",
        cpus=1, memory_mb=1024, datacenter="dal10", asked_at=NOW,
    )  # fmt: skip


def test_what_is_written_is_read(vms: VmStore) -> None:
    vm = replace(
        _vm("op-1"), cloud_id=2**40, address="192.0.2.1", host_key="ssh-ed25519 AAAA",
        hourly_rate=Decimal("0.05345"), ready_at=NOW + timedelta(seconds=200),
    )  # fmt: skip
    vms.reserve(vm, most=5)
    assert vms.get("op-1") == vms.named("web") == vms.named("web", "example.net") == vm
    assert vms.named("web", "example.com") is None
    with pytest.raises(LookupError):
        vms.get("op-2")


def test_a_time_without_zone_is_refused(vms: VmStore) -> None:
    with pytest.raises(sa.exc.StatementError, match="without zone"):
        vms.reserve(replace(_vm("op-1"), asked_at=datetime(2026, 3, 2)), most=5)


def test_a_live_name_is_reserved_once(vms: VmStore) -> None:
    vms.reserve(_vm("op-1"), most=5)
    with pytest.raises(NameInUse) as raised:
        vms.reserve(_vm("op-2", owner="U0JIHOON"), most=5)
    assert raised.value.vm.op_id == "op-1"
    with pytest.raises(LookupError):
        vms.get("op-2")


def test_a_reservation_written_already_is_success(vms: VmStore) -> None:
    vms.reserve(_vm("op-1"), most=1)
    vms.change("op-1", state=VmState.READY, cloud_id=7)
    vms.reserve(_vm("op-1"), most=1)
    assert (vms.get("op-1").state, vms.get("op-1").cloud_id) == (VmState.READY, 7)


def test_a_reservation_given_back_is_made_anew(vms: VmStore) -> None:
    """An admission that was refused, and not recorded before the crash, is decided again."""
    vms.reserve(_vm("op-1"), most=1)
    vms.gone("op-1", NOW)
    vms.reserve(_vm("op-1"), most=1)
    assert vms.get("op-1") == _vm("op-1")
    vms.gone("op-1", NOW)
    vms.reserve(_vm("op-2"), most=1)
    with pytest.raises(NameInUse):
        vms.reserve(_vm("op-1"), most=5)


def test_the_quota_counts_live_vms_of_one_person(vms: VmStore) -> None:
    vms.reserve(_vm("op-1", "a"), most=2)
    vms.reserve(_vm("op-2", "b"), most=2)
    vms.reserve(_vm("op-3", "c", "U0JIHOON"), most=2)
    with pytest.raises(TooMany) as raised:
        vms.reserve(_vm("op-4", "d"), most=2)
    assert [vm.hostname for vm in raised.value.vms] == ["a", "b"]
    vms.gone("op-1", NOW)
    vms.reserve(_vm("op-4", "d"), most=2)


def test_of_rivals_for_a_name_one_wins(vms: VmStore) -> None:
    rivals = [_vm(f"op-{i}", owner=f"U{i}") for i in range(RACERS)]
    outcomes = at_once([partial(vms.reserve, vm, 5) for vm in rivals])
    assert outcomes.count(None) == 1
    assert sum(isinstance(each, NameInUse) for each in outcomes) == RACERS - 1
    assert len(vms.live()) == 1


def test_nobody_gets_past_the_quota_by_being_quick(vms: VmStore) -> None:
    wishes = [_vm(f"op-{i}", f"web-{i}") for i in range(RACERS)]
    outcomes = at_once([partial(vms.reserve, vm, 3) for vm in wishes])
    assert outcomes.count(None) == len(vms.live("U0JANE")) == 3
    assert sum(isinstance(each, TooMany) for each in outcomes) == RACERS - 3


def test_the_database_itself_refuses_a_second_live_name(vms: VmStore, database: sa.Engine) -> None:
    """Whatever the code does: two VMs of one name cannot be written down."""
    vms.reserve(_vm("op-1"), most=5)
    vms.reserve(_vm("op-2", "other"), most=5)
    with pytest.raises(sa.exc.IntegrityError):
        vms.change("op-2", hostname="web")
    vms.gone("op-1", NOW)
    assert vms.change("op-2", hostname="web")


def test_a_state_is_not_overwritten_where_it_must_not_be(vms: VmStore) -> None:
    vms.reserve(_vm("op-1"), most=5)
    vms.change("op-1", state=VmState.CANCELLING)
    called_off = frozenset({VmState.CANCELLING, VmState.GONE})
    assert not vms.change("op-1", unless=called_off, state=VmState.READY)
    assert vms.get("op-1").state is VmState.CANCELLING
    assert not vms.change("op-9", state=VmState.READY)


def test_gone_is_for_good_and_keeps_its_first_time(vms: VmStore) -> None:
    vms.reserve(_vm("op-1"), most=5)
    vms.gone("op-1", NOW)
    vms.gone("op-1", NOW + timedelta(hours=1))
    assert vms.get("op-1").ended_at == NOW
    assert vms.live() == [] and vms.named("web") is None
    assert vms.counts() == {"gone": 1}


def test_live_ones_come_oldest_first(vms: VmStore) -> None:
    for number, name in enumerate(("b", "a", "c")):
        vm = replace(_vm(f"op-{number}", name), asked_at=NOW - timedelta(hours=number))
        vms.reserve(vm, most=5)
    assert [vm.hostname for vm in vms.live()] == ["c", "a", "b"]
    assert vms.live("U0JIHOON") == []


def test_a_live_name_is_taken_in_every_domain(vms: VmStore) -> None:
    """People name VMs without their domain, which the operator may change: one name, one VM."""
    vms.reserve(_vm("op-1"), most=5)
    with pytest.raises(NameInUse) as raised:
        vms.reserve(replace(_vm("op-2"), domain="example.com"), most=5)
    assert raised.value.vm.op_id == "op-1"
