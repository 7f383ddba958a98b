"""The main job as people do it: in Chromium, on real VMs, with their eyes on the page.

DS_PICTURES=1 keeps what they see in docs/pictures.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from sandbox.outside import may_log_in
from sandbox.slack import SlackSandbox
from sandbox.slack.seed import DATA_KO, DATA_SCIENCE, JANE, JIHOON
from sandbox.world import World
from tests.bots import APP_S, QUICK_S, VM_S, running_bot
from tests.browser.conftest import OpenPage, TakePicture

pytest_plugins = ["tests.world"]
pytestmark = [pytest.mark.engine, pytest.mark.browser, pytest.mark.slow]

MOST_BYTES = 150_000
IS_DRAWN = "image => image.complete && image.naturalWidth > 100 && image.src.startsWith('data:')"


@pytest.fixture(scope="module", autouse=True)
def bot(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with running_bot(world, tmp_path_factory.mktemp("browser")):
        yield


@pytest.fixture
def slack(world: World) -> SlackSandbox:
    """The world's, for `open_page`."""
    return world.slack


def test_a_vm_and_shiny_by_two_lines_then_gone_by_two_buttons(
    open_page: OpenPage, picture: TakePicture
) -> None:
    page = open_page(JANE, DATA_SCIENCE)
    page.locator("#composer-input").press_sequentially("/ds ")
    picture(page, "typing")
    page.locator("#composer-input").fill("")

    _type(page, "/ds vm jekyll-dev")
    expect(_card(page, "VM jekyll-dev · Boot the VM")).to_contain_text("so far")
    picture(page, "vm-under-way")
    vm = _card(page, "jekyll-dev is ready at", VM_S)
    expect(vm).to_contain_text("It costs $0.053 per hour.")
    picture(page, "vm-ready")

    _type(page, "/ds shiny")
    shiny = _card(page, "Shiny Server is ready", APP_S)
    picture(page, "shiny-ready")
    with page.expect_popup() as opened:
        shiny.get_by_role("link", name="Open").click()
    app = opened.value
    expect(app).to_have_title("Old Faithful")
    _see_the_plot_follow_its_slider(app, picture)
    app.close()

    _type(page, "/ds ps")
    listed = _card(page, "1 running container on 1 VM")
    expect(listed).to_contain_text("rocker/shiny")
    picture(page, "ps")
    page.set_viewport_size({"width": 375, "height": 800})
    expect(listed.get_by_role("button", name="Kill")).to_be_visible()
    picture(page, "narrow")
    page.set_viewport_size({"width": 1280, "height": 800})

    shiny.get_by_role("button", name="Kill").click()
    sure = page.get_by_role("alertdialog", name="Kill")
    expect(sure).to_contain_text("Kill this container?")
    picture(page, "kill-asks-first")
    sure.get_by_role("button", name="Kill").click()
    expect(_card(page, "Killed and removed: shiny-")).to_be_visible()

    vm.get_by_role("button", name="Cancel VM").click()
    sure = page.get_by_role("alertdialog", name="Cancel VM")
    expect(sure).to_contain_text("Cancel jekyll-dev? Everything on it is deleted.")
    sure.get_by_role("button", name="Cancel VM").click()
    _card(page, "jekyll-dev is cancelled. It cost", VM_S).scroll_into_view_if_needed()
    picture(page, "cancelled")


def test_the_same_in_korean_with_a_password_that_only_its_owner_sees(
    open_page: OpenPage, picture: TakePicture
) -> None:
    page = open_page(JIHOON, DATA_KO)
    _type(page, "/ds vm 분석")  # not a hostname
    expect(_card(page, "이렇게 입력하세요")).to_be_visible()

    _type(page, "/ds vm r-lab")
    vm = _card(page, "r-lab VM이 준비되었습니다.", VM_S)
    _type(page, "/ds rstudio")
    rstudio = _card(page, "RStudio 준비가 끝났습니다", APP_S)
    picture(page, "ko-rstudio-ready")

    rstudio.get_by_role("button", name="비밀번호 보기").click()
    modal = page.get_by_role("dialog", name="비밀번호")
    expect(modal).to_contain_text("본인에게만 보이며")
    user, password = modal.locator("pre").all_inner_texts()
    url = modal.get_by_role("link", name="열기").get_attribute("href")
    picture(page, "ko-password")
    modal.get_by_role("button", name="닫기").first.click()
    assert url is not None
    assert may_log_in(url, password)

    with page.expect_popup() as opened:
        rstudio.get_by_role("link", name="열기").click()
    login = opened.value
    login.get_by_label("Username").fill(user)
    login.get_by_label("Password").fill(password)
    login.get_by_role("button", name="Sign In").click()
    expect(login).not_to_have_url(f"{url}auth-sign-in")
    login.get_by_role("button", name="Run").click()
    expect(login.get_by_text("eruptions")).to_be_visible()
    picture(login, "rstudio")
    login.close()

    vm.get_by_role("button", name="VM 취소").click()
    page.get_by_role("alertdialog").get_by_role("button", name="VM 취소").click()
    _card(page, "r-lab VM을 취소했습니다.", VM_S).scroll_into_view_if_needed()
    picture(page, "ko-cancelled")


def _type(page: Page, line: str) -> None:
    page.locator("#composer-input").fill(line)
    page.locator("#composer-input").press("Enter")


def _card(page: Page, text: str, timeout_s: float = QUICK_S) -> Locator:
    """The newest message with this text, waited for."""
    found = page.get_by_role("article").filter(has_text=text).last
    expect(found).to_be_visible(timeout=timeout_s * 1000)
    return found


def _see_the_plot_follow_its_slider(app: Page, picture: TakePicture) -> None:
    """Shiny draws over its WebSocket only: a plot that changes proves that it works."""
    plot = app.locator("#histogram img")
    expect(plot).to_be_visible(timeout=QUICK_S * 1000)
    app.wait_for_function(f"({IS_DRAWN})(document.querySelector('#histogram img'))")
    expect(app.locator("#summary")).to_contain_text("272 eruptions")
    picture(app, "shiny")
    before = plot.get_attribute("src")
    assert before is not None
    line = app.locator(".irs-line").bounding_box()
    assert line is not None
    app.mouse.click(line["x"] + 0.9 * line["width"], line["y"] + line["height"] / 2)
    expect(plot).not_to_have_attribute("src", before, timeout=QUICK_S * 1000)
