"""What people see of an idle VM: the notice, that it is kept, and what is said when it was taken.

VMs and time are in memory here; tests/e2e/test_idle.py has real ones. DS_PICTURES=1 keeps what they
see in docs/pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from bot.schedule import due_at
from bot.services.follow_up import REAPER
from sandbox.slack import SlackSandbox
from sandbox.slack.seed import ADMIN, DATA_KO, DATA_SCIENCE, JANE, JIHOON
from tests.browser.conftest import OpenPage, TakePicture
from tests.fakes.activity import FakeUse
from tests.fakes.clock import FakeClock
from tests.scenarios.world import Scenario, access_to, scenario

pytestmark = pytest.mark.browser

LOOK = timedelta(minutes=2)
LONGEST = timedelta(hours=5)  # idle time, grace, and the end of the hour that is paid


@dataclass(frozen=True)
class Words:
    """What is expected in a language."""

    who: str
    channel: str
    warned: str
    keep: str
    kept: str
    why: str
    at_rest: str
    dismiss: str
    reaped: str
    restore: str


ENGLISH = Words(
    JANE, DATA_SCIENCE, "is to be cancelled", "Keep until tomorrow 9:00", "is kept until", "Why?",
    "is not in use", "Dismiss", "was not in use", "Restore",
)  # fmt: skip
KOREAN = Words(
    JIHOON, DATA_KO, "취소될 예정입니다", "내일 9:00까지 유지", "VM을 유지합니다", "이유 보기",
    "사용되지 않고 있습니다", "해제", "저장하고 취소했습니다", "복원",
)  # fmt: skip


@pytest.fixture
def clock() -> FakeClock:
    """So that the notice is posted at about the time that the page shows for it."""
    return FakeClock(datetime.now(UTC) - timedelta(minutes=100))


@pytest.fixture
def bot(tmp_path: Path, clock: FakeClock) -> Iterator[Scenario]:
    with scenario("socket", tmp_path, clock=clock) as running:
        running.core.caretaker.stores.switches.set(REAPER, True, ADMIN, clock.now())
        yield running


@pytest.fixture
def slack(bot: Scenario) -> SlackSandbox:
    """The bot's, for `open_page`."""
    return bot.slack


@pytest.mark.parametrize(("words", "prefix"), [(ENGLISH, ""), (KOREAN, "ko-")])
def test_an_idle_vm_is_told_about_kept_and_in_the_end_taken(
    words: Words,
    prefix: str,
    bot: Scenario,
    clock: FakeClock,
    open_page: OpenPage,
    picture: TakePicture,
) -> None:
    with_open_tab(bot, clock, words)
    page = open_page(words.who, words.channel)
    page.set_viewport_size({"width": 900, "height": 480})

    sweep_until(bot, words, clock, lambda: said(bot, words, words.warned))
    notice = message(page, words.warned)
    picture(page.locator("#main"), f"{prefix}idle-notice")

    notice.get_by_role("button", name=words.why).click()
    message(page, words.at_rest)
    picture(page.locator("#main"), f"{prefix}idle-why")

    page.get_by_role("button", name=words.dismiss).first.click()  # so that less is below it
    notice.get_by_role("button", name=words.keep).click()
    expect(page.get_by_role("article").filter(has_text=words.kept)).to_have_count(2)
    message(page, words.kept)  # the command's own, below the notice
    expect(page.get_by_role("article").filter(has_text=words.warned)).to_have_count(0)
    picture(page.locator("#main"), f"{prefix}idle-kept")

    clock.advance(timedelta(hours=34))
    sweep_until(bot, words, clock, lambda: said(bot, words, words.warned))
    sweep_until(bot, words, clock, lambda: not bot.core.vm_store.live())
    message(page, words.reaped)
    expect(page.get_by_role("button", name=words.restore)).to_be_visible()
    picture(page.locator("#main"), f"{prefix}idle-reaped")


def with_open_tab(bot: Scenario, clock: FakeClock, words: Words) -> None:
    """A VM on which RStudio is open and nothing runs."""
    bot.card("vm jekyll-dev", words.who, words.channel)
    bot.card("rstudio", words.who, words.channel)
    [vm] = bot.core.vm_store.live()
    assert vm.address is not None
    [container] = bot.hosts.on(access_to(vm.address)).containers()
    tab = FakeUse(connections=1, sessions=1, network=100, cpus=0.01, last_used_at=clock.now())
    bot.hosts.at(vm.address).doing.use(container.name, tab)


def sweep_until(bot: Scenario, words: Words, clock: FakeClock, is_so: Callable[[], object]) -> None:
    """Sweeps, each with what follows from it, until something is so."""
    end = clock.now() + LONGEST
    while not is_so():
        assert clock.now() < end, "it has never become so"
        clock.advance(LOOK)
        bot.core.caretaker.sweep.run(due_at(clock.now(), LOOK))
        bot.ended(words.channel)


def said(bot: Scenario, words: Words, text: str) -> bool:
    return any(text in each.text for each in bot.slack.messages(words.channel))


def message(page: Page, text: str) -> Locator:
    """The newest message with this text, waited for and shown."""
    found = page.get_by_role("article").filter(has_text=text).last
    expect(found).to_be_visible()
    found.scroll_into_view_if_needed()
    return found
