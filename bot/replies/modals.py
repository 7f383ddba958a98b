"""Modals: what one person sees and nobody else. Titles have at most 24 characters (slack.md §2)."""

from __future__ import annotations

from typing import Any

from bot.models import Link, Text, Title
from bot.replies.blocks import OPEN, Block, Button, actions, context, cut, section
from bot.replies.texts import plain, say

_MAX_TITLE = 24


def loading_modal(language: str) -> dict[str, Any]:
    """Opened at once, before anything slow is asked: a trigger is good for three seconds."""
    waiting = say(Text("Asking the VM…"), language)
    return modal(Text("Password"), [section(f"⏳ {waiting}")], language)


def password_modal(
    title: Title | str, url: str, login: str, password: str, language: str
) -> dict[str, Any]:
    """How to log in. It is in no message: nothing of it is left when the modal is closed."""
    blocks = [
        section(say(Text("*{app}* at {link}", app=title, link=Link(url)), language)),
        _to_copy(Text("User name"), login, language),
        _to_copy(Text("Password"), password, language),
        context(say(Text("Only you see this. Nothing of it stays in Slack."), language)),
    ]
    if url:
        blocks.insert(1, actions([Button(Text("Open"), OPEN, url=url, style="primary")], language))
    return modal(Text("Password"), blocks, language)


def trouble_modal(why: Text, language: str, title: Text | None = None) -> dict[str, Any]:
    """Why there is nothing to show."""
    return modal(title or Text("Password"), [section(f"⚠️ {say(why, language)}")], language)


def _to_copy(label: Text, words: str, language: str) -> Block:
    """Exactly these characters, to be selected: no mark in them means anything here."""
    name = {"type": "text", "text": plain(label, language), "style": {"bold": True}}
    return {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_section", "elements": [name]},
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": words}]},
        ],
    }


def modal(title: Text, blocks: list[Block], language: str) -> dict[str, Any]:
    """A modal with nothing to submit."""
    return {
        "type": "modal",
        "title": _words(title, language),
        "close": _words(Text("Close"), language),
        "blocks": blocks,
    }


def _words(text: Text, language: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": cut(plain(text, language), _MAX_TITLE)}
