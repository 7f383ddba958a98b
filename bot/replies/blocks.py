"""Block Kit, within Slack's limits (docs.slack.dev/reference/block-kit; slack.md §2)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.models import Choice, Text
from bot.replies.texts import plain, quoted, say

Block = dict[str, Any]

MAX_SECTION = 2900  # characters; Slack's limit is 3,000, 10 % stay free for how it counts
MAX_CONTEXT = 1900  # of small print; Slack refuses more than 2,000 there
MAX_TEXT = 3500  # of a message; chat.update refuses more than 4,000
MAX_BUTTON = 75
MAX_BUTTON_VALUE = 2000
MAX_ACTIONS = 25
MAX_BLOCK_ID = 255
MAX_ALT = 1900  # of a picture; Slack's limit is 2,000
MAX_BLOCKS = 50
MAX_MESSAGE = 11_500
"""Characters of all blocks as JSON. Slack refuses about 13,200 (bolt-js#2509, #2867)."""

RUN = "run"
"""action_id of buttons whose value is a command, done as if typed."""

CHOOSE = "choose"
"""action_id of buttons like that which answer a question: used once, all of them are used up."""

PAGE = "page"
"""action_id of buttons whose value is the command of another page, shown in the same message."""

HOME_PAGE = "homepage"
"""action_id of buttons like that on the App Home; the value is the number of the page."""

FORM = "form"
"""action_id of buttons that open the form "New workspace"."""

PASSWORD = "password"
"""action_id of buttons that show a container's password to its owner."""

OPEN = "open"
"""action_id of buttons that only open an address; Slack reports the click all the same."""

DIVIDER: Block = {"type": "divider"}

_CUT_LINK = re.compile(r"<[^<>]*\Z")  # <@U…>, <https://…|…>
_CUT_ENTITY = re.compile(r"&[a-z]{0,4}\Z")  # &amp; &lt; &gt;
_FENCE = "```"


@dataclass(frozen=True, slots=True)
class Button:
    """A button. `confirm`: the question asked before a click counts.

    One whose value is longer than Slack takes (a command of very many words) is not shown.
    """

    label: Text
    action: str = RUN
    value: str = ""
    url: str | None = None
    style: str | None = None  # "primary" or "danger"
    confirm: Text | None = None

    @property
    def fits(self) -> bool:
        """Whether Slack takes it."""
        return len(self.value) <= MAX_BUTTON_VALUE


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was uploaded. alt: what it shows, for those who do not see it."""

    file_id: str
    alt: Text


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture that is not in Slack yet. words: what it shows, as mrkdwn."""

    name: str
    content: bytes = field(repr=False)
    words: str

    @property
    def alt_text(self) -> str:
        """What it shows, for those who do not see it."""
        return cut(plain(self.words, "en"), MAX_ALT)


@dataclass(frozen=True, slots=True)
class File:
    """What is too long for a message."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """A message: its text is what screen readers and notifications say."""

    text: str
    blocks: list[Block]
    file: File | None = None
    drawing: Drawing | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", cut_mrkdwn(self.text, MAX_TEXT))

    def illustrated(self, file_id: str) -> Reply:
        """With its drawing, which was uploaded, below the first block."""
        assert self.drawing is not None
        shown = uploaded_image(file_id, self.drawing.alt_text)
        return Reply(self.text, [*self.blocks[:1], shown, *self.blocks[1:]])

    def in_words(self) -> Reply:
        """With what its drawing shows in words: Slack has not taken the picture."""
        assert self.drawing is not None
        return Reply(self.text, [*self.blocks[:1], section(self.drawing.words)])


def choice_button(choice: Choice) -> Button:
    """One of several buttons that answer a question."""
    style = "danger" if choice.confirm else None
    return Button(choice.label, CHOOSE, choice.command, style=style, confirm=choice.confirm)


def password_button(vm_id: str, container_id: str) -> Button:
    """Shows a container's password; which one is input like any other when it comes back."""
    value = json.dumps({"vm": vm_id, "container": container_id})
    return Button(Text("Show password"), PASSWORD, value)


def mrkdwn(text: str, most: int = MAX_SECTION) -> Block:
    """A text object, cut where Slack would refuse it.

    verbatim: Slack makes no links and mentions of bare addresses, `#names` and `@names` in it.
    """
    return {"type": "mrkdwn", "text": cut_mrkdwn(text, most), "verbatim": True}


def section(text: str, accessory: Block | None = None) -> Block:
    """A paragraph of mrkdwn, with a button beside it."""
    block: Block = {"type": "section", "text": mrkdwn(text)}
    return block | {"accessory": accessory} if accessory else block


def context(text: str) -> Block:
    """A line in small print."""
    return {"type": "context", "elements": [mrkdwn(text, MAX_CONTEXT)]}


def header(text: str) -> Block:
    """A heading of plain text."""
    return {"type": "header", "text": {"type": "plain_text", "text": cut(text, 150)}}


def image(picture: Picture, language: str) -> Block:
    """An uploaded picture."""
    return uploaded_image(picture.file_id, plain(picture.alt, language))


def uploaded_image(file_id: str, alt_text: str) -> Block:
    """A picture by the id of its file, with what it shows in words."""
    return {"type": "image", "slack_file": {"id": file_id}, "alt_text": cut(alt_text, MAX_ALT)}


def actions(buttons: Sequence[Button], language: str) -> Block:
    """A row of buttons, the first 25 that fit; where none does, a line that says so."""
    made = [button(each, language, i) for i, each in enumerate(buttons[:MAX_ACTIONS])]
    elements = [each for each in made if each is not None]
    if not elements:
        return context(say(Text("What could be done next is too long for a button."), language))
    return {"type": "actions", "elements": elements}


def button(looks: Button, language: str, number: int = 0) -> Block | None:
    """One button, None where Slack would refuse it.

    Action ids must differ within a block, so each carries its number.
    """
    if not looks.fits:
        return None
    label = cut(plain(looks.label, language), MAX_BUTTON)
    block: Block = {
        "type": "button",
        "action_id": f"{looks.action}:{number}",
        "text": {"type": "plain_text", "text": label, "emoji": True},
    }
    if looks.value:
        block["value"] = looks.value
    if looks.url:
        block["url"] = quoted(looks.url)
    if looks.style:
        block["style"] = looks.style
    if looks.confirm:
        block["confirm"] = _confirm(looks.confirm, label, language, looks.style)
    return block


def cut(text: str, most: int) -> str:
    """The text, its end left out when it is longer than `most` characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def cut_mrkdwn(text: str, most: int) -> str:
    """The text like `cut`, but no mention, link or entity is cut apart, and code is closed."""
    if len(text) <= most:
        return text
    kept = text[: most - 1 - len(_FENCE)]
    kept = _CUT_ENTITY.sub("", _CUT_LINK.sub("", kept)).rstrip()
    if kept.count(_FENCE) % 2:
        return f"{kept}…{_FENCE}"
    return f"{kept}…`" if kept.replace(_FENCE, "").count("`") % 2 else f"{kept}…"


def joined(lines: Iterable[str]) -> list[Block]:
    """Lines as few sections, each within Slack's limit."""
    return [section(text) for text in _texts(lines, MAX_SECTION)]


def small(lines: Iterable[str]) -> list[Block]:
    """Lines in small print, as few blocks."""
    return [context(text) for text in _texts(lines, MAX_CONTEXT)]


def _texts(lines: Iterable[str], most: int) -> Iterator[str]:
    text = ""
    for line in lines:
        if text and len(text) + len(line) + 1 > most:
            yield text
            text = ""
        text = f"{text}\n{line}" if text else line
    if text:
        yield text


def _confirm(question: Text, yes: str, language: str, style: str | None) -> Block:
    confirm: Block = {
        "title": {"type": "plain_text", "text": cut(yes, 100)},
        "text": {"type": "plain_text", "text": cut(plain(question, language), 300)},
        "confirm": {"type": "plain_text", "text": cut(yes, 30)},
        "deny": {"type": "plain_text", "text": cut(say(Text("Not now"), language), 30)},
    }
    return confirm | {"style": style} if style else confirm
