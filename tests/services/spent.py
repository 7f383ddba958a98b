"""VMs of the past in a World, with what they cost, and the ticks that tell of it.

had(world, "web", days_ago=5, hours=10)             # gone; 0.053 USD an hour
has(world, "db", hours_ago=30)                      # still there
told = tick(world)                                  # what is due is asked for, and done
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from bot.models import Vm, VmState
from tests.fakes.chat import FakeMessage
from tests.services.world import GENERAL, JANE, World

HOUR = timedelta(hours=1)
RATE = Decimal("0.10")


def known_vm(
    world: World, name: str, asked_at: datetime, *, who: str = JANE, channel: str = GENERAL,
    rate: Decimal | None = RATE, ended_at: datetime | None = None, how: str | None = None,
) -> Vm:  # fmt: skip
    """A VM that the store knows. how: how a mark ended, in the minute before it was gone."""
    vm = Vm(
        f"op-{name}-{asked_at:%m%d%H%M}", name, "example.com", who, channel, "T0TEAM",
        VmState.READY, "docker", 1, 1024, "dal10", asked_at, cloud_id=abs(hash(name)) % 10**6,
        hourly_rate=rate, ready_at=asked_at,
    )  # fmt: skip
    stores = world.core.caretaker.stores
    with world.meddling.off():
        stores.vms.reserve(vm, 99)
        if ended_at is not None:
            if how is not None:
                mark = stores.marks.mark(
                    vm.op_id, ended_at - 2 * HOUR, {"msgid": "", "params": {}}, ended_at - HOUR
                )
                assert mark is not None
                at = ended_at - timedelta(minutes=1)
                stores.marks.end(vm.op_id, mark.number, how, at, "somebody")
            stores.vms.gone(vm.op_id, ended_at)
        return stores.vms.get(vm.op_id)


def started_all(world: World) -> None:
    """Whatever is recorded and unfinished is begun, as the engine does."""
    with world.meddling.off():
        unfinished = world.core.operation_store.unfinished()
    for op_id in unfinished:
        if op_id not in world._tries:
            world.sim.spawn(lambda op_id=op_id: world._work(op_id))  # type: ignore[misc]


def digest_tick(world: World) -> list[FakeMessage]:
    """One look for digests, and all that follows; gives the digests that are in channels then."""

    def tick() -> None:
        world.core.caretaker.digests.run()

    world.sim.spawn(tick)
    world.run()
    started_all(world)
    world.run()
    return digests(world)


def digests(world: World) -> list[FakeMessage]:
    return [each for each in world.chat.all_messages if "VMs from" in each.text
            or "이 채널의 VM" in each.text]  # fmt: skip
