"""The form, pages and used buttons as people see them: Chromium, the bot's own code, fake clouds.

DS_PICTURES=1 keeps what they see in docs/pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from bot.models import ContainerSpec
from sandbox.slack import SlackSandbox
from tests.browser.conftest import OpenPage, TakePicture
from tests.fakes.hosts import FakeImage
from tests.scenarios.world import GENERAL, JANE, JIHOON, Scenario, access_to, scenario

pytestmark = pytest.mark.browser


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Scenario]:
    with scenario("socket", tmp_path) as world:
        yield world


@pytest.fixture
def slack(bot: Scenario) -> SlackSandbox:
    """The bot's, for `open_page`."""
    return bot.slack


def test_a_workspace_by_its_form(open_page: OpenPage, bot: Scenario, picture: TakePicture) -> None:
    page = open_page(JANE, GENERAL)
    type_(page, "/ds")
    form = page.get_by_role("dialog", name="New workspace")
    expect(form.get_by_label("Name of a new VM")).to_have_value("my-vm")
    picture(page, "form")

    form.get_by_label("Name of a new VM").fill("my_lab")
    form.get_by_role("button", name="Start").click()
    expect(form).to_contain_text("cannot be a VM's name")
    picture(page, "form-mistake")

    form.get_by_label("Name of a new VM").fill("my-lab")
    form.get_by_role("button", name="Start").click()
    expect(form).not_to_be_visible()
    expect(article(page, "my-lab is ready at")).to_be_visible()
    expect(article(page, "RStudio is ready")).to_be_visible()


def test_the_same_form_in_korean(open_page: OpenPage, bot: Scenario, picture: TakePicture) -> None:
    bot.card("vm r-lab", JIHOON)
    page = open_page(JIHOON, GENERAL)
    type_(page, "/ds")
    form = page.get_by_role("dialog", name="새 작업 공간")
    expect(form).to_contain_text("실행할 VM")
    expect(form).to_contain_text("r-lab")
    picture(page, "ko-form")

    form.get_by_role("button", name="시작").click()
    expect(article(page, "RStudio 준비가 끝났습니다")).to_be_visible()


def test_a_long_list_turns_its_pages_and_keeps_its_place(
    open_page: OpenPage, bot: Scenario, picture: TakePicture
) -> None:
    busy(bot)
    page = open_page(JANE, GENERAL)
    type_(page, "/ds ps")
    listed = article(page, "45 running containers on 1 VM")
    expect(listed).to_contain_text("Page 1 of")

    listed.get_by_role("button", name="Next page").click()
    expect(listed).to_contain_text("Page 2 of")
    expect(listed).not_to_contain_text("Page 1 of")
    listed.get_by_role("button", name="Previous page").scroll_into_view_if_needed()
    picture(page, "ps-page")
    expect(page.get_by_role("article").filter(has_text="45 running")).to_have_count(1)

    listed = article(page, "running containers on 1 VM")  # one less, if the kill is quick
    listed.get_by_role("button", name="Kill").first.click()
    page.get_by_role("alertdialog").get_by_role("button", name="Kill").click()
    expect(listed).to_contain_text("pressed Kill")
    expect(listed).to_contain_text("Page 2 of")


def test_a_used_button_says_who_pressed_it(
    open_page: OpenPage, bot: Scenario, picture: TakePicture
) -> None:
    bot.card("vm jekyll-dev")
    page = open_page(JANE, GENERAL)
    vm = article(page, "jekyll-dev is ready at")

    vm.get_by_role("button", name="Shiny Server").click()

    expect(article(page, "Shiny Server is ready")).to_be_visible()
    expect(vm.get_by_role("button", name="Shiny Server")).to_have_count(0)
    expect(vm).to_contain_text("pressed Shiny Server")
    vm.scroll_into_view_if_needed()
    picture(page, "used-button")


def busy(bot: Scenario) -> None:
    """Jane's VM runs 45 containers."""
    bot.card("vm jekyll-dev")
    [vm] = bot.core.vm_store.live()
    bot.hosts.at(str(vm.address)).offer("rocker/shiny", FakeImage())
    host = bot.hosts.on(access_to(str(vm.address)))
    host.pull("rocker/shiny", lambda progress: None)
    for number in range(45):
        labels = {"ds-bot.owner": JANE}
        host.run(ContainerSpec(f"job-{number:03}", "rocker/shiny", labels=labels))


def type_(page: Page, line: str) -> None:
    page.locator("#composer-input").fill(line)
    page.locator("#composer-input").press("Enter")


def article(page: Page, text: str) -> Locator:
    """The newest message with this text, waited for."""
    found = page.get_by_role("article").filter(has_text=text).last
    expect(found).to_be_visible()
    return found
