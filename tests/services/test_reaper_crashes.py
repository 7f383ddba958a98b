"""The process dies, or an answer is lost, at each costly call of a notice and of a cancellation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.models import OperationState, VmState
from bot.services.operations import Request
from bot.store import MarkRow
from tests.services.idling import idle_vm
from tests.services.meddling import Point, Strike
from tests.services.test_reaper_histories import LOOK, fast_policy
from tests.services.world import ADMIN, World

DEATHS = (Strike.DEATH_BEFORE, Strike.DEATH_AFTER)
LOST = (*DEATHS, Strike.ERROR_AFTER)
TELLING = {
    "marks.mark": DEATHS, "chat.post": LOST, "marks.add_notice": DEATHS, "marks.delivered": DEATHS,
    "operations.finish": DEATHS, "watch.put_all": DEATHS, "operations.record": DEATHS,
}  # fmt: skip
TAKING = {
    "operations.record": DEATHS, "chat.update": LOST, "chat.post": LOST, "saver.save": DEATHS,
    "marks.claim": LOST, "cloud.cancel": LOST, "vms.gone": DEATHS, "operations.finish": DEATHS,
}  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    it = World(tmp_path, policy=fast_policy())
    yield it
    it.close()


def tick(world: World) -> None:
    due = world.sim.now() + LOOK
    world.sweep()
    world.run(max(due - world.sim.now(), timedelta(0)))


def mark(world: World, op_id: str) -> MarkRow | None:
    with world.meddling.off():
        return world.core.caretaker.stores.marks.newest(op_id)


def strike_next(world: World, effect: str, strike: Strike) -> None:
    counts = world.meddling._counts
    world.meddling.plan[Point(effect, counts[effect] + 1)] = strike


def taken(world: World, op_id: str) -> None:
    """Every story ends well: told once, saved, then cancelled, in this order, after the grace."""
    for _ in range(60):
        if world.vm(op_id).state is VmState.GONE:
            break
        if world.vm(op_id).state is VmState.ATTENTION:  # nobody could tell: a person decides
            assert "still costs money" in " ".join(each.text for each in world.chat.all_messages)
            world.done("vm cancel web")
        tick(world)
    last = mark(world, op_id)
    assert last is not None and last.delivered_at is not None
    ended_at = world.vm(op_id).ended_at
    assert ended_at is not None
    assert ended_at - last.delivered_at >= world.policy.idle.default.grace
    assert world.saver.times and last.delivered_at < world.saver.times[-1][0] <= ended_at
    assert world.cloud.live == []
    keys = [each.key for each in world.chat.all_messages]
    assert len(set(keys)) == len(keys)
    assert not [each for each in world.chat.all_messages if "being saved" in each.text]
    assert world.core.operation_store.unfinished() == []


@pytest.mark.parametrize(
    ("effect", "strike"), [(name, each) for name, some in TELLING.items() for each in some]
)
def test_a_notice_survives(world: World, effect: str, strike: Strike) -> None:
    op_id = idle_vm(world)
    for _ in range(5):
        tick(world)
    assert mark(world, op_id) is None
    strike_next(world, effect, strike)
    taken(world, op_id)
    assert world.meddling.struck


@pytest.mark.parametrize(
    ("effect", "strike"), [(name, each) for name, some in TAKING.items() for each in some]
)
def test_a_cancellation_survives(world: World, effect: str, strike: Strike) -> None:
    op_id = idle_vm(world)
    while True:
        known = mark(world, op_id)
        if known is not None and known.delivered_at is not None:
            break
        tick(world)
    strike_next(world, effect, strike)
    taken(world, op_id)
    assert world.meddling.struck


def test_what_cannot_be_saved_is_never_told_about(tmp_path: Path) -> None:
    """A bot without a saver looks, says what it would do, and cannot be turned on."""
    world = World(tmp_path, policy=fast_policy(), can_save=False)
    op_id = idle_vm(world)
    for _ in range(20):
        tick(world)
    assert mark(world, op_id) is None
    refused = world.refused_request(Request("admin reaper", {"word": "on"}), ADMIN)
    assert "cannot save" in refused
    released = world.ask("vm release web")
    world.run()
    assert world.state(released) is OperationState.REFUSED
    assert world.vm(op_id).state is VmState.READY
    world.close()
