"""Finding, pulling and running images: each row of the walk-through is one message."""

from __future__ import annotations

import re

import pytest

from bot.models import HostAccess
from tests.fakes.hosts import FakeHost, FakeImage
from tests.scenarios.world import GENERAL, JANE, JIHOON, Scenario, access_to


@pytest.fixture
def vm(bot: Scenario) -> FakeHost:
    """Jane's only VM, ready."""
    bot.card("vm jekyll-dev")
    [ready] = bot.core.vm_store.live()
    return bot.hosts.at(str(ready.address))


def access(bot: Scenario) -> HostAccess:
    [ready] = bot.core.vm_store.live()
    return access_to(str(ready.address))


def test_search_shows_the_most_stars_first_with_a_button_each(bot: Scenario, vm: FakeHost) -> None:
    answer = bot.answer("search rstudio")

    shown = str(answer.blocks)
    assert shown.index("rocker/rstudio") < shown.index("opencpu/rstudio")
    before = len(bot.slack.messages(GENERAL))
    bot.click(answer, "Pull")
    bot.slack.wait_for(lambda: bot.slack.messages(GENERAL)[before:])
    assert "rocker/rstudio" in bot.ended().text


def test_search_with_stars_leaves_the_others_out(bot: Scenario, vm: FakeHost) -> None:
    answer = bot.answer("search rstudio --stars 5")

    shown = str(answer.blocks)
    assert "opencpu/rstudio" in shown and "rhee/rstudio" not in shown


def test_pull_tells_the_digest_and_whether_it_was_news(bot: Scenario, vm: FakeHost) -> None:
    first = bot.card("pull rocker/shiny")
    again = bot.card("pull rocker/shiny")

    assert "pulled, digest" in str(first.blocks)
    assert "up to date, digest" in str(again.blocks)


def test_the_toolchain_is_one_card_and_says_what_is_missing(bot: Scenario, vm: FakeHost) -> None:
    for name in ("rocker/r-base", "rocker/r-devel"):
        vm.offer(name, FakeImage())
    del vm.catalogue["rocker/hadleyverse:latest"]

    card = bot.card("toolchain")

    assert "Not pulled: rocker/hadleyverse" in card.text
    assert "rocker/verse" in card.text
    assert len(vm.images) == 4


def test_images_are_listed_and_an_unused_one_is_removed_by_its_button(
    bot: Scenario, vm: FakeHost
) -> None:
    bot.card("shiny")
    bot.card("pull rocker/rstudio")

    answer = bot.answer("images")
    before = len(bot.slack.messages(GENERAL))
    bot.click(answer, "Remove")  # the one of the running Shiny has no button
    bot.slack.wait_for(lambda: bot.slack.messages(GENERAL)[before:])
    bot.ended()

    assert set(vm.images) == {"rocker/shiny:latest"}


def test_run_publishes_all_ports_and_says_where(bot: Scenario, vm: FakeHost) -> None:
    vm.offer("rocker/shiny", FakeImage(exposes=(3838,)))

    card = bot.card("run -d -P rocker/shiny")

    url = re.search(r"http://[0-9.]+:\d+/", card.text)
    assert url is not None
    assert url[0] in str(bot.answer("ps").blocks)


def test_ps_opens_a_program_that_is_in_no_catalogue_too(bot: Scenario, vm: FakeHost) -> None:
    vm.offer("acme/notebook", FakeImage(exposes=(8888,)))
    bot.card("run -p 9000:8888 acme/notebook")

    bot.click(bot.answer("ps"), "Open")
    assert ":9000/" in str(bot.answer("ps").blocks)


def test_run_moves_a_port_that_is_taken_and_says_so(bot: Scenario, vm: FakeHost) -> None:
    bot.card("run -p 8787:8787 rocker/rstudio")

    card = bot.card("run -p 8787:8787 rocker/hadleyverse")

    assert ":8788/" in card.text
    assert "8787 is in use" in str(card.blocks)


def test_a_container_that_ends_at_once_is_told_as_such_with_its_output(
    bot: Scenario, vm: FakeHost
) -> None:
    vm.offer("rocker/r-base", FakeImage(output=("R version 4.2.2", "> "), exit_code=0))

    card = bot.card("run -d rocker/r-base")

    assert "ended at once, with exit code 0" in card.text
    assert "R version 4.2.2" in card.text


def test_rstudio_by_run_has_a_password_of_its_own_too(bot: Scenario, vm: FakeHost) -> None:
    card = bot.card("run -p 7777:8787 rocker/rstudio")

    bot.click(card, "Show password")
    [view] = bot.slack.wait_for(
        lambda: [v for v in bot.slack.modals(JANE) if "Asking" not in str(v.blocks)]
    )
    [container] = bot.hosts.on(access(bot)).containers()
    password = bot.hosts.on(access(bot)).environment(container.id)["PASSWORD"]
    assert password in str(view.blocks)
    assert password not in card.text


def test_what_would_give_the_vm_away_is_refused_by_name(bot: Scenario, vm: FakeHost) -> None:
    for line in ("run x --privileged", "run x -v /:/host", "run x --net host", "run x --mount a"):
        answer = bot.answer(line)
        assert line.split()[2] in answer.text
    assert bot.hosts.on(access(bot)).containers(all=True) == []


def test_nobody_sets_or_switches_off_a_password_by_hand(bot: Scenario, vm: FakeHost) -> None:
    for variable in ("PASSWORD=hunter2", "DISABLE_AUTH=true", "password=hunter2"):
        answer = bot.answer(f"run rocker/rstudio -e {variable}")
        assert "hunter2" not in answer.text
        assert "by a button" in answer.text
    assert bot.hosts.on(access(bot)).containers(all=True) == []


def test_ps_latest_logs_url_and_info(bot: Scenario, vm: FakeHost) -> None:
    bot.card("shiny")
    bot.card("run rocker/rstudio --name second")
    newest = bot.hosts.on(access(bot)).containers()[0]

    assert "second" in str(bot.answer("ps -l").blocks)
    assert newest.short_id in str(bot.answer("ps").blocks)
    assert bot.answer(f"logs {newest.short_id[:6]}").text
    assert ":3838/" in bot.answer("url").text
    assert "Docker" in bot.answer("info").text


def test_stop_keeps_the_container_and_kill_removes_it(bot: Scenario, vm: FakeHost) -> None:
    bot.card("shiny")
    [container] = bot.hosts.on(access(bot)).containers()

    bot.card(f"stop {container.short_id}")
    assert bot.hosts.on(access(bot)).containers() == []
    assert len(bot.hosts.on(access(bot)).containers(all=True)) == 1

    bot.card(f"kill {container.short_id}")
    assert bot.hosts.on(access(bot)).containers(all=True) == []


def test_somebody_elses_log_is_not_shown(bot: Scenario, vm: FakeHost) -> None:
    bot.card("shiny")
    [container] = bot.hosts.on(access(bot)).containers()

    answer = bot.answer(f"logs {container.short_id}", user=JIHOON)

    assert f"<@{JANE}>" in answer.text
