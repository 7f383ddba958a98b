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
        "vm": "is ready at",
        "search": "opencpu/rstudio",
        "search-stars": "rocker/r-base",
        "pull": "On the VM: rocker/shiny",
        "toolchain": "On the VM: .*rocker/shiny",
        "run-all-ports": "http://",
        "rstudio": "RStudio is ready",
        "run-shiny": "http://",
        "run-hadleyverse": "http://",
        "ps-latest": "rocker/rstudio",
        "url": "http://",
        "r-base": "ended at once",
        "images": "rocker/r-devel",
        "lineage": "Grey: shared with",
        "info": "Docker .* on walk-en",
        "ps": "4 running containers",
        "kill": "Killed and removed",
        "vm-cancel": "is cancelled",
    },
)
KOREAN = Somebody(
    JIHOON,
    DATA_KO,
    "walk-ko",
    ENGLISH.says
    | {
        "vm": "VM이 준비되었습니다",
        "pull": "VM에 있는 이미지: rocker/shiny",
        "toolchain": "VM에 있는 이미지: .*rocker/shiny",
        "rstudio": "RStudio 준비가 끝났습니다",
        "r-base": "바로 종료되었습니다",
        "lineage": "회색: 기반 이미지와",
        "info": "walk-ko.*Docker",
        "ps": "실행 중인 컨테이너 4개",
        "kill": "종료하고 삭제했습니다",
        "vm-cancel": "VM을 취소했습니다",
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

    def row(self, line: str, expected: str, timeout_s: float = QUICK_S) -> Locator:
        """Type `/ds line`; its answer, once it says what is expected."""
        pattern = re.compile(self._who.says[expected])
        answers = self.page.get_by_role("article").filter(has_text=pattern)
        before = answers.count()
        self.page.locator("#composer-input").fill(f"/ds {line}")
        self.page.locator("#composer-input").press("Enter")
        expect(answers).to_have_count(before + 1, timeout=timeout_s * 1000)
        self._keep(answers.last, expected)
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

    ready = walker.row(f"vm {who.vm}", "vm", VM_S)
    address = address_in(ready.inner_text())
    assert who.vm in outside.listed_by_slcli()

    def on_vm(command: str) -> str:
        return outside.run_on_vm(address, command)

    walker.row("search rstudio", "search")
    few = walker.row("search r-base --stars 5", "search-stars")
    expect(few).not_to_contain_text("opencpu")

    walker.row("pull rocker/shiny", "pull", APP_S)
    assert on_vm("docker images --quiet rocker/shiny")
    walker.row("toolchain", "toolchain", PULLS_S)
    assert len(set(on_vm("docker images --format '{{.Repository}}'").split())) == 5

    url = _url(walker.row("run -d -P rocker/rstudio", "run-all-ports", APP_S))
    assert page_at(f"{url}auth-sign-in")[0] == HTTPStatus.OK
    walker.row("ps -l", "ps-latest")
    walker.row("url", "url")

    url = _url(walker.row("run --rm -p 3838:3838 rocker/shiny", "run-shiny", APP_S))
    assert url == f"http://{address}:3838/"
    rstudio = walker.row("rstudio", "rstudio", APP_S)
    assert _url(rstudio) == f"http://{address}:8787/"
    url = _url(walker.row("run -d -p 7777:8787 rocker/hadleyverse", "run-hadleyverse", APP_S))
    assert url == f"http://{address}:7777/"
    assert page_at(f"{url}auth-sign-in")[0] == HTTPStatus.OK
    walker.row("run -d rocker/r-base", "r-base", APP_S)

    walker.row("images", "images")
    drawn = walker.row("lineage", "lineage")
    expect(drawn.get_by_role("img").last).to_be_visible()
    walker.row("info", "info")
    walker.row("ps", "ps")

    running = on_vm("docker ps --quiet").split()
    assert len(running) == 4
    walker.row(f"kill {running[0]} {running[1]}", "kill")
    assert on_vm("docker ps --quiet").split() == running[2:]

    walker.row(f"vm cancel {who.vm}", "vm-cancel", VM_S)
    wait_until(lambda: who.vm not in outside.listed_by_slcli(), QUICK_S)


def _url(answer: Locator) -> str:
    """The address that an answer shows."""
    found = re.search(r"http://[0-9.]+:[0-9]+/", answer.inner_text())
    assert found is not None, answer.inner_text()
    return found[0]
