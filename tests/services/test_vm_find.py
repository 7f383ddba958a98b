"""One request, one VM: doubles are cancelled, however late they show up; nobody else's ever is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from bot.errors import CloudHeld, CloudNotFound, CloudRefused, CloudUnknown
from bot.models import CloudVm, OperationState, VmSpec, VmState
from tests.services.laws import check_laws
from tests.services.stories import somebodys
from tests.services.world import World

DONE, FAILED = OperationState.DONE, OperationState.FAILED


class Right:
    """A clock that nobody sets."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now

    def monotonic(self) -> timedelta:
        return timedelta(0)

    def sleep(self, duration: timedelta) -> None:
        """Nobody sleeps on it."""


def ordered_by_hand(world: World, name: str, vm_id: int = 77) -> CloudVm:
    """A VM that somebody orders at SoftLayer itself just now; it has no user data."""
    vm = replace(somebodys(world, name), id=vm_id, ordered_at=world.sim.now())
    world.cloud.machines.pop(77, None)
    world.cloud.put(vm)
    return vm


def order_by_hand_meanwhile(world: World) -> None:
    """After the name was found to be free, and before our order."""
    quote = world.cloud.quote

    def slowly(spec: VmSpec) -> Decimal:
        ordered_by_hand(world, "web")
        world.sim.sleep(timedelta(seconds=1))
        return quote(spec)

    world.cloud.quote = slowly  # type: ignore[method-assign]


def test_a_vm_ordered_by_hand_under_the_same_name_is_never_cancelled(world: World) -> None:
    """SoftLayer lets two VMs have one name."""
    order_by_hand_meanwhile(world)
    op_id = world.done("vm web")
    assert 77 in {vm.id for vm in world.cloud.live}
    assert world.vm(op_id).cloud_id not in (77, None)
    check_laws(world)


def test_of_two_vms_of_one_name_the_one_with_our_request_is_ours(world: World) -> None:
    """Not the older one: its user data cannot be read, so it may be anybody's."""
    order_by_hand_meanwhile(world)
    world.cloud.lose_answer("order")
    op_id = world.done("vm web")
    assert world.vm(op_id).cloud_id not in (77, None)
    assert 77 in {vm.id for vm in world.cloud.live}
    check_laws(world)


def test_an_order_that_shows_up_after_it_was_repeated_is_cancelled(world: World) -> None:
    """SoftLayer lists it later than the settle time, and cancels nothing that is being made."""
    world.cloud.list_lag = world.policy.timeouts.settle + timedelta(seconds=30)
    world.cloud.lose_answer("order")
    op_id = world.done("vm web")
    assert [vm.id for vm in world.cloud.live] == [world.vm(op_id).cloud_id]


def test_cancelling_a_vm_cancels_what_else_its_request_has_made(world: World) -> None:
    world.cloud.list_lag = timedelta(hours=1)
    world.cloud.lose_answer("order")
    world.done("vm web")
    world.sim.advance(timedelta(hours=1))
    world.done("vm cancel web")
    assert world.cloud.live == []


def test_an_order_that_waits_for_approval_is_not_repeated(world: World) -> None:
    """SoftLayer has it: a second one would be a second VM."""
    world.cloud.fail("order", CloudHeld("taken, no VM yet"))
    op_id = world.ask("vm web")
    world.run()
    assert world.cloud.calls["order"] == 1
    assert (world.state(op_id), world.vm(op_id).state) == (FAILED, VmState.ATTENTION)
    check_laws(world)


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_clock_that_is_set_does_not_shorten_the_search(world: World, jump: timedelta) -> None:
    world.cloud.list_lag = timedelta(seconds=60)
    world.cloud.lose_answer("order")
    op_id = world.ask("vm web")
    world.run(timedelta(seconds=1))
    at = world.sim.now
    world.sim.now = lambda: at() + jump  # type: ignore[method-assign]
    world.cloud._clock = Right(at)  # SoftLayer's
    world.run()
    assert world.cloud.calls["order"] == 1
    assert len(world.cloud.live) == 1
    assert world.vm(op_id).cloud_id == world.cloud.live[0].id


def test_a_vm_that_is_not_found_once_is_not_gone(world: World) -> None:
    """It was there before: one answer does not make a VM that costs money unknown."""
    op_id = world.ask("vm web")
    world.run(world.policy.timeouts.settle + timedelta(seconds=15))
    world.cloud.fail("get", CloudNotFound("a blink"), times=2)
    world.run()
    assert (world.state(op_id), world.vm(op_id).state) == (DONE, VmState.READY)
    check_laws(world)


def test_what_was_forgotten_of_an_order_does_not_keep_its_vm_from_being_cancelled(
    world: World,
) -> None:
    """Finished operations are remembered for some months only."""
    world.cloud.fail("order", CloudUnknown("silent"), times=9)
    world.ask("vm web")
    world.run()
    later = world.sim.now() + timedelta(days=91)
    with world.meddling.off():
        world.core.operation_store.forget(later)
    world.done("vm cancel web")
    assert world.vms() == []


@pytest.mark.parametrize("how", ["ready", "never reached", "refused", "cancelled", "unknown"])
def test_the_private_half_of_its_host_key_is_not_kept(world: World, how: str) -> None:
    """Once nothing is ordered with it any more, it can only be stolen."""
    world.ssh_delay = timedelta(hours=1) if how == "never reached" else timedelta(seconds=20)
    if how in ("refused", "unknown"):
        error = CloudRefused("no") if how == "refused" else CloudUnknown("silent")
        world.cloud.fail("order", error, times=2)
    world.ask("vm web")
    if how == "cancelled":
        world.run(timedelta(seconds=30))
        world.ask("vm cancel web")
    world.run()
    seen = [point.effect for point in world.meddling.seen]
    assert seen.count("identity.user_data") > 0
    assert "identity.forget" in seen[seen.index("identity.user_data") :]


@pytest.mark.parametrize("when", [timedelta(seconds=1), timedelta(seconds=30)], ids=str)
def test_a_clock_that_is_set_forward_ends_no_wait(world: World, when: timedelta) -> None:
    """The VM is ordered and costs money: giving up on it is the dearest thing to do."""
    op_id = world.ask("vm web")
    world.run(when)
    at = world.sim.now
    world.sim.now = lambda: at() + timedelta(days=1)  # type: ignore[method-assign]
    world.cloud._clock = Right(at)  # SoftLayer's
    world.run()
    assert world.state(op_id) is DONE, world.told(op_id)
    assert world.vm(op_id).state is VmState.READY
