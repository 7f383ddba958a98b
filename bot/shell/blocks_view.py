"""Block Kit as a terminal shows it: paragraphs, small print, and what to type for each button."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text as Words

from bot.replies.blocks import CHOOSE, OPEN, PAGE, PASSWORD, RUN, Block
from bot.shell import mrkdwn

_COMMANDS = (RUN, CHOOSE, PAGE)


@dataclass(frozen=True, slots=True)
class Next:
    """What a button stands for: a command to type, without the `/ds`, or an address to open."""

    label: str
    command: str | None = None
    url: str | None = None


def paragraphs(blocks: Sequence[Block], *, has_links: bool = False) -> list[Words]:
    """The blocks without their buttons, the lines of one block in one text."""
    shown = (_paragraph(block, has_links) for block in blocks)
    return [text for text in shown if text.plain.strip()]


def nexts(blocks: Sequence[Block]) -> list[Next]:
    """What can be done next, in the order of the buttons, each once."""
    found = (_next(element) for element in _buttons(blocks))
    return list(dict.fromkeys(each for each in found if each is not None))


def addresses(blocks: Sequence[Block]) -> list[str]:
    """The addresses that the texts lead to, each once."""
    texts = (text for block in blocks for text in _mrkdwns(block))
    return list(dict.fromkeys(url for text in texts for url in mrkdwn.links(text)))


def spoken(blocks: Sequence[Block]) -> str:
    """All that the blocks say, for programs."""
    return "\n".join(text.plain for text in paragraphs(blocks))


def _paragraph(block: Block, has_links: bool) -> Words:
    match block.get("type"):
        case "section" | "context":
            style = mrkdwn.QUIET if block["type"] == "context" else ""
            texts = [_text(each, style, has_links) for each in _texts(block)]
            return Words(" " if block["type"] == "context" else "\n").join(texts)
        case "header":
            return Words(mrkdwn.readable(block["text"]["text"]), mrkdwn.BOLD)
        case "markdown":
            return Words(mrkdwn.readable(block.get("text", "")))
        case "image":
            title = (block.get("title") or {}).get("text", "")
            return Words(mrkdwn.readable(title or block.get("alt_text", "")), mrkdwn.QUIET)
        case "rich_text":
            return Words(mrkdwn.readable("".join(_rich(block))).strip())
        case "table":
            return Words("\n").join(_row(row) for row in block.get("rows", []))
        case _:
            return Words()


def _text(element: dict[str, Any], style: str, has_links: bool) -> Words:
    if element.get("type") == "mrkdwn":
        return mrkdwn.shown(element["text"], style=style, has_links=has_links)
    words = element.get("text", "") or element.get("alt_text", "")
    return Words(mrkdwn.readable(words), style)


def _texts(block: Block) -> Iterator[dict[str, Any]]:
    """The text objects of a section or a context."""
    if "text" in block:
        yield block["text"]
    yield from block.get("fields", [])
    if block.get("type") == "context":
        yield from block.get("elements", [])


def _mrkdwns(block: Block) -> Iterator[str]:
    if block.get("type") in ("section", "context"):
        yield from (each["text"] for each in _texts(block) if each.get("type") == "mrkdwn")


def _rich(element: dict[str, Any]) -> Iterator[str]:
    """The words of a rich text, however deep they stand; a line per part of it."""
    for key in ("text", "name", "url", "user_id"):
        if isinstance(element.get(key), str):
            yield element[key]
            break
    for inner in element.get("elements", []):
        yield from _rich(inner)
    if str(element.get("type", "")).startswith("rich_text_"):
        yield "\n"


def _row(row: Iterable[dict[str, Any]]) -> Words:
    cells = ("".join(_rich(cell)).strip() for cell in row)
    return Words("  ".join(mrkdwn.readable(cell) for cell in cells))


def _buttons(blocks: Sequence[Block]) -> Iterator[dict[str, Any]]:
    for block in blocks:
        elements = block.get("elements", []) if block.get("type") == "actions" else []
        for element in [*elements, block.get("accessory") or {}]:
            if element.get("type") == "button":
                yield element


def _next(button: dict[str, Any]) -> Next | None:
    label = mrkdwn.readable(button["text"]["text"])
    action = str(button.get("action_id", "")).partition(":")[0]
    value = mrkdwn.readable(str(button.get("value", "")))
    if action == OPEN and button.get("url"):
        return Next(label, url=mrkdwn.readable(button["url"]))
    if action in _COMMANDS and value:
        return Next(label, command=value)
    if action == PASSWORD:
        container = _container_of(value)
        return Next(label, command=f"password {container}") if container else None
    return None


def _container_of(value: str) -> str:
    try:
        return str(json.loads(value)["container"])[:12]
    except (ValueError, KeyError, TypeError):
        return ""
