"""A slash command goes in, a Slack message comes out."""

from __future__ import annotations

from bot.models import HostAccess
from tests.scenarios.world import GENERAL, JANE, JIHOON, Scenario, access_to


def test_one_command_orders_one_vm_and_says_its_address_and_price(bot: Scenario) -> None:
    card = bot.card("vm jekyll-dev")

    [vm] = bot.core.vm_store.live()
    assert len(bot.cloud.orders) == 1
    assert vm.address is not None and vm.address in card.text
    assert "jekyll-dev is ready" in card.text
    assert "$0.053 per hour" in str(card.blocks)


def test_shiny_posts_its_address_only_when_the_page_answers(bot: Scenario) -> None:
    bot.card("vm jekyll-dev")

    card = bot.card("shiny")

    [vm] = bot.core.vm_store.live()
    url = f"http://{vm.address}:3838/"
    assert url in card.text
    assert bot.web.asked[-1] == url


def test_a_taken_port_is_passed_over_and_said_so(bot: Scenario) -> None:
    bot.card("vm jekyll-dev")
    [vm] = bot.core.vm_store.live()
    bot.hosts.at(str(vm.address)).taken_ports.add(8787)

    card = bot.card("rstudio on jekyll-dev")

    assert f"http://{vm.address}:8788/" in card.text
    assert "8787 is in use" in str(card.blocks)


def test_the_password_is_seen_by_its_owner_in_a_modal_and_nowhere_else(bot: Scenario) -> None:
    bot.card("vm jekyll-dev")
    card = bot.card("rstudio")
    [vm] = bot.core.vm_store.live()
    host = bot.hosts.on(_access(bot))
    [container] = host.containers()
    password = host.environment(container.id)["PASSWORD"]

    bot.click(card, "Show password")
    shown = bot.slack.wait_for(
        lambda: [view for view in bot.slack.modals(JANE) if password in str(view.blocks)]
    )
    bot.click(card, "Show password", user=JIHOON)
    refused = bot.slack.wait_for(
        lambda: [view for view in bot.slack.modals(JIHOON) if "Asking" not in str(view.blocks)]
    )

    assert len(shown) == 1
    assert password not in str(refused[0].blocks)
    everything_posted = str([bot.slack.messages(GENERAL), bot.slack.ephemerals(JANE)])
    assert password not in everything_posted


def test_ps_then_kill_then_cancel_leaves_nothing(bot: Scenario) -> None:
    bot.card("vm jekyll-dev")
    bot.card("shiny")
    [container] = bot.hosts.on(_access(bot)).containers()

    listed = bot.answer("ps")
    bot.card(f"kill {container.short_id}")
    card = bot.card("vm cancel jekyll-dev")

    assert container.short_id in str(listed.blocks)
    assert "is cancelled" in card.text
    assert bot.cloud.live == []
    assert bot.core.vm_store.live() == []


def test_without_a_vm_one_is_offered_by_a_button(bot: Scenario) -> None:
    offer = bot.answer("rstudio")

    bot.click(offer, "Order VM rstudio-1")
    bot.slack.wait_for(lambda: bot.slack.messages(GENERAL))
    bot.ended()

    assert [vm.hostname for vm in bot.core.vm_store.live()] == ["rstudio-1"]


def test_with_several_vms_it_is_asked_which(bot: Scenario) -> None:
    bot.card("vm one")
    bot.card("vm two")

    question = bot.answer("shiny")
    before = len(bot.slack.messages(GENERAL))
    bot.click(question, "two")
    bot.slack.wait_for(lambda: bot.slack.messages(GENERAL)[before:])
    card = bot.ended()

    two = bot.core.vm_store.named("two")
    assert two is not None and f"http://{two.address}:3838/" in card.text
    [used_up] = [m for m in bot.slack.ephemerals(JANE) if "shiny on two" in m.text]
    assert not any(block["type"] == "actions" for block in used_up.blocks)


def test_a_korean_speaker_is_answered_in_korean(bot: Scenario) -> None:
    answer = bot.answer("help", user=JIHOON)

    assert any("가" <= char <= "힣" for char in answer.text)


def test_a_guest_is_refused(bot: Scenario) -> None:
    answer = bot.answer("vm mine", user="U0GUEST")

    assert "full members" in answer.text
    assert bot.changed() == (0, 0, 0)


def test_where_the_bot_may_not_write_the_card_comes_as_a_direct_message(bot: Scenario) -> None:
    bot.ds("vm jekyll-dev", channel="C0OLD")

    direct = bot.slack.direct(JANE)
    bot.slack.wait_for(lambda: bot.slack.messages(direct))
    assert "is ready" in bot.ended(direct).text


def test_somebody_elses_vm_is_not_cancelled(bot: Scenario) -> None:
    bot.card("vm jekyll-dev")

    refused = bot.answer("vm cancel jekyll-dev", user=JIHOON)

    assert f"<@{JANE}>" in refused.text
    assert len(bot.core.vm_store.live()) == 1


def _access(bot: Scenario) -> HostAccess:
    [vm] = bot.core.vm_store.live()
    return access_to(str(vm.address))
