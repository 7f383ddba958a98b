"""A used button stays used: through crashes, for two people at once, whoever edits the message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.adapters.slack_errors import refused
from bot.errors import ChatUnknown, EngineRefused
from bot.models import Click, ClickStage, MessageRef, OperationState, Text
from bot.replies.blocks import Block, Button, actions, section
from bot.replies.card import Card
from bot.replies.texts import LANGUAGES
from bot.replies.used import repainted
from bot.services.operations import Runner
from bot.services.work import tell_end
from tests.fakes.chat import FakeMessage
from tests.fakes.durable import Moment
from tests.replies.block_kit import check_blocks
from tests.replies.facts import NOW
from tests.services.world import ADMIN, JANE, JIHOON, World


def press(message: FakeMessage, label: str, blocks: list[Block] | None = None) -> Click:
    """A click on a message as it is now, or as it was."""
    seen = message.blocks if blocks is None else blocks
    [value] = {each["value"] for each in buttons(seen) if each["text"]["text"] == label}
    [block_id] = {block.get("block_id", "") for block in seen if value in str(block)}
    return Click(message.ref, value, label, block_id, text=message.text, blocks=seen)


def buttons(blocks: list[Block]) -> list[dict[str, Any]]:
    found = [each for block in blocks
             for each in [*block.get("elements", []), block.get("accessory", {})]]  # fmt: skip
    return [each for each in found if each.get("type") == "button"]


def labels(message: FakeMessage) -> list[str]:
    check_blocks(message.blocks)
    return [each["text"]["text"] for each in buttons(message.blocks)]


def card_of(world: World, line: str) -> FakeMessage:
    return world.cards(world.done(line))[-1]


@pytest.mark.parametrize("step", ["button", "button: end", "final", "admit"])
@pytest.mark.parametrize("moment", Moment)
def test_no_crash_brings_a_used_button_back(world: World, moment: Moment, step: str) -> None:
    world.has_vm("web")
    shiny = card_of(world, "shiny")
    op_id = world.ask("kill " + press(shiny, "Kill").value[5:], click=press(shiny, "Kill"))
    world.kill(moment, step, op_id)

    world.run()

    assert world.deaths == 1
    assert world.state(op_id) is OperationState.DONE
    assert labels(shiny) == []
    assert str(shiny.blocks).count("pressed *Kill*") == 1


def test_its_own_operation_does_not_bring_it_back(world: World) -> None:
    """As when the process died between showing the end and recording that it was shown."""
    world.has_vm("web")
    shiny = card_of(world, "shiny")
    op = world.op(shiny.key)
    first = shiny.blocks
    world.ask(press(shiny, "Kill").value, click=press(shiny, "Kill"))
    world.run()
    kill = next(each for each in buttons(first) if each["text"]["text"] == "Kill")
    card = Card(Text("Shiny"), JANE, NOW, outcome=Text("Shiny"),
                buttons=(Button(Text("Kill"), value=kill["value"]),))  # fmt: skip

    runner = world.core.runner.others
    assert isinstance(runner, Runner)
    rules = runner._card_rules
    tell_end(world.chat, op, shiny.ref, card, NOW, "en", rules)

    assert labels(shiny) == []
    assert "pressed *Kill*" in str(shiny.blocks)


def test_two_people_at_once_both_stay(world: World) -> None:
    world.has_vm("web")
    vm = card_of(world, "vm db")
    seen = vm.blocks
    for who, label in ((JANE, "RStudio"), (ADMIN, "Shiny Server")):
        click = press(vm, label, seen)
        world.ask(click.value, who, click=click)

    world.run()

    assert labels(vm) == ["Cancel VM"]
    assert f"<@{JANE}> pressed *RStudio*" in str(vm.blocks)
    assert f"<@{ADMIN}> pressed *Shiny Server*" in str(vm.blocks)


def test_of_two_people_on_one_button_the_first_is_named(world: World) -> None:
    world.has_vm("web")
    shiny = card_of(world, "shiny")
    click = press(shiny, "Kill")
    world.ask(click.value, JANE, click=click)
    world.ask(click.value, ADMIN, click=click)

    world.run()

    assert labels(shiny) == []
    assert str(shiny.blocks).count("pressed *Kill*") == 1
    assert f"<@{JANE}> pressed" in str(shiny.blocks)


def test_a_refusal_leaves_the_button(world: World) -> None:
    world.has_vm("web")
    shiny = card_of(world, "shiny")
    before = shiny.blocks
    op_id = world.ask(press(shiny, "Kill").value, JIHOON, click=press(shiny, "Kill"))

    world.run()

    assert world.state(op_id) is OperationState.REFUSED
    assert shiny.blocks == before


def test_what_failed_takes_only_its_own_button(world: World) -> None:
    """The program runs on, so its address and password are still of use."""
    world.has_vm("web")
    rstudio = card_of(world, "rstudio")
    world.machines()[0].fail("remove", EngineRefused("no"))
    click = press(rstudio, "Kill")
    op_id = world.ask(click.value, click=click)

    world.run()

    assert world.state(op_id) is OperationState.FAILED
    assert labels(rstudio) == ["Open", "Show password", "Logs", "Stop"]
    assert "Try again" in labels(world.cards(op_id)[-1])


@pytest.mark.parametrize("error", [refused("message_not_found"), ChatUnknown("silent")])
def test_a_message_that_cannot_be_edited_stops_nothing(world: World, error: Exception) -> None:
    world.has_vm("web")
    shiny = card_of(world, "shiny")
    click = replace(press(shiny, "Kill"), message=replace(shiny.ref, ts="1.1"))

    op_id = world.ask(click.value, click=click)
    world.run()

    assert world.state(op_id) is OperationState.DONE


# --- how it is drawn -----------------------------------------------------------------------------

CLICK = Click(
    MessageRef("C0GENERAL", "1.1"),
    "kill a", "Kill", "", stage=ClickStage.USED, user_id=JANE, at=NOW,
)  # fmt: skip
ROW = actions([Button(Text("Kill"), value="kill a"), Button(Text("Stop"), value="stop a")], "en")
CARD = [section("RStudio"), ROW, section("phases")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_drawing_it_again_changes_nothing(language: str) -> None:
    once = repainted(CARD, [CLICK], language)

    check_blocks(once)
    assert [block["type"] for block in once] == ["section", "actions", "context", "section"]
    assert repainted(once, [CLICK], language) == once


def test_it_is_the_same_from_whatever_was_seen() -> None:
    other = replace(CLICK, value="stop a", label="Stop", user_id=ADMIN)
    first, second = repainted(CARD, [CLICK], "en"), repainted(CARD, [other], "en")

    assert repainted(first, [CLICK, other], "en") == repainted(second, [CLICK, other], "en")
    assert repainted(CARD, [CLICK, other], "en") == repainted(first, [CLICK, other], "en")


def test_a_message_that_nobody_pressed_is_left_as_it_is() -> None:
    assert repainted(CARD, [], "en") == CARD


def test_links_stay_until_what_they_lead_to_is_gone() -> None:
    link = Button(Text("Open"), "open", url="http://192.0.2.1/")
    card = [actions([link, Button(Text("Kill"), value="kill a")], "en"), section("x")]

    assert len(buttons(repainted(card, [CLICK], "en"))) == 1
    assert buttons(repainted(card, [replace(CLICK, stage=ClickStage.OVER)], "en")) == []


def test_a_picture_is_sent_back_as_it_was_sent() -> None:
    """Slack describes the file of an image block, and takes no such description."""
    seen = {"type": "image", "alt_text": "a plot", "slack_file": {"id": "F1", "url": "https://x"}}

    assert repainted([seen, ROW], [CLICK], "en")[0]["slack_file"] == {"id": "F1"}
