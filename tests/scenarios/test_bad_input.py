"""Bad input is answered within three seconds with what to type instead, and changes nothing."""

from __future__ import annotations

import re

import pytest

from bot.models import HostAccess
from tests.scenarios.world import GENERAL, JANE, JIHOON, Scenario, access_to

LONG_NAME = "a" * 64

BAD_LINES = [
    "dance",
    "rstudoi",
    "vm",
    "vm -x",
    f"vm {LONG_NAME}",
    "vm a_b",
    "vm 한글이름",
    "vm ..",
    "vm web --cpus 0",
    "vm web --cpus abc",
    "vm web --cpus 999",
    "vm web --cpus 3",
    "vm web --cpus",
    "vm web --memory 1",
    "vm web --memory 1500",
    "vm web --datacenter dal09",
    "vm web --datacenter mars",
    "vm web --image windows",
    "vm web --image 00000000-0000-0000-0000-000000000000",
    "vm web extra",
    "vm web --privileged",
    "vm jekyll-dev",
    "vm cancel",
    "vm cancel nobody-has-this",
    "vm prepare jekyll-dev",
    "shiny on nobody-has-this",
    "shiny on",
    "shiny jekyll-dev",
    "ps on nobody-has-this",
    "kill",
    "kill deadbeef",
    "kill ../../images",
    "kill $(reboot)",
    "vm \u201cweb",
    "x" * 4000,
    "vm " + "y" * 3000,
    "vm a\x07b",
    "vm a\u202eb",
    "\x00",
    "vm <!channel>",
    "<!here> <!channel> <@U0ADMIN>",
    "vm `<!channel>`",
    "kill <https://evil.example|5c061b59b648>!",
]  # fmt: skip


@pytest.fixture
def with_vm(bot: Scenario) -> Scenario:
    """Jane has a VM with a container of hers on it."""
    bot.card("vm jekyll-dev")
    bot.card("shiny on jekyll-dev")
    return bot


def test_each_bad_line_is_answered_with_what_to_type_and_changes_nothing(
    with_vm: Scenario,
) -> None:
    before, posted = with_vm.changed(), len(with_vm.slack.messages(GENERAL))
    for line in BAD_LINES:
        answer = with_vm.answer(line)

        assert re.search(r"`/ds( [^`]+)?`", answer.text), (line[:40], answer.text)
        ours = answer.text.replace(f"<@{JANE}>", "").replace("<!date^", "")
        assert not re.search(r"<[!@#]", ours), (line[:40], answer.text)
        assert "<http" not in answer.text
        assert len(answer.text) < 1000
    assert with_vm.changed() == before
    assert len(with_vm.slack.messages(GENERAL)) == posted
    assert with_vm.core_is_idle()


def test_help_names_every_command(bot: Scenario) -> None:
    answer = bot.answer("help")

    shown = str(answer.blocks)
    assert all(f"/ds {command.name}" in shown for command in bot.core.grammar.commands)


def test_smart_quotes_and_long_dashes_of_phones_are_understood(bot: Scenario) -> None:
    card = bot.card("vm \u201cweb\u201d \u2014cpus 2")

    assert "web is ready" in card.text
    assert bot.cloud.orders[0].spec.cpus == 2


def test_a_second_vm_of_the_same_name_is_refused_and_another_name_proposed(
    with_vm: Scenario,
) -> None:
    answer = with_vm.answer("vm jekyll-dev", user=JIHOON)

    assert "`/ds vm jekyll-dev-2`" in answer.text
    assert len(with_vm.cloud.orders) == 1


def test_somebody_elses_container_is_refused_by_rights_and_lives(with_vm: Scenario) -> None:
    [vm] = with_vm.core.vm_store.live()
    access: HostAccess = access_to(str(vm.address))
    [container] = with_vm.hosts.on(access).containers()

    answer = with_vm.answer(f"kill {container.short_id}", user=JIHOON)

    assert f"<@{JANE}>" in answer.text  # the owner, named by us; nothing that was typed
    assert len(with_vm.hosts.on(access).containers()) == 1


def test_every_proposed_line_is_one_that_the_bot_understands(with_vm: Scenario) -> None:
    for line in BAD_LINES:
        answer = with_vm.answer(line)
        for proposed in re.findall(r"`/ds ([^`]+)`", answer.text):
            with_vm.core.grammar.parse(proposed)
