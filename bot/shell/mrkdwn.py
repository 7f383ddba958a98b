"""Slack's mrkdwn as a terminal shows it.

What comes in was made harmless for Slack, not for a terminal: whatever is left of control
characters goes out here, so that no name and no output can move the cursor or paint over a line.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

from rich.style import Style
from rich.text import Text as Words

_FENCE = re.compile(r"```\n?(.*?)\n?```", re.DOTALL)
_MARK = re.compile(
    r"<(?P<link>[^<>]+)>|`(?P<code>[^`\n]+)`|(?<![\w*])\*(?P<bold>[^*\n]+)\*(?![\w*])"
)
_DATE = re.compile(r"!date\^(\d{1,12})\^[^|]*\|(.*)")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))

BOLD, CODE, LINK, PERSON, QUIET = "bold", "cyan", "underline", "magenta", "dim"


def shown(mrkdwn: str, *, style: str = "", has_links: bool = False) -> Words:
    """One text of a block. has_links: the terminal opens addresses that are clicked on."""
    text = Words(style=style)
    at = 0
    for fence in _FENCE.finditer(mrkdwn):
        _add_marked(text, mrkdwn[at : fence.start()], has_links)
        if text.plain and not text.plain.endswith("\n"):
            text.append("\n")
        text.append(_indented(readable(fence[1])), CODE)
        at = fence.end()
    _add_marked(text, mrkdwn[at:], has_links)
    text.rstrip()
    return text


def plain(mrkdwn: str) -> str:
    """The same without any colour."""
    return shown(mrkdwn).plain


def readable(words: str) -> str:
    """Entities are characters again; only what can be seen is left, and line ends."""
    for entity, char in _ENTITIES:
        words = words.replace(entity, char)
    return "".join(char for char in words if char == "\n" or unicodedata.category(char)[0] != "C")


def links(mrkdwn: str) -> list[str]:
    """The addresses in a text."""
    found = (match["link"].partition("|")[0] for match in _MARK.finditer(mrkdwn) if match["link"])
    return [readable(url) for url in found if url.startswith(("http://", "https://"))]


def _add_marked(text: Words, mrkdwn: str, has_links: bool) -> None:
    at = 0
    for mark in _MARK.finditer(mrkdwn):
        text.append(readable(mrkdwn[at : mark.start()]))
        if mark["link"]:
            _add_reference(text, mark["link"], has_links)
        elif mark["code"]:
            text.append(readable(mark["code"]), CODE)
        else:
            inner = Words(style=BOLD)
            _add_marked(inner, mark["bold"], has_links)
            text.append_text(inner)
        at = mark.end()
    text.append(readable(mrkdwn[at:]))


def _add_reference(text: Words, link: str, has_links: bool) -> None:
    """`<@U1>`, `<#C1>`, `<https://…|label>`, `<!date^…|fallback>`."""
    date = _DATE.fullmatch(link)
    if date:
        text.append(_moment(int(date[1]), date[2]))
    elif link[0] in "@#":
        name = link.partition("|")[2] or link[1:]
        text.append(readable(f"{link[0]}{name}"), PERSON)
    elif link.startswith(("http://", "https://", "mailto:")):
        url, _, label = link.partition("|")
        url, label = readable(url), readable(label)
        shown_as = url if label in ("", url) else f"{label} ({url})"
        text.append(shown_as, Style(underline=True, link=url if has_links else None))
    else:
        text.append(readable(f"<{link}>"))


def _moment(seconds: int, fallback: str) -> str:
    """In the terminal's own time zone."""
    try:
        return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return readable(fallback)


def _indented(lines: str) -> str:
    return "".join(f"  {line}\n" for line in lines.splitlines())
