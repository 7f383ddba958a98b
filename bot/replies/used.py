"""Buttons that were pressed: they give way to a line that says who did it, and when.

Made anew each time from all clicks on the message, whatever the blocks say about earlier ones. So
whoever draws a message last draws the same, and no used button comes back.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.models import Click, ClickStage, Person, Text
from bot.replies.blocks import Block, small
from bot.replies.texts import cut_value, say

_LINES = "used"
"""block_id of our lines, with a number."""


def repainted(blocks: Sequence[Block], clicks: Sequence[Click], language: str) -> list[Block]:
    """A message's blocks without the buttons that were used, and with a line for each."""
    if not clicks:
        return list(blocks)
    kept: list[Block] = []
    place: int | None = None
    for block in blocks:
        if str(block.get("block_id", "")).startswith(_LINES):
            place = len(kept) if place is None else place
            continue
        left = _without_used(_as_sent(block), clicks)
        if left is not None:
            kept.append(left)
        if left != block and place is None:
            place = len(kept)
    place = len(kept) if place is None else place
    return [*kept[:place], *_lines(clicks, language), *kept[place:]]


def _as_sent(block: Block) -> Block:
    """The block without what Slack adds to it: of a file it takes the id alone."""
    if "slack_file" not in block:
        return block
    return block | {"slack_file": {"id": block["slack_file"]["id"]}}


def _lines(clicks: Sequence[Click], language: str) -> list[Block]:
    """A line for each button; of two people who pressed one, the first."""
    first = {click.value: click for click in reversed(clicks)}
    lines = [_line(click, language) for click in clicks if first[click.value] is click]
    blocks = small(lines)
    return [each | {"block_id": f"{_LINES}:{i}"} for i, each in enumerate(blocks)]


def _line(click: Click, language: str) -> str:
    label = cut_value(click.label, 75)
    if click.at is None:
        return say(Text("*{button}* was pressed", button=label), language)
    return say(
        Text("{person} pressed *{button}*, {when}", person=Person(click.user_id), button=label,
             when=click.at),
        language,
    )  # fmt: skip


def _without_used(block: Block, clicks: Sequence[Click]) -> Block | None:
    """The block without used buttons; None when nothing of it is left."""
    for click in clicks:
        if _carried(block, click) and (click.stage is ClickStage.OVER or click.is_answer):
            return _without(block, {each["value"] for each in _buttons(block) if "value" in each},
                            with_links=True)  # fmt: skip
    return _without(block, {click.value for click in clicks})


def _carried(block: Block, click: Click) -> bool:
    """Whether the button was in this block, perhaps before it was taken away."""
    if click.block_id and block.get("block_id") == click.block_id:
        return True
    return any(each.get("value") == click.value for each in _buttons(block))


def _buttons(block: Block) -> list[Block]:
    found = [*block.get("elements", []), block.get("accessory", {})]
    return [each for each in found if each.get("type") == "button"]


def _without(block: Block, values: set[str], *, with_links: bool = False) -> Block | None:
    def goes(element: Block) -> bool:
        is_link = with_links and "url" in element
        return element.get("type") == "button" and (element.get("value") in values or is_link)

    if block.get("type") == "actions":
        left = [each for each in block["elements"] if not goes(each)]
        return block | {"elements": left} if left else None
    if goes(block.get("accessory", {})):
        return {name: value for name, value in block.items() if name != "accessory"}
    return block
