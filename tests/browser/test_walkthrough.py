"""The walk-through that the bot replaces, row by row, as people do it, in both languages.

Each row is one message; what came of it is looked at on the VM, from outside the bot.
docs/walkthrough.md shows the same rows; DS_PICTURES=1 takes its pictures anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from sandbox.outside import Outside, address_in, page_at, wait_until
from sandbox.slack import SlackSandbox
from sandbox.slack.seed import DATA_KO, DATA_SCIENCE, JANE, JIHOON
from sandbox.world import World
from tests.bots import APP_S, QUICK_S, VM_S, running_bot
from tests.browser.conftest import OpenPage

pytest_plugins = ["tests.world"]
pytestmark = [pytest.mark.engine, pytest.mark.browser, pytest.mark.slow]

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = DOCS / "pictures" / "walkthrough"
MOST_BYTES = 160_000
PULLS_S = 480.0


@dataclass(frozen=True)
class Somebody:
    """Who types, where, and what the answers are like in their language."""

    user: str
    channel: str
    vm: str
    says: dict[str, str]


ENGLISH = Somebody(
    JANE,
    DATA_SCIENCE,
    "walk-en",
    {
        "ready": "is ready at",
        "found": "opencpu/rstudio",
        "many stars": "rocker/r-base",
        "there": "On the VM: rocker/shiny",
        "all there": "On the VM: .*rocker/shiny",
        "runs": "http://",
        "app": "RStudio is ready",
        "newest": "rocker/rstudio",
        "addresses": "http://",
        "at once": "ended at once",
        "images": "rocker/r-devel",
        "engine": "Docker .* on walk-en",
        "all": "4 running containers",
        "gone": "Killed and removed",
        "cancelled": "is cancelled",
    },
)
KOREAN = Somebody(
    JIHOON,
    DATA_KO,
    "walk-ko",
    ENGLISH.says
    | {
        "ready": "VM이 준비되었습니다",
        "there": "VM에 있는 이미지: rocker/shiny",
        "all there": "VM에 있는 이미지: .*rocker/shiny",
        "app": "RStudio 준비가 끝났습니다",
        "at once": "바로 종료되었습니다",
        "engine": "walk-ko.*Docker",
        "all": "실행 중인 컨테이너 4개",
        "gone": "종료하고 삭제했습니다",
        "cancelled": "VM을 취소했습니다",
    },
)


@pytest.fixture(scope="module", autouse=True)
def bot(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with running_bot(world, tmp_path_factory.mktemp("walkthrough")):
        yield


@pytest.fixture
def slack(world: World) -> SlackSandbox:
    """The world's, for `open_page`."""
    return world.slack


class Walker:
    """Types rows, waits for what comes of them, and keeps a picture of it if one is asked for."""

    def __init__(self, page: Page, who: Somebody, language: str) -> None:
        self.page = page
        self._who = who
        self._language = language
        self._numbers = iter(range(1, 100))

    def row(self, line: str, expected: str, timeout_s: float = QUICK_S) -> Locator:
        """Type `/ds line`; its answer, once it says what is expected."""
        pattern = re.compile(self._who.says[expected])
        answers = self.page.get_by_role("article").filter(has_text=pattern)
        before = answers.count()
        self.page.locator("#composer-input").fill(f"/ds {line}")
        self.page.locator("#composer-input").press("Enter")
        expect(answers).to_have_count(before + 1, timeout=timeout_s * 1000)
        self._keep(answers.last, f"{next(self._numbers):02}-{line.split()[0]}")
        return answers.last

    def _keep(self, answer: Locator, name: str) -> None:
        if os.environ.get("DS_PICTURES"):
            PICTURES.mkdir(parents=True, exist_ok=True)
            self.page.mouse.move(0, 0)
            path = PICTURES / f"{name}.{self._language}.png"
            answer.screenshot(path=path, animations="disabled", caret="hide")
            assert path.stat().st_size < MOST_BYTES, path


@pytest.mark.parametrize(("who", "language"), [(ENGLISH, "en"), (KOREAN, "ko")], ids=["en", "ko"])
def test_every_row_is_one_message(
    open_page: OpenPage, world: World, who: Somebody, language: str
) -> None:
    page, outside = open_page(who.user, who.channel), Outside(world)
    page.set_viewport_size({"width": 1280, "height": 1800})  # so that pictures are whole
    walker = Walker(page, who, language)

    ready = walker.row(f"vm {who.vm}", "ready", VM_S)
    address = address_in(ready.inner_text())
    assert who.vm in outside.listed_by_slcli()

    def on_vm(command: str) -> str:
        return outside.run_on_vm(address, command)

    walker.row("search rstudio", "found")
    few = walker.row("search r-base --stars 5", "many stars")
    expect(few).not_to_contain_text("opencpu")

    walker.row("pull rocker/shiny", "there", APP_S)
    assert on_vm("docker images --quiet rocker/shiny")
    walker.row("toolchain", "all there", PULLS_S)
    assert len(set(on_vm("docker images --format '{{.Repository}}'").split())) == 5

    url = _url(walker.row("run -d -P rocker/rstudio", "runs", APP_S))
    assert page_at(f"{url}auth-sign-in")[0] == HTTPStatus.OK
    walker.row("ps -l", "newest")
    walker.row("url", "addresses")

    url = _url(walker.row("run --rm -p 3838:3838 rocker/shiny", "runs", APP_S))
    assert url == f"http://{address}:3838/"
    rstudio = walker.row("rstudio", "app", APP_S)
    assert _url(rstudio) == f"http://{address}:8787/"
    url = _url(walker.row("run -d -p 7777:8787 rocker/hadleyverse", "runs", APP_S))
    assert url == f"http://{address}:7777/"
    assert page_at(f"{url}auth-sign-in")[0] == HTTPStatus.OK
    walker.row("run -d rocker/r-base", "at once", APP_S)

    walker.row("images", "images")
    walker.row("info", "engine")
    walker.row("ps", "all")

    running = on_vm("docker ps --quiet").split()
    assert len(running) == 4
    walker.row(f"kill {running[0]} {running[1]}", "gone")
    assert on_vm("docker ps --quiet").split() == running[2:]

    walker.row(f"vm cancel {who.vm}", "cancelled", VM_S)
    wait_until(lambda: who.vm not in outside.listed_by_slcli(), QUICK_S)


def _url(answer: Locator) -> str:
    """The address that an answer shows."""
    found = re.search(r"http://[0-9.]+:[0-9]+/", answer.inner_text())
    assert found is not None, answer.inner_text()
    return found[0]
