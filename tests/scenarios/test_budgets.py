"""A budget that is used up, in Slack: refused, an admin asked by a button, allowed by another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from config.settings import load_policy
from sandbox.slack.records import Message
from tests.scenarios.world import ADMIN, GENERAL, JANE, JIHOON, Scenario, scenario


@pytest.fixture(params=["socket", "http"])
def bot(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scenario]:
    """Everybody may spend a dollar a month; the channel two."""
    overlay = tmp_path / "overlay.yaml"
    budgets = {"per_user": 1, "per_channel": 2, "users": {ADMIN: None}}
    overlay.write_text(yaml.safe_dump({"budgets": budgets, "access": {"admins": [ADMIN]}}))
    with scenario(request.param, tmp_path, load_policy(overlay)) as world:
        yield world


def spent(bot: Scenario, amount: str, user: str = JANE) -> None:
    """Somebody's VM has cost so much: it was ordered half an hour ago, and its hour has begun."""
    bot.card(f"vm lab-{user.lower()}", user=user)
    [vm] = bot.core.vm_store.live(user)
    asked_at = bot.core.operations._clock.now() - timedelta(minutes=30)
    bot.core.vm_store.change(vm.op_id, asked_at=asked_at, hourly_rate=Decimal(amount))


def direct(bot: Scenario, user: str, words: str) -> Message:
    """The newest message to a person with these words, waited for."""
    channel = bot.slack.direct(user)

    def found() -> list[Message]:
        return [each for each in bot.slack.messages(channel) if words in each.text]

    return bot.slack.wait_for(found)[-1]


def buttons(message: Message) -> list[str]:
    return [
        element["text"]["text"]
        for block in message.blocks
        for element in block.get("elements", ())
        if element["type"] == "button"
    ]


def test_refused_asked_by_a_button_and_allowed_by_another(bot: Scenario) -> None:
    spent(bot, "1.25")
    before = bot.changed()

    refused = bot.answer("vm web")

    assert "Your VMs have cost $1.25 this month, and your budget is $1.00." in refused.text
    assert buttons(refused) == ["Ask an admin"]
    assert bot.changed() == before
    asked = len(bot.slack.messages(GENERAL))
    bot.click(refused, "Ask an admin")
    bot.slack.wait_for(lambda: bot.slack.messages(GENERAL)[asked:])
    assert f"Asked <@{ADMIN}> for more money" in bot.ended().text

    question = direct(bot, ADMIN, "asks for more money")
    assert f"<@{JANE}>" in question.text and "$1.25 of $1.00" in question.text
    bot.click(question, "Allow it for 1d", user=ADMIN)

    told = direct(bot, JANE, "can order VMs above the budget")
    assert f"as <@{ADMIN}> allows" in told.text
    bot.ended()
    assert "is ready" in bot.card("vm web").text


def test_an_admins_button_allows_nothing_to_others(bot: Scenario) -> None:
    """Nor does the command behind it, whoever types it."""
    spent(bot, "1.25")

    assert "Only an admin" in bot.answer(f"admin budget allow {JANE}").text
    assert "your budget is $1.00" in bot.answer("vm web").text


def test_two_clicks_of_an_admin_are_one_allowance(bot: Scenario) -> None:
    spent(bot, "1.25")
    bot.card("budget ask")
    question = direct(bot, ADMIN, "asks for more money")

    for _ in range(2):
        bot.click(question, "Allow it for 1d", user=ADMIN)
    direct(bot, JANE, "can order VMs above the budget")
    bot.ended()

    told = bot.slack.messages(bot.slack.direct(JANE))
    assert len([each for each in told if "can order VMs above" in each.text]) == 1


def test_the_form_is_refused_as_well(bot: Scenario) -> None:
    """There is no response_url, so the no comes directly."""
    spent(bot, "1.25")
    bot.ds("")
    [view] = bot.slack.wait_for(lambda: bot.slack.modals(JANE))

    values = {"program": "rstudio", "vm": "a new vm", "name": "web"}
    assert bot.slack.user(JANE).submit(view, values).is_ok

    refused = direct(bot, JANE, "your budget is $1.00")
    assert buttons(refused) == ["Ask an admin"]
    bot.ended()
    assert [vm.hostname for vm in bot.core.vm_store.live()] == [f"lab-{JANE.lower()}"]


def test_a_channels_budget_stops_all_who_order_there(bot: Scenario) -> None:
    """And is shown to those who ask what was spent; so is a person's own."""
    spent(bot, "0.60", JIHOON)
    spent(bot, "0.90", ADMIN)
    spent(bot, "0.55", JANE)

    refused = bot.answer("vm web")

    assert f"The VMs of <#{GENERAL}> have cost $2.05" in refused.text
    assert "Budget: $2.05 of $2.00 spent (102 %)" in str(bot.answer("cost channel").blocks)
    assert "Budget: $0.55 of $1.00 spent (55 %)" in str(bot.answer("cost mine").blocks)
    assert "Budget" not in str(bot.answer("cost all").blocks)


def test_korean(bot: Scenario) -> None:
    spent(bot, "1.25", JIHOON)

    refused = bot.answer("vm web", user=JIHOON)

    assert "$1.25" in refused.text and "예산" in refused.text
    assert buttons(refused) == ["관리자에게 요청"]
