"""However long Slack or the database is away, every operation ends, and its end is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.models import OperationState, VmState
from tests.services.laws import check_laws
from tests.services.world import World


@pytest.mark.parametrize("away", [timedelta(minutes=10), timedelta(hours=2)])
@pytest.mark.parametrize("what", ["chat", "vms", "operations"])
def test_an_order_under_way_ends_and_is_told(world: World, what: str, away: timedelta) -> None:
    op_id = world.ask("vm web")
    world.run(timedelta(seconds=30))
    world.meddling.outages[what] = world.sim.now() + away
    world.run()
    assert world.state(op_id) in (OperationState.DONE, OperationState.FAILED)
    assert world.vm(op_id).state in (VmState.READY, VmState.ATTENTION)
    check_laws(world, may_be_given_up=True)


def test_an_order_that_slack_was_away_for_says_so_when_slack_is_back(world: World) -> None:
    op_id = world.ask("vm web")
    world.run(timedelta(seconds=30))
    world.meddling.outages["chat"] = world.sim.now() + timedelta(hours=2)
    world.run()
    assert "is ready" in world.told(op_id)
