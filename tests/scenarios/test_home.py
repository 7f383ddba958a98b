"""The App Home shows what somebody has, and changes by itself."""

from __future__ import annotations

from tests.scenarios.world import JANE, JIHOON, Scenario


def home_of(bot: Scenario, user: str) -> str:
    view = bot.slack.home(user)
    return "" if view is None else str(view.blocks)


def test_it_offers_a_vm_to_who_has_none_in_their_language(bot: Scenario) -> None:
    bot.slack.user(JIHOON).open_home()

    shown = bot.slack.wait_for(lambda: home_of(bot, JIHOON))

    assert "vm my-vm" in shown
    assert "VM" in shown and any("가" <= char <= "힣" for char in shown)


def test_it_changes_by_itself_when_something_has_ended(bot: Scenario) -> None:
    bot.slack.user(JANE).open_home()
    bot.slack.wait_for(lambda: home_of(bot, JANE))

    bot.card("vm jekyll-dev")
    bot.slack.wait_for(lambda: "vm cancel jekyll-dev" in home_of(bot, JANE))
    bot.card("shiny")
    bot.slack.wait_for(lambda: ":3838/" in home_of(bot, JANE))
    bot.card("vm cancel jekyll-dev")
    bot.slack.wait_for(lambda: "jekyll-dev" not in home_of(bot, JANE))


def test_its_buttons_work_and_answer_in_the_direct_conversation(bot: Scenario) -> None:
    bot.slack.user(JANE).open_home()
    bot.slack.wait_for(lambda: home_of(bot, JANE))
    view = bot.slack.home(JANE)
    assert view is not None
    [button] = [e for block in view.blocks for e in block.get("elements", []) if "value" in e]

    bot.slack.user(JANE).click(view, button["action_id"])
    direct = bot.slack.direct(JANE)
    bot.slack.wait_for(lambda: bot.slack.messages(direct))

    assert "is ready" in bot.ended(direct).text
