"""The App Home: what somebody has, what it costs, and buttons. Slack allows it 100 blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.models import Text, Title
from bot.replies.answers import VmReport, cancel_row, containers_reply, export_row, extend_row
from bot.replies.blocks import DIVIDER, FORM, HOME_PAGE, Button, actions, context, section
from bot.replies.pages import IN_HOME, Turning
from bot.replies.texts import say


def home_view(
    reports: Sequence[VmReport],
    programs: Mapping[str, Title | str],
    now: datetime,
    language: str,
    command: str,
    page: int = 1,
) -> dict[str, Any]:
    """The view of one person. programs: command word and title of each program to start.

    page: of their containers.
    """
    hint = say(Text("All commands: `{command}`", command=f"{command} help"), language)
    seen = say(Text("As of {when}", when=now), language)
    if not reports:
        order = Button(Text("Order VM {name}", name="my-vm"), value="vm my-vm", style="primary")
        row = actions([order, new_workspace()], language)
        blocks = [section(say(Text("You have no VM yet."), language)), row]
    else:
        turning = Turning(str, page, HOME_PAGE)
        blocks = containers_reply(reports, now, language, turning, IN_HOME).blocks
        starts = [Button(Text("{app}", app=title), value=word) for word, title in programs.items()]
        rows = [
            *extend_row(reports, language),
            *export_row(reports, language),
            *cancel_row(reports, language),
        ]
        buttons = [new_workspace(), *starts[:5]]
        blocks = [*blocks, DIVIDER, actions(buttons, language), *rows]
    return {"type": "home", "blocks": [*blocks, context(f"{hint} · {seen}")]}


def new_workspace() -> Button:
    """Opens the form."""
    return Button(Text("New workspace"), FORM)
