"""What `ds-bot shell` looks like: drawn by its own code, and looked at in a browser.

DS_PICTURES=1 keeps the pictures in docs/pictures.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text as Words

from bot.shell.terminal import Terminal
from tests.shell.desk import Desk

pytest_plugins = ["tests.shell.desk_fixture"]
pytestmark = pytest.mark.browser

PICTURES = Path(__file__).parents[2] / "docs/pictures"
WIDTH = 104

PAGE = """<meta charset="utf-8"><style>
body {{margin: 0}} a {{color: inherit}}
b {{display: inline-block; width: 2ch; font-weight: inherit}}
pre {{display: inline-block; margin: 0; padding: 16px; color: {foreground};
 background: {background}; font: 14px/1.4 "DejaVu Sans Mono", "Noto Sans CJK KR", monospace}}
</style><pre>{code}</pre>"""
WIDE = re.compile(r"[\u1100-\u11ff\u2705\u3000-\ud7ff\uff00-\uffef]")
"""As in terminals, these are as wide as two others."""


class Camera:
    """A terminal whose screen is kept, with what was typed."""

    def __init__(self, desk: Desk, language: str) -> None:
        self.console = Console(
            file=io.StringIO(), width=WIDTH, record=True, force_terminal=True, legacy_windows=False,
            color_system="truecolor", highlight=False, markup=False, emoji=False,
        )  # fmt: skip
        self.screen = Terminal(self.console, self.console, language)
        self.session = desk.session(language=language)

    def type(self, line: str) -> None:
        """Type a command at the prompt and see its result."""
        self.console.print(Words.assemble(("ds> ", "bold"), line))
        self.screen.show(self.session.do(line))
        self.console.print()

    def picture(self, browser: Browser, path: Path | None) -> None:
        """Look at the screen in a browser; keep the picture if a path is given."""
        html = self.console.export_html(theme=DIMMED_MONOKAI, inline_styles=True, code_format=PAGE)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_content(WIDE.sub(lambda wide: f"<b>{wide[0]}</b>", html))
        picture = page.locator("pre").screenshot(type="png")
        assert len(picture) > 10_000
        if path is not None:
            path.write_bytes(picture)
        page.close()


@pytest.mark.parametrize(("language", "name"), [("en", "shell.png"), ("ko", "ko-shell.png")])
def test_a_vm_and_rstudio_in_a_terminal(
    desk: Desk, browser: Browser, language: str, name: str
) -> None:
    camera = Camera(desk, language)
    camera.type("vm jekyll-dev")
    camera.type("rstudio")
    camera.type("ps")
    camera.type("vm list")

    shown = camera.console.export_text(clear=False, styles=False)
    assert "http://" in shown and "jekyll-dev" in shown
    assert max(cell_len(line) for line in shown.splitlines()) <= WIDTH
    camera.picture(browser, PICTURES / name if os.environ.get("DS_PICTURES") else None)
