"""R code typed into Slack, and what people then see: output, plots, and what went wrong."""

from __future__ import annotations

from urllib.request import Request, urlopen

import pytest

from tests.fakes.hosts import FakeHost
from tests.fakes.r import PLOT, argument, r_image, r_run
from tests.scenarios.world import GENERAL, JIHOON, Scenario

IMAGE = "rocker/r-base"


@pytest.fixture
def vm(bot: Scenario) -> FakeHost:
    """Jane's only VM, ready, with R."""
    bot.card("vm jekyll-dev")
    [ready] = bot.core.vm_store.live()
    host = bot.hosts.at(str(ready.address))
    host.offer(IMAGE, r_image(lambda code: r_run("[1] 2\n", plots=[PLOT])))
    return host


def test_a_plot_is_shown_in_the_message(bot: Scenario, vm: FakeHost) -> None:
    card = bot.card("r plot(cars)")

    [picture] = [block for block in card.blocks if block["type"] == "image"]
    base = bot.slack.api_url.removesuffix("/api/")
    page = Request(f"{base}/files-pri/T-{picture['slack_file']['id']}/plot.png",
                   headers={"Authorization": f"Bearer {bot.slack.bot_token}"})  # fmt: skip
    assert urlopen(page, timeout=5).read() == PLOT
    assert picture["alt_text"] == "Plot 1 of 1 that R has drawn: plot(cars)"
    assert "R is done." in card.text and "[1] 2" in card.text
    assert vm.started[0].has_network is False


def test_code_typed_on_a_phone_runs_as_it_was_meant(bot: Scenario, vm: FakeHost) -> None:
    bot.card("r \u2014keep x &lt;- \u201ca &amp; b\u201d\nnchar(x)")

    [spec] = vm.started
    assert argument(spec, "code") == 'x <- "a & b"\nnchar(x)'
    assert argument(spec, "keep") == "1"


def test_a_long_output_is_a_file_below_the_message(bot: Scenario, vm: FakeHost) -> None:
    vm.offer(IMAGE, r_image(lambda code: r_run("all work and no play\n" * 500)))

    bot.ds("r repeat cat('all work and no play')")
    bot.slack.wait_for(lambda: len(bot.slack.messages(GENERAL)) > 1)
    card = bot.ended(index=1)

    [shared] = [each for each in bot.slack.messages(GENERAL) if each.files]
    assert shared.thread_ts == card.ts
    assert "whole output is in the thread" in card.text


def test_an_error_of_r_is_a_warning_without_an_incident(bot: Scenario, vm: FakeHost) -> None:
    vm.offer(IMAGE, r_image(lambda code: r_run("Error: oh\nExecution halted\n", exit_code=1)))

    card = bot.card("r stop('oh')")

    assert "R stopped at an error." in card.text and "Error: oh" in card.text
    assert "⚠️" in str(card.blocks) and "incident" not in str(card.blocks)


def test_korean_speakers_read_korean(bot: Scenario) -> None:
    bot.card("vm r-lab", user=JIHOON)
    [ready] = bot.core.vm_store.live()
    bot.hosts.at(str(ready.address)).offer(IMAGE, r_image())

    card = bot.card("r 1 + 1", user=JIHOON)

    assert "R 실행이 끝났습니다." in card.text and "[1] 2" in card.text


def test_without_code_it_is_said_how_it_is_typed(bot: Scenario) -> None:
    assert "/ds r plot(cars)" in bot.answer("r").text


def test_without_a_vm_one_is_offered(bot: Scenario) -> None:
    assert "You have no VM yet" in bot.answer("r plot(cars)").text


def test_nobody_runs_code_on_anothers_vm(bot: Scenario, vm: FakeHost) -> None:
    refused = bot.answer("r on jekyll-dev system('id')", user=JIHOON)

    assert "R is done" not in refused.text
    assert vm.started == []
