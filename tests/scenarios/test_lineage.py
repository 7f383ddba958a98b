"""`/ds lineage`: one picture instead of a table of ids."""

from __future__ import annotations

from typing import Any
from urllib.request import Request, urlopen

import pytest

from bot.lineage import Lineage, Node
from bot.replies.pictures.lineage import lineage_picture
from tests.fakes.hosts import FakeHost, FakeImage
from tests.scenarios.world import GENERAL, JIHOON, Scenario

MB = 1_000_000


@pytest.fixture(scope="module", autouse=True)
def is_loaded() -> None:
    """The first picture of a process takes a second more, for what it is drawn with."""
    lineage_picture(Lineage((Node(("a",), (), None, 0, 1),)))


@pytest.fixture
def vm(bot: Scenario) -> FakeHost:
    """Jane's only VM, with images that share layers."""
    bot.card("vm jekyll-dev")
    [ready] = bot.core.vm_store.live()
    host = bot.hosts.at(str(ready.address))
    host.images = {
        "rocker/r-base:latest": pile("d", "a"),
        "rocker/rstudio:latest": pile("d", "a", "r"),
        "rocker/shiny:latest": pile("d", "u", "s"),
    }
    return host


def pile(*layers: str) -> FakeImage:
    return FakeImage(layers=layers, layer_bytes=(100 * MB,) * len(layers))


def picture_in(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    [found] = [block for block in blocks if block["type"] == "image"]
    return found


def content_of(bot: Scenario, file_id: str) -> bytes:
    address = bot.slack.api_url.removesuffix("/api/") + f"/files-pri/T0-{file_id}/picture"
    request = Request(address, headers={"Authorization": f"Bearer {bot.slack.bot_token}"})
    with urlopen(request, timeout=10) as answer:
        content: bytes = answer.read()
    return content


def test_the_picture_is_shown_to_the_one_who_asked(bot: Scenario, vm: FakeHost) -> None:
    before = len(bot.slack.messages(GENERAL))

    answer = bot.answer("lineage")

    picture = picture_in(answer.blocks)
    assert content_of(bot, picture["slack_file"]["id"]).startswith(b"\x89PNG")
    assert picture["alt_text"] == (
        "rocker/r-base, rocker/shiny share a base of 100.0 MB that is no image here."
        " rocker/r-base builds on the base that it shares and adds 100.0 MB."
        " rocker/rstudio builds on rocker/r-base and adds 100.0 MB."
        " rocker/shiny builds on the base that it shares and adds 200.0 MB."
    )
    assert answer.text.startswith("3 images on jekyll-dev take 500.0 MB;")
    assert len(bot.slack.messages(GENERAL)) == before
    [uploaded] = bot.slack.calls_to("files.getUploadURLExternal")
    assert uploaded.args["alt_txt"] == picture["alt_text"]


def test_in_korean_the_words_are_and_the_picture_is_the_same(bot: Scenario, vm: FakeHost) -> None:
    bot.card("vm r-lab", user=JIHOON)
    other = next(each for each in bot.core.vm_store.live() if each.hostname == "r-lab")
    bot.hosts.at(str(other.address)).images = dict(vm.images)

    answer = bot.answer("lineage", user=JIHOON)

    assert "rocker/r-base 위에 만들어졌으며" in picture_in(answer.blocks)["alt_text"]
    assert "이미지 3개" in answer.text


def test_a_vm_without_images_says_how_to_get_some(bot: Scenario, vm: FakeHost) -> None:
    vm.images = {}

    assert "/ds toolchain" in bot.answer("lineage").text


def test_somebody_without_a_vm_is_offered_one(bot: Scenario) -> None:
    assert "You have no VM yet" in bot.answer("lineage").text
