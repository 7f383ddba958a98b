"""`/ds vm cancel NAME`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.errors import ChatUnknown, CloudNotFound, CloudRefused
from bot.models import Engine, OperationState, VmState
from bot.services.operations import operation_id
from tests.services.laws import check_laws
from tests.services.stories import needs_attention, perhaps_ordered
from tests.services.world import ADMIN, JIHOON, FakeIdentity, World

DONE, FAILED = OperationState.DONE, OperationState.FAILED


def test_a_cancelled_vm_costs_nothing_more_and_its_cost_is_told(world: World) -> None:
    vm = world.has_vm("web")
    world.sim.advance(timedelta(hours=100))
    op_id = world.done("vm cancel web")
    assert world.cloud.live == []
    assert world.vm(vm).state is VmState.GONE
    assert "It cost about $5.30" in world.told(op_id)
    assert [each.address for each in world.hosts.forgotten] == [world.vm(vm).address]
    check_laws(world)


def test_the_name_is_free_again_when_softlayer_has_taken_it_back(world: World) -> None:
    world.has_vm("web")
    world.done("vm cancel web")
    world.sim.advance(world.cloud.reclaim)
    world.done("vm web")
    check_laws(world)


def test_a_name_that_softlayer_has_not_taken_back_yet_is_told_as_that(world: World) -> None:
    """Who orders a VM anew right after cancelling it must not think that it was somebody else."""
    world.has_vm("web")
    world.done("vm cancel web")
    told = world.refused("vm web")
    assert "is still taking it back" in told
    assert "did not order" not in told
    assert "/ds vm web-2" in told
    check_laws(world)


def test_a_cancelled_vm_that_softlayer_never_takes_back_is_for_an_admin(world: World) -> None:
    world.has_vm("web")
    world.cloud.reclaim = timedelta(days=9)
    world.done("vm cancel web")
    world.sim.advance(timedelta(days=1))
    assert "SoftLayer still has it. An admin must look" in world.refused("vm web")


def test_an_order_under_way_is_called_off(world: World) -> None:
    order = world.ask("vm web")
    world.run(timedelta(seconds=30))
    cancel = world.ask("vm cancel web")
    world.run()
    assert (world.state(order), world.state(cancel)) == (FAILED, DONE)
    assert "was cancelled" in world.told(order)
    assert world.cloud.live == []
    check_laws(world)


def test_a_cancel_that_begins_while_docker_answers_is_not_overwritten(world: World) -> None:
    order = operation_id("key-1")
    host = world.hosts.boot("192.0.2.1", shows_key=FakeIdentity().host_key(order))
    answer = host._engine

    def answers_meanwhile() -> Engine:
        with world.meddling.off():  # as another replica does it
            world.core.vm_store.change(order, state=VmState.CANCELLING)
        return answer()

    host._engine = answers_meanwhile  # type: ignore[method-assign]
    world.ask("vm web")
    world.run()
    assert world.vm(order).state is VmState.CANCELLING
    assert world.state(order) is FAILED
    assert "was cancelled" in world.told(order)
    assert world.given_up == []


def test_a_transaction_is_waited_for(world: World) -> None:
    world.has_vm("web")
    (vm,) = world.cloud.live
    world.cloud.busy(vm.id, "Capture")
    world.later(timedelta(minutes=20), lambda: world.cloud.idle(vm.id))
    world.done("vm cancel web")
    assert world.cloud.live == []
    check_laws(world)


def test_a_transaction_without_end_is_told_and_can_be_tried_again(world: World) -> None:
    op = world.has_vm("web")
    (vm,) = world.cloud.live
    world.cloud.busy(vm.id, "Capture")
    cancel = world.ask("vm cancel web")
    world.run()
    assert (world.state(cancel), world.vm(op).state) == (FAILED, VmState.ATTENTION)
    assert "still costs money" in world.told(cancel)
    check_laws(world)
    world.cloud.idle(vm.id)
    world.done("vm cancel web")
    check_laws(world)


def test_twice_at_once_is_once(world: World) -> None:
    world.has_vm("web")
    (vm,) = world.cloud.live
    world.cloud.busy(vm.id, "Capture")
    world.later(timedelta(minutes=1), lambda: world.cloud.idle(vm.id))
    first = world.ask("vm cancel web")
    world.run(timedelta(seconds=1))
    assert "being cancelled already" in _refused_meanwhile(world)
    world.run()
    assert world.state(first) is DONE
    assert "no VM `web`" in world.refused("vm cancel web")
    check_laws(world)


def _refused_meanwhile(world: World) -> str:
    """While others are at work, which `World.refused` would wait for."""
    second = world.ask("vm cancel web")
    world.run(timedelta(seconds=1))
    assert world.state(second) is OperationState.REFUSED
    return world.chat.replies[-1].text


def test_only_its_owner_or_an_admin_may_cancel(world: World) -> None:
    world.has_vm("web")
    world.refused("vm cancel web", JIHOON)
    assert len(world.cloud.live) == 1
    world.done("vm cancel web", ADMIN)
    assert world.cloud.live == []
    check_laws(world)


def test_gone_already_is_success(world: World) -> None:
    op = world.has_vm("web")
    world.cloud.machines.clear()
    world.done("vm cancel web")
    assert world.vm(op).state is VmState.GONE
    check_laws(world)


def test_a_vm_that_is_not_found_once_is_not_gone(world: World) -> None:
    """One stray answer must not make a VM that costs money unknown."""
    world.has_vm("web")
    world.cloud.fail("get", CloudNotFound("a blink"), times=2)
    world.done("vm cancel web")
    assert world.cloud.live == []
    check_laws(world)


def test_a_vm_that_is_not_found_now_and_then_is_not_gone(world: World) -> None:
    """Its transaction takes long, and so there is much time for stray answers."""
    op = world.has_vm("web")
    (vm,) = world.cloud.live
    world.cloud.busy(vm.id, "Capture")
    blink = CloudNotFound("a blink")
    for minute in range(1, 6):
        world.later(timedelta(minutes=minute), lambda: world.cloud.fail("get", blink))
    world.later(timedelta(minutes=7), lambda: world.cloud.idle(vm.id))
    world.done("vm cancel web")
    assert (world.cloud.live, world.vm(op).state) == ([], VmState.GONE)
    check_laws(world)


def test_a_vm_that_is_not_shown_yet_is_not_gone(world: World) -> None:
    world.ask("vm web")
    world.run(timedelta(seconds=5))
    world.cloud.fail("get", CloudNotFound("not yet"), times=4)
    world.done("vm cancel web")
    assert world.cloud.live == []
    check_laws(world)


def test_an_id_that_has_another_name_now_is_left_alone(world: World) -> None:
    op = world.has_vm("web")
    (vm,) = world.cloud.live
    world.cloud.machines[vm.id].vm = replace(world.cloud.machines[vm.id].vm, hostname="db")
    cancel = world.ask("vm cancel web")
    world.run()
    assert (world.state(cancel), world.vm(op).state) == (FAILED, VmState.ATTENTION)
    assert world.cloud.calls["cancel"] == 0
    assert "db" in world.told(cancel)


def test_a_refusal_of_softlayers_is_told(world: World) -> None:
    world.has_vm("web")
    world.cloud.fail("cancel", CloudRefused("call support"))
    cancel = world.ask("vm cancel web")
    world.run()
    assert world.state(cancel) is FAILED
    assert "call support" in world.told(cancel)
    check_laws(world)


def test_what_failed_can_be_cancelled(world: World) -> None:
    needs_attention(world)
    world.done("vm cancel web")
    assert world.cloud.live == []
    check_laws(world)


def test_what_was_perhaps_ordered_is_looked_for_and_cancelled(world: World) -> None:
    perhaps_ordered(world)
    world.done("vm cancel web")
    assert (world.cloud.live, world.vms()) == ([], [])
    check_laws(world)


def test_a_cancel_that_is_given_up_before_it_began_changes_nothing(world: World) -> None:
    """Not even when it would have been refused: the VM is somebody else's."""
    op = world.has_vm("web")
    for who in (JIHOON, ADMIN):
        for act in ("respond", "post"):
            world.chat.fail(act, ChatUnknown("silent"), times=5)
        cancel = world.ask("vm cancel web", who)
        world.run()
        world.chat._faults.clear()
        assert world.state(cancel) is FAILED
        assert world.vm(op).state is VmState.READY
        assert len(world.cloud.live) == 1


def test_last_words_that_are_lost_do_not_touch_the_names_next_owner(world: World) -> None:
    world.has_vm("web")
    world.chat.fail("update", ChatUnknown("silent"), times=4)
    cancel = world.ask("vm cancel web")
    world.run(timedelta(seconds=20))
    world.has_vm("web", JIHOON, state=VmState.CANCELLING)
    world.run()
    assert world.given_up == [cancel]
    assert [vm.state for vm in world.vms()] == [VmState.CANCELLING]
