"""R in the channel, as people see it: the plot in the message, in English and in Korean.

DS_PICTURES=1 keeps what they see in docs/pictures.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from sandbox.slack import SlackSandbox
from sandbox.slack.seed import DATA_KO, DATA_SCIENCE, JANE, JIHOON
from sandbox.world import World
from tests.bots import APP_S, QUICK_S, VM_S, running_bot
from tests.browser.conftest import OpenPage, TakePicture
from tests.browser.test_main_job import MOST_BYTES as MOST_BYTES

pytest_plugins = ["tests.world"]
pytestmark = [pytest.mark.engine, pytest.mark.browser, pytest.mark.slow]

IS_DRAWN = "image => image.complete && image.naturalWidth === 800"


@pytest.fixture(scope="module", autouse=True)
def bot(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with running_bot(world, tmp_path_factory.mktemp("browser-r")):
        yield


@pytest.fixture
def slack(world: World) -> SlackSandbox:
    """The world's, for `open_page`."""
    return world.slack


@pytest.mark.parametrize(
    ("person", "channel", "vm", "done", "alt"),
    [
        (JANE, DATA_SCIENCE, "r-plots", "R is done.", "Plot 1 of 1 that R has drawn: plot(cars)"),
        (JIHOON, DATA_KO, "r-ko", "R 실행이 끝났습니다.", "R이 그린 그림 1개 중 1번째: plot(cars)"),
    ],
    ids=["en", "ko"],
)
def test_a_plot_is_in_the_message(
    open_page: OpenPage,
    picture: TakePicture,
    person: str,
    channel: str,
    vm: str,
    done: str,
    alt: str,
) -> None:
    page = open_page(person, channel)
    _type(page, f"/ds vm {vm}")
    expect(_card(page, vm)).to_contain_text("0.053", timeout=VM_S * 1000)

    _type(page, "/ds r plot(cars)")

    card = _card(page, done, APP_S)
    plot = card.get_by_alt_text(alt)
    expect(plot).to_be_visible()
    handle = plot.element_handle()
    assert handle is not None
    page.wait_for_function(IS_DRAWN, arg=handle)
    card.scroll_into_view_if_needed()
    picture(page, "r-plot" if channel == DATA_SCIENCE else "ko-r-plot")

    _type(page, "/ds r stop('no such thing')")
    wrong = _card(page, "no such thing", QUICK_S)
    expect(wrong).to_contain_text("Error: no such thing")
    _type(page, f"/ds vm cancel {vm}")
    expect(_card(page, vm)).to_contain_text("✅", timeout=VM_S * 1000)


def _type(page: Page, line: str) -> None:
    page.locator("#composer-input").fill(line)
    page.locator("#composer-input").press("Enter")


def _card(page: Page, text: str, timeout_s: float = QUICK_S) -> Locator:
    """The newest message with this text, waited for."""
    found = page.get_by_role("article").filter(has_text=text).last
    expect(found).to_be_visible(timeout=timeout_s * 1000)
    return found
