"""VMs that nobody uses, in a World: swept at every tick.

world.has_vm("web"), then:

    vm = idle_vm(world)                       # ready, labelled, with its hours counted
    until(world, lambda: world.chat.all_messages, timedelta(hours=5))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from bot.models import VmState
from bot.services.reconcile import tags_of
from bot.store import MarkRow
from tests.fakes.activity import FakeUse
from tests.services.world import ADMIN, JANE, World

DM, ADMINS = f"D{JANE[1:]}", f"D{ADMIN[1:]}"
LOOK = timedelta(minutes=6)  # rarer than shipped, so that a night is soon over


def idle_vm(world: World, name: str = "web", who: str = JANE) -> str:
    """A VM on which nothing runs, as an order leaves it; gives its op_id."""
    op_id = world.has_vm(name, who)
    vm = world.vm(op_id)
    assert vm.cloud_id is not None
    with world.meddling.off():
        world.cloud.label(vm.cloud_id, tags_of(vm), "")
        host(world, op_id)
    return op_id


def host(world: World, op_id: str) -> object:
    """The machine, from now on."""
    return world.core.fleet.host(world.vm(op_id))


def tick(world: World, counts: Counter[str] | None = None) -> None:
    """One sweep, what follows from it, and the time until the next one."""
    due = world.sim.now() + LOOK
    found = world.sweep()
    if counts is not None:
        counts.update(found)
    world.run(max(due - world.sim.now(), timedelta(0)))


def ticks(world: World, length: timedelta) -> Counter[str]:
    """Sweeps for some time; gives what they counted."""
    counts: Counter[str] = Counter()
    end = world.sim.now() + length
    while world.sim.now() < end:
        tick(world, counts)
    return counts


def until(world: World, is_so: Callable[[], object], most: timedelta = timedelta(hours=9)) -> None:
    """Sweeps until something is so. Raises AssertionError when it never is."""
    end = world.sim.now() + most
    while not is_so():
        assert world.sim.now() < end, "it has never become so"
        tick(world)


def mark_of(world: World, op_id: str) -> MarkRow | None:
    with world.meddling.off():
        return world.core.caretaker.stores.marks.newest(op_id)


def delivered(world: World, op_id: str) -> MarkRow:
    """Sweeps until the VM's notice is delivered."""

    def found() -> bool:
        mark = mark_of(world, op_id)
        return mark is not None and mark.ended_at is None and mark.delivered_at is not None

    until(world, found)
    mark = mark_of(world, op_id)
    assert mark is not None
    return mark


def is_gone(world: World, op_id: str) -> bool:
    return world.vm(op_id).state is VmState.GONE


def computes(world: World, op_id: str, cpus: float = 1.0) -> None:
    """Somebody's program runs on the VM, outside of containers."""
    world.host_of(op_id).doing.use(None, FakeUse(cpus=cpus))


def notices(world: World, channel: str) -> list[str]:
    """What the messages there say now."""
    return [each.text for each in world.chat.messages.get(channel, ())]
