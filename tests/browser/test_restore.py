"""What people see of saved work: the list of it, and that a VM is brought back by a button.

VMs are in memory here; tests/e2e/test_restore.py has real ones. DS_PICTURES=1 keeps what they see
in docs/pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from sandbox.slack import SlackSandbox
from tests.browser.conftest import OpenPage, TakePicture
from tests.browser.test_idle import ENGLISH, KOREAN, Words, message
from tests.scenarios.world import Scenario, scenario

pytestmark = pytest.mark.browser


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Scenario]:
    with scenario("socket", tmp_path) as running:
        yield running


@pytest.fixture
def slack(bot: Scenario) -> SlackSandbox:
    """The bot's, for `open_page`."""
    return bot.slack


@pytest.mark.parametrize(
    ("words", "prefix", "restored", "kept"),
    [(ENGLISH, "", "is restored at", "kept until"), (KOREAN, "ko-", "복원했습니다", "까지")],
)
def test_saved_work_is_listed_and_brought_back_by_a_button(
    words: Words,
    prefix: str,
    restored: str,
    kept: str,
    bot: Scenario,
    open_page: OpenPage,
    picture: TakePicture,
) -> None:
    for line in ("vm jekyll-dev", "rstudio", "shiny", "vm release jekyll-dev"):
        bot.card(line, words.who, words.channel)
    page = open_page(words.who, words.channel)
    page.set_viewport_size({"width": 900, "height": 620})

    bot.slack.user(words.who).command(words.channel, "/ds", "saves")
    listed = message(page, kept)
    picture(page.locator("#main"), f"{prefix}saves")

    listed.get_by_role("button", name=words.restore).last.click()
    page.get_by_role("alertdialog").get_by_role("button", name=words.restore).click()
    card = message(page, restored)
    expect(card).to_contain_text(":8787/")
    expect(card).to_contain_text(":3838/")
    picture(page.locator("#main"), f"{prefix}restored")
