"""A button is used once: then the message says who pressed it, and when; a refusal leaves it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.models import HostAccess
from sandbox.slack.limits import check_message_blocks
from sandbox.slack.records import Message
from tests.fakes.hosts import FakeImage
from tests.scenarios.world import ADMIN, GENERAL, JANE, JIHOON, Scenario, access_to


@pytest.fixture
def shiny(bot: Scenario) -> Message:
    """The card of Jane's Shiny, which runs."""
    bot.card("vm jekyll-dev")
    return bot.card("shiny")


def labels(blocks: list[dict[str, Any]]) -> list[str]:
    return [
        each["text"]["text"]
        for block in blocks
        for each in [*block.get("elements", []), block.get("accessory", {})]
        if each.get("type") == "button"
    ]


def now(bot: Scenario, card: Message) -> Message:
    """The card as it is now."""
    [found] = [each for each in bot.slack.messages(GENERAL) if each.ts == card.ts]
    check_message_blocks(found.blocks)
    return found


def access(bot: Scenario) -> HostAccess:
    [vm] = bot.core.vm_store.live()
    return access_to(str(vm.address))


def test_a_used_button_gives_way_to_who_pressed_it_and_when(bot: Scenario) -> None:
    vm = bot.card("vm jekyll-dev")
    assert labels(vm.blocks) == ["RStudio", "Shiny Server", "Cancel VM"]

    bot.click(vm, "Shiny Server")
    bot.slack.wait_for(lambda: len(bot.slack.messages(GENERAL)) == 2)
    bot.ended()

    card = now(bot, vm)
    assert labels(card.blocks) == ["RStudio", "Cancel VM"]
    assert f"<@{JANE}> pressed *Shiny Server*, <!date^" in str(card.blocks)
    assert card.text == vm.text


def test_what_is_gone_keeps_no_button_at_all(bot: Scenario, shiny: Message) -> None:
    bot.click(shiny, "Kill")
    bot.slack.wait_for(lambda: len(bot.slack.messages(GENERAL)) == 3)
    bot.ended()

    card = now(bot, shiny)
    assert labels(card.blocks) == []
    assert "pressed *Kill*" in str(card.blocks)


def test_who_may_not_leaves_the_button_to_those_who_may(bot: Scenario, shiny: Message) -> None:
    before = shiny.blocks
    bot.click(shiny, "Kill", user=JIHOON)
    bot.slack.wait_for(lambda: bot.slack.ephemerals(JIHOON))
    bot.ended()
    assert now(bot, shiny).blocks == before

    bot.click(now(bot, shiny), "Kill")
    bot.slack.wait_for(lambda: len(bot.slack.messages(GENERAL)) == 3)
    bot.ended()
    card = now(bot, shiny)
    assert f"<@{JANE}> pressed" in str(card.blocks)
    assert f"<@{JIHOON}> pressed" not in str(card.blocks)


def test_buttons_pressed_one_after_the_other_both_stay_used(bot: Scenario) -> None:
    """The second click was made on the message as it was before the first."""
    vm = bot.card("vm jekyll-dev")

    bot.click(vm, "Shiny Server")
    bot.click(vm, "RStudio")
    bot.slack.wait_for(lambda: len(bot.slack.messages(GENERAL)) == 3)
    bot.ended()

    card = now(bot, vm)
    assert labels(card.blocks) == ["Cancel VM"]
    assert "pressed *Shiny Server*" in str(card.blocks)
    assert "pressed *RStudio*" in str(card.blocks)


def test_two_people_on_one_button_are_one_line(bot: Scenario, shiny: Message) -> None:
    bot.policy.access.admins  # noqa: B018
    host = bot.hosts.on(access(bot))
    host.pull("rocker/shiny", lambda progress: None)

    bot.click(shiny, "Kill", user=JANE)
    bot.click(shiny, "Kill", user=ADMIN)
    bot.slack.wait_for(lambda: len(bot.slack.messages(GENERAL)) >= 3)
    bot.ended()

    assert str(now(bot, shiny).blocks).count("pressed *Kill*") == 1
    assert labels(now(bot, shiny).blocks) == []


def test_a_list_that_one_person_sees_is_shown_as_it_is_now(bot: Scenario, shiny: Message) -> None:
    bot.hosts.at(access(bot).address).offer("rocker/r-base", FakeImage())
    bot.card("run rocker/r-base --name other")
    answer = bot.answer("ps")
    count = len(bot.slack.ephemerals(JANE))
    short_id = bot.hosts.on(access(bot)).containers()[-1].short_id

    def listed() -> str:
        [found] = [each for each in bot.slack.ephemerals(JANE) if each.ts == answer.ts]
        check_message_blocks(found.blocks)
        return str(found.blocks)

    before = listed()
    assert before.count("Kill this container?") == 2
    [block] = [block for block in answer.blocks if short_id in str(block) and "text" in block]
    [button] = [
        element
        for each in answer.blocks
        for element in [*each.get("elements", []), each.get("accessory", {})]
        if element.get("value") == f"kill {short_id}"
    ]
    bot.slack.user(JANE).click(answer, button["action_id"], button["value"])
    bot.slack.wait_for(lambda: "pressed *Kill*" in listed())
    bot.ended()

    assert listed().count("Kill this container?") == 1
    assert len(bot.slack.ephemerals(JANE)) == count
    assert block


def test_a_question_is_answered_once_and_a_refusal_leaves_it(bot: Scenario) -> None:
    bot.card("vm web")
    bot.card("vm db")
    question = bot.answer("shiny")

    bot.click(question, "web")
    bot.slack.wait_for(lambda: [m for m in bot.slack.ephemerals(JANE) if "You chose" in m.text])
    bot.ended()

    [left] = [each for each in bot.slack.ephemerals(JANE) if each.ts == question.ts]
    assert "`/ds shiny on web`" in left.text and labels(left.blocks) == []


def test_the_same_delivery_twice_is_one_use(bot: Scenario, shiny: Message) -> None:
    for _ in range(2):
        bot.click(shiny, "Kill")
    bot.slack.wait_for(lambda: len(bot.slack.messages(GENERAL)) >= 3)
    bot.ended()

    assert len(bot.slack.messages(GENERAL)) == 3
    assert str(now(bot, shiny).blocks).count("pressed *Kill*") == 1
