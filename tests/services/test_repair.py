"""What differs between cloud and store is put right or told, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from bot.errors import CloudUnknown
from bot.models import CloudVm, OperationState, Vm, VmState
from bot.services.reconcile import tags_of
from tests.services.laws import check_laws
from tests.services.world import ADMIN, GENERAL, JANE, JIHOON, World

DM, ADMINS = f"D{JANE[1:]}", f"D{ADMIN[1:]}"
LOOK = timedelta(minutes=2)


def sweeps(world: World, times: int = 1) -> None:
    for _ in range(times):
        world.sweep()
        world.run()
        world.sim.advance(LOOK)


def messages(world: World, channel: str) -> list[str]:
    return [each.text for each in world.chat.messages.get(channel, ())]


def labelled(world: World, op_id: str) -> CloudVm:
    """A VM with the tags that an order gives it; by its row."""
    vm = world.vm(op_id)
    assert vm.cloud_id is not None
    with world.meddling.off():
        world.cloud.label(vm.cloud_id, tags_of(vm), "")
        return world.cloud.get(vm.cloud_id)


def change(world: World, op_id: str, **values: object) -> None:
    vm = world.vm(op_id)
    assert vm.cloud_id is not None
    machine = world.cloud.machines[vm.cloud_id]
    machine.vm = replace(machine.vm, **values)  # type: ignore[arg-type]


def twin_of(world: World, op_id: str, after: timedelta = timedelta(seconds=5)) -> CloudVm:
    first = labelled(world, op_id)
    twin = replace(first, id=first.id + 1_000, ordered_at=first.ordered_at + after)
    world.cloud.put(twin)
    return twin


def stray(world: World, **values: object) -> CloudVm:
    """A tagged VM that no row knows."""
    now = world.sim.now()
    vm = CloudVm(
        id=77, hostname="stray", domain="example.net", request_id=None, public_ip="192.0.2.77",
        private_ip=None, ordered_at=now, provisioned_at=now, transaction=None, is_running=True,
        is_hourly=True, hourly_rate=Decimal("0.053"), tags=frozenset({"ds-bot"}), cpus=1,
        memory_mb=1024, datacenter="dal10",
    )  # fmt: skip
    vm = replace(vm, **values)  # type: ignore[arg-type]
    world.cloud.put(vm)
    return vm


def clicks(world: World, channel: str) -> Sequence[str]:
    """The commands of the buttons of the last message there."""
    blocks = world.chat.messages[channel][-1].blocks
    return [each["value"] for block in blocks for each in block.get("elements", ())
            if each.get("type") == "button"]  # fmt: skip


def test_a_vm_cancelled_by_hand_is_gone_when_the_cloud_has_said_so_twice(world: World) -> None:
    op_id = world.has_vm("web")
    labelled(world, op_id)
    world.sim.advance(timedelta(hours=10))
    world.cloud.machines.clear()
    world.sweep()
    world.run()
    assert world.vm(op_id).state is VmState.READY
    world.sim.advance(world.policy.timeouts.settle)
    sweeps(world, 3)
    assert world.vm(op_id).state is VmState.GONE
    for place in (GENERAL, DM):
        assert [each for each in messages(world, place) if "does not exist" in each] == [
            "web does not exist at SoftLayer any more: the bot did not cancel it."
            " It cost about $0.53."
        ]
    assert [each.address for each in world.hosts.forgotten] == [world.vm(op_id).address]
    check_laws(world)


def test_a_list_that_left_a_vm_out_makes_no_ghost(world: World) -> None:
    op_id = world.has_vm("web")
    machine = world.cloud.machines[labelled(world, op_id).id]
    machine.listed_at = world.sim.now() + timedelta(days=1)
    sweeps(world, 5)
    assert world.vm(op_id).state is VmState.READY
    assert world.chat.all_messages == []


def test_nothing_is_concluded_while_the_cloud_is_silent(world: World) -> None:
    op_id = world.has_vm("web")
    labelled(world, op_id)
    world.cloud.machines.clear()
    world.cloud.fail("get", CloudUnknown("silent"), times=5)
    sweeps(world, 5)
    assert world.vm(op_id).state is VmState.READY
    world.cloud.fail("vms", CloudUnknown("silent"), times=3)
    sweeps(world, 3)
    assert world.vm(op_id).state is VmState.READY
    sweeps(world, 3)
    assert world.vm(op_id).state is VmState.GONE


def test_a_list_that_lost_most_is_told_once_and_not_believed(world: World) -> None:
    vms = [world.has_vm(name, who) for name, who in
           (("a", JANE), ("b", JANE), ("c", JIHOON), ("d", JIHOON))]  # fmt: skip
    machines = dict(world.cloud.machines)
    for op_id in vms[1:]:
        del world.cloud.machines[labelled(world, op_id).id]
    sweeps(world, 4)
    assert [world.vm(op_id).state for op_id in vms] == [VmState.READY] * 4
    (told,) = messages(world, ADMINS)
    assert "only 1 of the 4 VMs" in told
    world.cloud.machines.update(machines)
    sweeps(world, 1)
    world.cloud.machines.clear()
    sweeps(world, 1)
    assert len(messages(world, ADMINS)) == 2


def test_lost_tags_are_set_again_beside_those_of_others(world: World) -> None:
    op_id = world.has_vm("web")
    vm = labelled(world, op_id)
    change(world, op_id, tags=frozenset({"team-a"}), notes="do not touch")
    sweeps(world)
    (now,) = world.cloud.live
    assert now.tags == vm.tags | {"team-a"}
    assert now.notes == "do not touch"
    calls = world.cloud.calls["label"]
    sweeps(world)
    assert world.cloud.calls["label"] == calls


def test_a_second_vm_of_one_request_is_cancelled_and_told_once(world: World) -> None:
    op_id = world.has_vm("web")
    twin = twin_of(world, op_id)
    world.cloud.busy(twin.id, "Setup")
    world.later(timedelta(minutes=5), lambda: world.cloud.idle(twin.id))
    sweeps(world, 3)
    assert [vm.id for vm in world.cloud.live] == [world.vm(op_id).cloud_id]
    assert len([each for each in messages(world, DM) if "two VMs" in each]) == 1
    assert world.vm(op_id).state is VmState.READY
    check_laws(world)


def test_a_vm_of_that_name_without_the_requests_id_is_nobodys_twin(world: World) -> None:
    op_id = world.has_vm("web")
    twin = twin_of(world, op_id)
    world.cloud.machines[twin.id].vm = replace(twin, request_id=None, tags=frozenset())
    sweeps(world, 2)
    assert len(world.cloud.live) == 2


def test_a_stray_vm_is_told_to_the_admins_once_and_left_alone(world: World) -> None:
    vm = stray(world)
    sweeps(world, 4)
    assert len(messages(world, ADMINS)) == 1
    assert clicks(world, ADMINS) == [f"admin adopt {vm.id}", f"admin cancel {vm.id}"]
    assert world.cloud.live == [vm]
    change_of = world.cloud.machines[vm.id]
    change_of.vm = replace(vm, hostname="other")
    sweeps(world, 2)
    assert len(messages(world, ADMINS)) == 2


def test_another_name_is_told_and_the_vm_left_alone(world: World) -> None:
    op_id = world.has_vm("web")
    labelled(world, op_id)
    change(world, op_id, hostname="prod-db")
    sweeps(world, 3)
    assert len(messages(world, ADMINS)) == 1
    assert "is called prod-db" in messages(world, ADMINS)[0]
    assert len(world.cloud.live) == 1


def test_a_vm_called_gone_that_lives_is_told_loudly_and_live_again(world: World) -> None:
    op_id = world.has_vm("web")
    labelled(world, op_id)
    world.core.vm_store.gone(op_id, world.sim.now())
    sweeps(world, 2)
    assert world.vm(op_id).state is VmState.GONE  # as long as it may only be slow to end
    world.sim.advance(world.policy.timeouts.cancel)
    sweeps(world, 3)
    assert world.vm(op_id).state is VmState.ATTENTION
    for place in (GENERAL, DM, ADMINS):
        assert len([each for each in messages(world, place) if "should be gone" in each]) == 1
    world.done("vm cancel web")
    assert world.cloud.live == []
    check_laws(world)


def test_one_whose_name_was_given_away_is_the_admins_matter(world: World) -> None:
    op_id = world.has_vm("web")
    vm = labelled(world, op_id)
    world.core.vm_store.gone(op_id, world.sim.now())
    labelled(world, world.has_vm("web", JIHOON))
    world.sim.advance(world.policy.timeouts.cancel)
    sweeps(world, 3)
    assert world.vm(op_id).state is VmState.GONE
    assert len(messages(world, ADMINS)) == 1
    assert clicks(world, ADMINS) == [f"admin cancel {vm.id}"]


def test_an_order_that_was_lost_is_found_and_told(world: World) -> None:
    op_id = world.has_vm("web")
    vm = labelled(world, op_id)
    world.core.vm_store.change(op_id, state=VmState.ATTENTION, cloud_id=None, address=None)
    sweeps(world, 2)
    found: Vm = world.vm(op_id)
    assert (found.cloud_id, found.state) == (vm.id, VmState.ATTENTION)
    assert clicks(world, DM) == ["vm prepare web", "vm cancel web"]
    assert len(messages(world, DM)) == 1


def test_the_twin_takes_the_place_of_a_vm_that_vanished(world: World) -> None:
    op_id = world.has_vm("web")
    twin = twin_of(world, op_id)
    known = world.vm(op_id).cloud_id
    assert known is not None
    del world.cloud.machines[known]
    sweeps(world, 3)
    assert (world.vm(op_id).cloud_id, world.vm(op_id).state) == (twin.id, VmState.ATTENTION)
    assert len(world.cloud.live) == 1


def test_what_slack_refuses_reaches_the_admins(world: World) -> None:
    op_id = world.has_vm("web")
    labelled(world, op_id)
    world.chat.closed[GENERAL] = "is_archived"
    del world.chat.members[JANE]
    world.cloud.machines.clear()
    sweeps(world, 4)
    assert world.vm(op_id).state is VmState.GONE
    assert len(messages(world, ADMINS)) == 1


def test_the_trouble_of_one_vm_is_not_the_next_ones(world: World) -> None:
    first, second = world.has_vm("a"), world.has_vm("b", JIHOON)
    for op_id in (first, second):
        labelled(world, op_id)
        change(world, op_id, tags=frozenset())
    world.cloud.fail("label", CloudUnknown("silent"))
    sweeps(world)
    assert [bool(vm.tags) for vm in world.cloud.live] == [False, True]
    sweeps(world)
    assert all(vm.tags for vm in world.cloud.live)
    assert world.given_up == []


def test_only_one_replica_has_a_tick(world: World) -> None:
    assert world.core.caretaker.sweep.run(world.sim.now()) is not None
    assert world.core.caretaker.sweep.run(world.sim.now()) is None


def test_states_of_operations_are_as_they_ended(world: World) -> None:
    stray(world)
    sweeps(world)
    (tell,) = world.core.operation_store.since(world.sim.now() - timedelta(days=1))
    assert (tell.kind, tell.state) == ("tell", OperationState.DONE)
