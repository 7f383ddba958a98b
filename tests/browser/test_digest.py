"""The weekly digest on the page, in both languages, on light and dark ground and on a phone.

DS_PICTURES=1 keeps what people see in docs/pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from bot.models import Vm, VmState
from bot.services.digests import TellDigest
from config.settings import load_policy
from sandbox.slack import SlackSandbox
from sandbox.slack.seed import DATA_KO, DATA_SCIENCE, JANE, JIHOON
from tests.browser.conftest import OpenPage, TakePicture
from tests.scenarios.world import Scenario, scenario

pytestmark = [pytest.mark.browser]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# name, whose, USD an hour, day and hour of the week at which it was ordered, hours that it lived
# (None: it still does), and at which of them it was found idle
STORY = (
    ("gpu-train", JANE, "2.142", (0, 9), 61, 52),
    ("jekyll-dev", JANE, "0.053", (0, 8), None, None),
    ("r-lab", JIHOON, "0.212", (1, 9), None, None),
    ("survey", JIHOON, "0.106", (2, 14), 30, 26),
    ("thesis", JANE, "0.424", (3, 9), 34, 24),
    ("shiny-demo", JIHOON, "0.053", (4, 10), 9, None),
)


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[Scenario]:
    with scenario("socket", tmp_path) as running:
        yield running


@pytest.fixture
def slack(bot: Scenario) -> SlackSandbox:
    """The scenario's, for `open_page`."""
    return bot.slack


def told(bot: Scenario, channel: str, language: str) -> None:
    """The week's VMs as the store knows them, and the digest of a channel of that language."""
    caretaker = bot.core.caretaker
    now = caretaker.digests.clock.now()
    monday = now.replace(hour=0, minute=0, second=0, microsecond=0) - now.weekday() * DAY
    begin, stores = monday - 7 * DAY, caretaker.stores
    for number, (name, who, rate, (day, hour), lived, idle) in enumerate(STORY):
        at = begin + day * DAY + hour * HOUR
        vm = Vm(
            f"op-{channel}-{name}", name, f"{channel.lower()}.example.com", who, channel, "T0TEAM",
            VmState.READY, "docker", 1, 1024, "dal10", at, cloud_id=1000 + number,
            hourly_rate=Decimal(rate), ready_at=at,
        )  # fmt: skip
        stores.vms.reserve(vm, 99)
        if idle is not None and lived is not None:
            why = {"msgid": "", "params": {}}
            stores.marks.mark(vm.op_id, at + idle * HOUR, why, at + (idle + 1) * HOUR)
            ended_at = at + lived * HOUR
            stores.marks.end(vm.op_id, 1, "reaped", ended_at - timedelta(minutes=1), "reaper")
        if lived is not None:
            stores.vms.gone(vm.op_id, at + lived * HOUR)
    shipped = load_policy().model_dump() | {"channels": {channel: {"language": language}}}
    policy = type(bot.policy).model_validate(shipped)
    duty = caretaker.duties["digest"]
    assert isinstance(duty, TellDigest)
    spoken = replace(duty.messenger, spoken_in=policy.spoken_in)
    caretaker.duties["digest"] = replace(duty, messenger=spoken)
    due = (monday + 9 * HOUR).isoformat()
    args = {"channel": channel, "due": due}
    caretaker.digests.errands.ask("digest", args, f"{channel}:{due}", channel)
    bot.ended(channel)


def shown(page: Page, words: str) -> Locator:
    """The digest, its picture loaded."""
    message = page.get_by_role("article").filter(has_text=words).last
    expect(message).to_be_visible()
    image = message.locator("img[alt*='$']")
    expect(image).to_be_visible()
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("each => each.naturalWidth") == 720
    message.scroll_into_view_if_needed()
    return message


def test_on_light_ground_and_on_a_phone(
    bot: Scenario, open_page: OpenPage, picture: TakePicture
) -> None:
    told(bot, DATA_SCIENCE, "en")
    page = open_page(JANE, DATA_SCIENCE)

    message = shown(page, "This channel's VMs from")

    expect(message).to_contain_text("3 idle VMs were cancelled, which saved about $")
    expect(message).to_contain_text("2 VMs cost money now")
    picture(message, "digest")
    message.get_by_role("button", name="What do they cost?").click()
    expect(page.get_by_text("The VMs of this channel: about").last).to_be_visible()
    page.set_viewport_size({"width": 375, "height": 800})
    box = shown(page, "This channel's VMs from").locator("img[alt*='$']").bounding_box()
    assert box is not None and box["x"] + box["width"] <= 375


def test_on_dark_ground_and_in_korean(
    bot: Scenario, browser: Browser, picture: TakePicture
) -> None:
    told(bot, DATA_KO, "ko")
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="dark")
    page = context.new_page()
    page.goto(bot.slack.page_url(JIHOON, DATA_KO))
    expect(page.locator("body[data-ready]")).to_be_attached()

    message = shown(page, "이 채널의 VM 비용")

    expect(message).to_contain_text("유휴 VM 3대를 취소해 약 $")
    picture(message, "digest-ko-dark")
    context.close()
