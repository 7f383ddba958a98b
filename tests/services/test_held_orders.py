"""An order that SoftLayer holds until somebody approves it: never repeated, never forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.models import OperationState, VmState
from tests.services.laws import check_laws
from tests.services.meddling import Point, Strike
from tests.services.world import World

DONE, FAILED = OperationState.DONE, OperationState.FAILED


@pytest.fixture
def holding(world: World) -> World:
    world.cloud.holds_orders = True
    return world


def _held(world: World) -> str:
    """An order of which nothing has come in all the time that it was waited for."""
    op_id = world.ask("vm web")
    world.run()
    assert world.state(op_id) is FAILED
    return op_id


def test_its_approval_is_waited_for(holding: World) -> None:
    op_id = holding.ask("vm web")
    holding.later(timedelta(minutes=20), holding.cloud.approve)
    holding.run(timedelta(minutes=10))
    assert "holds the order until somebody approves" in str(holding.cards(op_id)[-1].blocks)
    holding.run()
    assert (holding.state(op_id), holding.vm(op_id).state) == (DONE, VmState.READY)
    assert len(holding.cloud.orders) == 1
    check_laws(holding)


def test_that_nobody_approves_it_is_told_with_what_to_do(holding: World) -> None:
    op_id = _held(holding)
    assert "nobody has approved it there yet" in holding.told(op_id)
    assert "Have it approved there, then go on" in holding.told(op_id)
    assert holding.vm(op_id).state is VmState.ATTENTION
    check_laws(holding)


def test_going_on_too_early_does_not_forget_it(holding: World) -> None:
    """Somebody approves it later, and the VM costs money."""
    op_id = _held(holding)
    again = holding.ask("vm prepare web")
    holding.run()
    assert (holding.state(again), holding.vm(op_id).state) == (FAILED, VmState.ATTENTION)
    assert "never ordered" not in holding.told(again)
    holding.cloud.approve()
    holding.done("vm prepare web")
    assert holding.vm(op_id).state is VmState.READY
    check_laws(holding)


def test_going_on_waits_for_the_approval(holding: World) -> None:
    op_id = _held(holding)
    holding.later(timedelta(minutes=30), holding.cloud.approve)
    holding.done("vm prepare web")
    assert holding.vm(op_id).state is VmState.READY
    check_laws(holding)


@pytest.mark.parametrize("strike", [Strike.DEATH_AFTER, Strike.ERROR_AFTER], ids=str)
def test_a_death_while_it_is_waited_for_orders_nothing_again(
    holding: World, strike: Strike
) -> None:
    holding.meddling.plan[Point("cloud.find", 3)] = strike
    op_id = holding.ask("vm web")
    holding.later(timedelta(minutes=20), holding.cloud.approve)
    holding.run()
    assert holding.state(op_id) is DONE
    assert len(holding.cloud.orders) == 1
    check_laws(holding)


def test_cancelling_it_says_what_is_left_to_do(holding: World) -> None:
    op_id = holding.ask("vm web")
    holding.run(timedelta(minutes=5))
    cancel = holding.done("vm cancel web")
    assert "reject it there" in holding.told(cancel)
    assert (holding.state(op_id), holding.vm(op_id).state) == (FAILED, VmState.GONE)
    assert "Nothing was ordered" not in holding.told(op_id)
    check_laws(holding)
