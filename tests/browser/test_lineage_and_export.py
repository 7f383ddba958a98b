"""The picture of the images and the way of work off a VM, on the page, in both languages and on
light and dark ground. VMs are in memory here; tests/e2e/test_work_and_images.py has real ones.

DS_PICTURES=1 keeps what people see in docs/pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from bot.lineage import Lineage, Node
from bot.replies.pictures.lineage import lineage_picture
from sandbox.slack import SlackSandbox
from sandbox.slack.seed import DATA_KO, DATA_SCIENCE, JANE, JIHOON
from tests.browser.conftest import OpenPage, TakePicture
from tests.fakes.hosts import FakeHost, FakeImage
from tests.scenarios.world import Scenario, access_to, scenario

pytestmark = [pytest.mark.browser]

MB = 1_000_000
# As `docker images` listed them in 2015 (walkthrough.md §4); layers as their Dockerfiles say.
LAYERS = {"debian": 122, "r": 416, "devel": 1550, "jessie": 125, "studio": 764, "hadley": 1033,
          "ubuntu": 188, "shiny": 843}  # fmt: skip
IMAGES = {
    "debian:testing": ("debian",),
    "rocker/r-base": ("debian", "r"),
    "rocker/r-devel": ("debian", "r", "devel"),
    "debian:jessie": ("jessie",),
    "rocker/rstudio": ("jessie", "studio"),
    "rocker/hadleyverse": ("jessie", "studio", "hadley"),
    "rocker/shiny": ("ubuntu", "shiny"),
}


@pytest.fixture(scope="module", autouse=True)
def is_loaded() -> None:
    """The first picture of a process takes a second more, for what it is drawn with."""
    lineage_picture(Lineage((Node(("a",), (), None, 0, 1),)))


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Scenario]:
    with scenario("socket", tmp_path) as running:
        yield running


@pytest.fixture
def slack(bot: Scenario) -> SlackSandbox:
    """The scenario's, for `open_page`."""
    return bot.slack


def with_work(bot: Scenario, user: str, channel: str, name: str) -> FakeHost:
    """Somebody's VM with images, and with work whose container is gone."""
    bot.card(f"vm {name}", user=user, channel=channel)
    [ready] = [each for each in bot.core.vm_store.live() if each.hostname == name]
    host = bot.hosts.at(str(ready.address))
    host.images = {
        name if ":" in name else f"{name}:latest": FakeImage(
            layers=layers,
            layer_bytes=tuple(LAYERS[each] * MB for each in layers),
            created_at=datetime(2026, 11, 1, tzinfo=UTC),
        )
        for name, layers in IMAGES.items()
    }
    bot.card("rstudio", user=user, channel=channel)
    [container] = bot.hosts.on(access_to(str(ready.address))).containers()
    host.volumes[f"ds-{user.lower()}-workspace"] |= {
        "thesis.R": b"x <- 1\n" * 400, "faithful.csv": b"3.6,79\n" * 272_000,
    }  # fmt: skip
    host.volumes[f"ds-{user.lower()}-config"]["rstudio-prefs.json"] = b"{}" * 90
    bot.card(f"kill {container.short_id}", user=user, channel=channel)
    return host


def say(page: Page, line: str) -> None:
    page.locator("#composer-input").fill(line)
    page.locator("#composer-input").press("Enter")


def message(page: Page, text: str) -> Locator:
    """The newest message with this text, waited for and shown."""
    found = page.get_by_role("article").filter(has_text=text).last
    expect(found).to_be_visible()
    found.scroll_into_view_if_needed()
    return found


def drawn(answer: Locator) -> Locator:
    """The picture of an answer, once it is there."""
    image = answer.locator("img[alt*='rocker/r-base']")
    expect(image).to_be_visible()
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("each => each.naturalWidth") == 720
    return image


def test_the_images_are_drawn_and_told(
    bot: Scenario, open_page: OpenPage, picture: TakePicture
) -> None:
    with_work(bot, JANE, DATA_SCIENCE, "jekyll-dev")
    page = open_page(JANE, DATA_SCIENCE)

    say(page, "/ds lineage")

    answer = message(page, "7 images on jekyll-dev take")
    image = drawn(answer)
    assert "rocker/rstudio builds on debian:jessie and adds 764.0 MB." in str(
        image.get_attribute("alt")
    )
    expect(answer).to_contain_text("Only visible to you")
    picture(page, "lineage")
    page.set_viewport_size({"width": 375, "height": 800})
    message(page, "7 images on jekyll-dev take")
    box = drawn(answer).bounding_box()
    assert box is not None and box["x"] + box["width"] <= 375
    picture(page, "lineage-narrow")


def test_on_dark_ground_and_in_korean(
    bot: Scenario, browser: Browser, picture: TakePicture
) -> None:
    with_work(bot, JIHOON, DATA_KO, "r-lab")
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="dark")
    page = context.new_page()
    page.goto(bot.slack.page_url(JIHOON, DATA_KO))
    expect(page.locator("body[data-ready]")).to_be_attached()

    say(page, "/ds lineage")

    answer = message(page, "r-lab: 이미지 7개")
    alt = str(drawn(answer).get_attribute("alt"))
    assert "rocker/rstudio: debian:jessie 위에 만들어졌으며" in alt
    picture(page, "ko-lineage-dark")
    context.close()


def test_work_is_sent_where_its_owner_wants(
    bot: Scenario, open_page: OpenPage, picture: TakePicture
) -> None:
    with_work(bot, JANE, DATA_SCIENCE, "jekyll-dev")
    page = open_page(JANE, DATA_SCIENCE)

    message(page, "Killed and removed").get_by_role("button", name="Export work").click()
    question = message(page, "Whoever can read this channel can open the files")
    picture(page, "export-asks-first")
    question.get_by_role("button", name="Post it here").click()
    card = message(page, "is in the thread below")
    expect(card).to_contain_text("3 files")
    card.get_by_role("button", name="1 reply").click()
    with page.expect_download() as download:
        page.locator(".file-card").last.click()
    assert download.value.suggested_filename.endswith(".tar.gz")
    picture(page, "export")


def test_work_is_sent_in_korean_to_one_alone(
    bot: Scenario, open_page: OpenPage, picture: TakePicture
) -> None:
    with_work(bot, JIHOON, DATA_KO, "r-lab")
    page = open_page(JIHOON, DATA_KO)

    say(page, "/ds export")
    question = message(page, "이 채널을 볼 수 있는 사람은 누구나")
    picture(page, "ko-export-asks-first")
    question.get_by_role("button", name="나에게만 보내기").click()

    message(page, "님에게만 보냈습니다")
    picture(page, "ko-export")
    assert all(not each.files for each in bot.slack.messages(DATA_KO))
