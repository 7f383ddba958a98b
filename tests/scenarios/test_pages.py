"""Long lists turn their pages in place: the same message, as things are then."""

from __future__ import annotations

import pytest

from bot.models import ContainerSpec
from sandbox.slack.limits import check_view
from sandbox.slack.records import Message, View
from tests.fakes.hosts import FakeImage
from tests.scenarios.world import JANE, Scenario, access_to


@pytest.fixture
def busy(bot: Scenario) -> Scenario:
    """Jane's VM runs sixty containers."""
    bot.card("vm jekyll-dev")
    bot.hosts.at(address_of(bot)).offer("rocker/shiny", FakeImage())
    for number in range(60):
        run(bot, f"job-{number:03}")
    return bot


def address_of(bot: Scenario) -> str:
    [vm] = bot.core.vm_store.live()
    return str(vm.address)


def run(bot: Scenario, name: str) -> str:
    host = bot.hosts.on(access_to(address_of(bot)))
    host.pull("rocker/shiny", lambda progress: None)
    return host.run(ContainerSpec(name, "rocker/shiny", labels={"ds-bot.owner": JANE})).id


def shown(bot: Scenario, was: Message) -> str:
    """What the message says now."""
    [now] = [each for each in bot.slack.ephemerals(JANE) if each.ts == was.ts]
    return str([{name: value for name, value in block.items() if name != "block_id"}
                for block in now.blocks])  # fmt: skip


def turn(bot: Scenario, list_: Message, label: str) -> str:
    before, count = shown(bot, list_), len(bot.slack.ephemerals(JANE))
    [now] = [each for each in bot.slack.ephemerals(JANE) if each.ts == list_.ts]
    bot.click(now, label)
    bot.slack.wait_for(lambda: shown(bot, list_) != before)
    assert len(bot.slack.ephemerals(JANE)) == count, "a page is no new message"
    return shown(bot, list_)


def test_every_page_of_ps_is_reached_in_one_message(busy: Scenario) -> None:
    answer = busy.answer("ps")
    seen = [shown(busy, answer)]
    while "Next page" in seen[-1]:
        seen.append(turn(busy, answer, "Next page"))

    assert len(seen) > 2
    assert all(sum(f"job-{number:03}" in page for page in seen) == 1 for number in range(60))
    assert turn(busy, answer, "Previous page") == seen[-2]


def test_a_page_shows_how_it_is_now_and_the_last_one_may_have_gone(busy: Scenario) -> None:
    answer = busy.answer("ps")
    host = busy.hosts.on(access_to(address_of(busy)))
    for container in host.containers()[:58]:
        host.remove(container.id)

    page = turn(busy, answer, "Next page")

    assert "2 running containers" in page and "Next page" not in page


def test_a_page_can_be_typed(busy: Scenario) -> None:
    first, second = busy.answer("ps"), busy.answer("ps --page 2")

    assert first.text.replace("Page 1", "Page 2") == second.text
    assert turn(busy, first, "Next page") == shown(busy, second)


def test_a_refusal_leaves_the_list(busy: Scenario) -> None:
    answer = busy.answer("images --page 2")
    listed = busy.answer("ps")
    before = shown(busy, listed)
    busy.card("vm cancel jekyll-dev")
    count = len(busy.slack.ephemerals(JANE))

    busy.click(listed, "Next page")
    busy.slack.wait_for(lambda: len(busy.slack.ephemerals(JANE)) > count)

    assert shown(busy, listed) == before
    assert answer.text.startswith("1 image")


def test_the_home_turns_its_pages_too(busy: Scenario) -> None:
    for number in range(60, 120):
        run(busy, f"job-{number:03}")
    busy.slack.user(JANE).open_home()

    def home() -> View:
        view = busy.slack.home(JANE)
        assert view is not None
        return view

    busy.slack.wait_for(lambda: busy.slack.home(JANE) and "Next page" in str(home().blocks))
    first = str(home().blocks)
    [button] = [e for block in home().blocks for e in block.get("elements", [])
                if e.get("action_id", "").startswith("homepage")]  # fmt: skip
    check_view(home().content, "home")

    busy.slack.user(JANE).click(home(), button["action_id"], button["value"])
    busy.slack.wait_for(lambda: "Previous page" in str(home().blocks))

    seen = [first, str(home().blocks)]
    assert all(sum(f"job-{number:03}" in page for page in seen) == 1 for number in range(85))
