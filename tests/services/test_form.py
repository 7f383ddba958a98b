"""A form that is submitted is one wish: a VM, and what runs on it, through crashes and retries."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.errors import CloudRefused
from bot.models import Caller, OperationState
from bot.services.operations import operation_id
from tests.fakes.durable import Moment
from tests.services.world import GENERAL, JANE, World

VALUES = {"program": "shiny", "vm": "a new vm", "name": "lab", "size": "1 1024"}


def view(metadata: str | None = None, **changes: str) -> dict[str, Any]:
    """The form as Slack hands it over."""
    values = VALUES | changes
    kept = json.dumps({"channel": GENERAL, "language": "en"})
    return {
        "id": "V1",
        "private_metadata": kept if metadata is None else metadata,
        "state": {"values": {name: {"value": {"value": each}} for name, each in values.items()}},
    }


def submit(world: World, submitted: dict[str, Any]) -> dict[str, str]:
    elsewhere = Caller(JANE, "T0TEAM", JANE)  # a submission names no channel
    with world.meddling.off():
        return world.core.boundary.submit_form(elsewhere, submitted, "T0TEAM:V1")


def test_delivered_twice_it_is_one_wish_where_it_was_opened(world: World) -> None:
    assert submit(world, view()) == {}
    assert submit(world, view(name="other")) == {}

    op = world.op(operation_id("T0TEAM:V1"))
    assert len(world.core.operation_store.unfinished()) == 1
    assert (op.kind, op.args["name"], op.args["then"]) == ("vm", "lab", "shiny")
    assert op.caller == Caller(JANE, "T0TEAM", GENERAL)


@pytest.mark.parametrize(
    "metadata",
    ["", "[]", "{}", '{"channel": "C1> <!channel>", "language": "en"}',
     '{"channel": "C0GENERAL", "language": "xx"}', '{"channel": 7, "language": null}'],
)  # fmt: skip
def test_what_it_remembers_is_input_like_any_other(world: World, metadata: str) -> None:
    assert list(submit(world, view(metadata))) == ["program"]
    assert world.core.operation_store.unfinished() == []


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"program": "dance"}, "program"),
        ({"program": ""}, "program"),
        ({"vm": "nobody-has-this"}, "vm"),
        ({"vm": ""}, "vm"),
        ({"size": "1; reboot"}, "size"),
        ({"size": "999 999999"}, "program"),
        ({"name": "x" * 64}, "name"),
        ({"program": "another image", "image": "x --privileged"}, "image"),
        ({"program": "another image", "image": "x" * 3000}, "image"),
    ],
)
def test_forged_values_are_refused(world: World, changes: dict[str, str], field: str) -> None:
    errors = submit(world, view(**changes))

    assert list(errors) == [field] and errors[field]
    assert world.core.operation_store.unfinished() == []


@pytest.mark.parametrize("step", ["admit", "then", "post"])
@pytest.mark.parametrize("moment", Moment)
def test_a_crash_leaves_one_vm_and_one_program(world: World, moment: Moment, step: str) -> None:
    op_id = world.ask("vm lab --then shiny")
    world.kill(moment, step, op_id)

    world.run()

    assert world.deaths == 1
    then = operation_id(f"{op_id}:then")
    assert world.state(op_id) is OperationState.DONE
    assert world.state(then) is OperationState.DONE
    assert len(world.cloud.orders) == 1
    with world.meddling.off():
        assert len(world.machines()[0]._list(True, None)) == 1


def test_a_vm_that_is_refused_is_refused_once(world: World) -> None:
    world.has_vm("lab")

    told = world.refused("vm lab --then shiny")

    assert "There already is a VM" in told
    assert len(world.chat.replies) == 1 and world.core.operation_store.unfinished() == []


def test_a_vm_that_fails_ends_the_waiting_for_it(world: World) -> None:
    world.cloud.fail("order", CloudRefused("no"))
    op_id = world.ask("vm lab --then shiny")

    world.run()

    then = operation_id(f"{op_id}:then")
    assert world.state(op_id) is OperationState.FAILED
    assert world.state(then).is_final and world.state(then) is not OperationState.DONE
