"""Modals: what one person sees and nobody else. Titles have at most 24 characters (slack.md §2)."""

from __future__ import annotations

from typing import Any

from bot.models import Link, Text
from bot.replies.blocks import cut, section
from bot.replies.texts import plain, say

_MAX_TITLE = 24


def loading_modal(language: str) -> dict[str, Any]:
    """Opened at once, before anything slow is asked: a trigger is good for three seconds."""
    return _modal(Text("Password"), [section(say(Text("Asking the VM…"), language))], language)


def password_modal(
    title: str, url: str, login: str, password: str, language: str
) -> dict[str, Any]:
    """How to log in. It is in no message: nothing of it is left when the modal is closed."""
    blocks = [
        section(say(Text("*{app}* at {link}", app=title, link=Link(url)), language)),
        section(say(Text("User name: `{login}`", login=login), language)),
        section(say(Text("Password: `{password}`", password=password), language)),
    ]
    return _modal(Text("Password"), blocks, language)


def trouble_modal(why: Text, language: str) -> dict[str, Any]:
    """Why there is nothing to show."""
    return _modal(Text("Password"), [section(say(why, language))], language)


def _modal(title: Text, blocks: list[dict[str, Any]], language: str) -> dict[str, Any]:
    return {
        "type": "modal",
        "title": _words(title, language),
        "close": _words(Text("Close"), language),
        "blocks": blocks,
    }


def _words(text: Text, language: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": cut(plain(text, language), _MAX_TITLE)}
