"""Chromium on the page of a sandbox, with a small app behind it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright
from slack_bolt.adapter.socket_mode import SocketModeHandler

from sandbox.slack import Rules, SlackSandbox
from tests.browser.scripted_app import GENERAL, ScriptedApp, serve
from tests.sandbox_slack.conftest import close_quickly

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
NAMES = ("chromium", "chromium-browser", "google-chrome")

expect.set_options(timeout=20_000)  # ms; a machine that runs other suites too is slow

OpenPage = Callable[..., Page]
TakePicture = Callable[[Page | Locator, str], None]

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"


# Not for the whole session: Playwright keeps an event loop running in this thread, beside which
# tests elsewhere could not use asyncio.run.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def slack() -> Iterator[SlackSandbox]:
    with SlackSandbox(rules=Rules(pacing=False, ack_timeout_s=1.0)) as sandbox:
        yield sandbox


@pytest.fixture
def app(slack: SlackSandbox) -> Iterator[ScriptedApp]:
    """The scripted app, connected."""
    bolt, client = serve(slack)
    scripted = ScriptedApp(bolt, client)
    handler = SocketModeHandler(bolt, slack.app_token, ping_interval=0.2)
    handler.connect()  # type: ignore[no-untyped-call]
    slack.wait_for(lambda: slack.connections > 0)
    yield scripted
    scripted.may_answer.set()
    close_quickly(handler, slack)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1280, "height": 800})
    yield opened
    opened.close()


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> TakePicture:
    """Keeps what a page or a part of it shows in docs/pictures, if DS_PICTURES asks for it.

    MOST_BYTES of the test's module: what it may have at the most.
    """
    most_bytes: int | None = getattr(request.module, "MOST_BYTES", None)

    def take(shown: Page | Locator, name: str) -> None:
        if os.environ.get("DS_PICTURES"):
            path = PICTURES / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            page = shown if isinstance(shown, Page) else shown.page
            page.mouse.move(0, 0)
            shown.screenshot(path=path, animations="disabled", caret="hide")
            assert most_bytes is None or path.stat().st_size < most_bytes, path

    return take


@pytest.fixture
def open_page(context: BrowserContext, slack: SlackSandbox) -> Iterator[OpenPage]:
    """Opens the page as somebody. At the end no page may have thrown an error."""
    errors: list[str] = []

    def open_as(user: str = "U0JANE", channel: str = GENERAL) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if "Security Policy" in m.text else None)
        page.goto(slack.page_url(user, channel))
        expect(page.locator("body[data-ready]")).to_be_attached()
        return page

    yield open_as
    assert errors == []


@pytest.fixture
def page(open_page: OpenPage, app: ScriptedApp) -> Page:
    """The page as Jane in #general, with the app connected."""
    return open_page()
