"""What VMs have cost, asked in Slack."""

from __future__ import annotations

from datetime import timedelta

from tests.scenarios.world import JANE, JIHOON, Scenario


def test_each_sees_what_their_own_vms_and_those_of_all_have_cost(bot: Scenario) -> None:
    bot.card("vm jekyll-dev")
    bot.card("vm r-lab", user=JIHOON)
    bot.core.vm_store.change(bot.core.vm_store.live(JANE)[0].op_id, asked_at=hours_ago(bot, 10))

    mine = bot.answer("cost")
    everyones = bot.answer("cost all --since 30d")

    assert "Your VMs: about $0.5" in mine.text
    assert "jekyll-dev" in str(mine.blocks) and "r-lab" not in str(mine.blocks)
    assert "All VMs" in everyones.text
    assert "r-lab" in str(everyones.blocks)
    assert "a month of 730 hours" in str(everyones.blocks)


def test_a_cancelled_vm_is_still_counted(bot: Scenario) -> None:
    bot.card("vm jekyll-dev")
    bot.core.vm_store.change(bot.core.vm_store.live(JANE)[0].op_id, asked_at=hours_ago(bot, 10))
    bot.card("vm cancel jekyll-dev")

    answer = bot.answer("cost mine")

    assert "Your VMs: about $0.5" in answer.text
    assert "cancelled" in str(answer.blocks)


def test_nothing_was_paid_by_who_has_no_vm(bot: Scenario) -> None:
    assert "about $0.00" in bot.answer("cost").text


def test_what_cannot_be_meant_is_answered_with_what_can(bot: Scenario) -> None:
    assert "`mine`, `channel`, `all`" in bot.answer("cost yours").text
    assert "`4h`" in bot.answer("cost mine --since yesterday").text


def hours_ago(bot: Scenario, hours: int) -> object:
    return bot.core.operations._clock.now() - timedelta(hours=hours)
