"""Lists that are too long for one message: pages within Slack's limits, and buttons that turn them.

Nothing of a list is kept anywhere: each button carries the command of its page, so that a page that
is turned to shows how things are then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.models import Text
from bot.replies.blocks import (
    MAX_BLOCK_ID,
    MAX_BLOCKS,
    MAX_MESSAGE,
    MAX_SECTION,
    PAGE,
    Block,
    Button,
    Reply,
    actions,
    context,
    joined,
    section,
)
from bot.replies.texts import say, spoken

Row = Sequence[Block] | str
"""What is never torn apart: some blocks, or a line of mrkdwn that shares a section with others."""

WITH_BUTTONS = 20
"""Pages through which people still turn for the buttons; longer lists are shown by the line."""

ANY = 1_000_000
_SECTION_SIGNS = 120  # of JSON around the text of a section
_ID = 80  # characters of JSON for a usual id
_NUMBERS = 999  # stands for any page while room is kept for the buttons


@dataclass(frozen=True, slots=True)
class Part:
    """Rows under a heading, which is repeated on each page that has some of them."""

    head: Sequence[Row]
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to show a list, good for at most so many pages."""

    parts: Sequence[Part]
    most: int = ANY


@dataclass(frozen=True, slots=True)
class Turning:
    """Which page is wanted, from 1; one behind the last is the last. value: of a page's button."""

    value: Callable[[int], str]
    page: int = 1
    action: str = PAGE


@dataclass(frozen=True, slots=True)
class Room:
    """How much of a list fits: blocks, and characters of them as JSON."""

    blocks: int
    chars: int

    def without(self, blocks: Sequence[Block]) -> Room:
        return Room(self.blocks - len(blocks), self.chars - sum(_size(each) for each in blocks))


IN_MESSAGE = Room(MAX_BLOCKS - 1, MAX_MESSAGE)
"""One block stays free for who pressed which button."""

IN_HOME = Room(85, 100_000)
"""Slack takes 100 blocks and 250 kB; the rest is for what stands below the list."""


def list_reply(
    summary: str,
    layouts: Iterable[Layout],
    turning: Turning,
    language: str,
    last: Sequence[Block] = (),
    room: Room = IN_MESSAGE,
) -> Reply:
    """The page of a list that is wanted, in the first layout that is good for its length.

    summary: one line about the whole list. last: stands at the end of each page.
    """
    title = section(f"*{summary}*")
    left = room.without([title, *last])
    room_of_pages = left.without(_turn(turning, _NUMBERS, _NUMBERS + 1, language))
    pages: list[list[Row]] = []
    for layout in layouts:
        pages = _pages(layout.parts, left)
        if len(pages) > 1:
            pages = _pages(layout.parts, room_of_pages)
        if len(pages) <= layout.most:
            break
    page = min(max(turning.page, 1), len(pages))
    shown = [title, *_blocks(pages[page - 1]), *last]
    heard = summary
    if len(pages) > 1:
        heard = f"{summary}. {_where(page, len(pages), language)}"
        shown += _turn(turning, page, len(pages), language)
    return Reply(spoken(heard), _marked(shown, turning.value(page)))


def command_of(block_id: str) -> str:
    """The command of the list that a block with buttons is of; empty when it is of none.

    Of a message that one person sees, Slack tells no more about a click than this.
    """
    found = re.fullmatch(r"list:[0-9]+:(.+)", block_id)
    return found[1] if found else ""


def _marked(blocks: Sequence[Block], command: str) -> list[Block]:
    """The blocks, those with buttons under an id that says which list they are of."""
    return [
        each | {"block_id": block_id}
        if ("accessory" in each or each["type"] == "actions")
        and len(block_id := f"list:{i}:{command}") <= MAX_BLOCK_ID
        else each
        for i, each in enumerate(blocks)
    ]


def _where(page: int, count: int, language: str) -> str:
    return say(Text("Page {page} of {count}", page=page, count=count), language)


def _turn(turning: Turning, page: int, count: int, language: str) -> list[Block]:
    """The buttons to the pages beside this one, and where this one is."""
    buttons = []
    if page > 1:
        buttons.append(Button(Text("Previous page"), turning.action, turning.value(page - 1)))
    if page < count:
        buttons.append(Button(Text("Next page"), turning.action, turning.value(page + 1)))
    return [actions(buttons, language), context(_where(page, count, language))]


def _blocks(rows: Sequence[Row]) -> list[Block]:
    """A page's rows; lines that follow each other share sections."""
    blocks: list[Block] = []
    lines: list[str] = []
    for row in rows:
        if isinstance(row, str):
            lines.append(row)
            continue
        blocks += [*joined(lines), *row]
        lines = []
    return [*blocks, *joined(lines)]


# --- cutting -------------------------------------------------------------------------------------


def _pages(parts: Sequence[Part], room: Room) -> list[list[Row]]:
    """The rows of each page; at least one page."""
    pages = [_Page(room)]
    for part in parts:
        for rows in _together(part):
            if pages[-1].takes(rows):
                pages[-1].add(rows)
                continue
            pages.append(_Page(room))
            is_head = rows[: len(part.head)] == list(part.head)
            pages[-1].add(rows if is_head else [*part.head, *rows])
    return [page.rows for page in pages if page.rows] or [[]]


def _together(part: Part) -> Iterator[list[Row]]:
    """What must be on one page: the heading with its first row, then each row."""
    yield [*part.head, *part.rows[:1]]
    yield from ([row] for row in part.rows[1:])


class _Page:
    """The rows of one page, and how much room they take: rather too much than too little."""

    def __init__(self, room: Room) -> None:
        self.rows: list[Row] = []
        self._room = room
        self._blocks = self._chars = 0
        self._line = MAX_SECTION  # characters in the section that further lines would share

    def takes(self, rows: Sequence[Row]) -> bool:
        """Whether they fit; onto an empty page anything does."""
        blocks, chars, _ = self._with(rows)
        return not self.rows or (blocks <= self._room.blocks and chars <= self._room.chars)

    def add(self, rows: Sequence[Row]) -> None:
        self._blocks, self._chars, self._line = self._with(rows)
        self.rows += rows

    def _with(self, rows: Sequence[Row]) -> tuple[int, int, int]:
        blocks, chars, line = self._blocks, self._chars, self._line
        for row in rows:
            if not isinstance(row, str):
                blocks, line = blocks + len(row), MAX_SECTION
                chars += sum(_size(each) for each in row)
                continue
            if line + len(row) + 1 > MAX_SECTION:
                blocks, chars, line = blocks + 1, chars + _SECTION_SIGNS, 0
            line += len(row) + 1
            chars += len(json.dumps(row, ensure_ascii=False))
        return blocks, chars, line


def _size(block: Block) -> int:
    """Of a block as JSON, with the id that it may be given."""
    return len(json.dumps(block, ensure_ascii=False)) + 2 + _ID
