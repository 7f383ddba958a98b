"""What Slack takes, written down apart from the code and from the sandbox.

Numbers: docs.slack.dev/reference/block-kit (blocks, composition objects) and the validators of
slack_sdk 3.47; the total of a message's blocks is undocumented (bolt-js#2509, #2867).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from slack_sdk.models.blocks import Block as SdkBlock
from slack_sdk.models.views import View as SdkView

Json = dict[str, Any]

MOST_CHARS = 13_200  # of a message's blocks as JSON
# where a text is → the most characters it may have, and its kind
_TEXTS: dict[tuple[str, str], tuple[int, str]] = {
    ("section", "text"): (3000, "mrkdwn"),
    ("header", "text"): (150, "plain_text"),
    ("context", "elements"): (2000, "mrkdwn"),
    ("button", "text"): (75, "plain_text"),
    ("confirm", "title"): (100, "plain_text"),
    ("confirm", "text"): (300, "plain_text"),
    ("confirm", "confirm"): (30, "plain_text"),
    ("confirm", "deny"): (30, "plain_text"),
    ("modal", "title"): (24, "plain_text"),
    ("modal", "close"): (24, "plain_text"),
    ("modal", "submit"): (24, "plain_text"),
}
_STRINGS = {"action_id": 255, "block_id": 255, "value": 2000, "url": 3000}
_BLOCKS = {
    "section": {"type", "text", "accessory", "block_id"},
    "header": {"type", "text"},
    "divider": {"type"},
    "context": {"type", "elements", "block_id"},
    "actions": {"type", "elements", "block_id"},
    "rich_text": {"type", "elements"},
    "image": {"type", "slack_file", "alt_text"},
}


def check_message(text: str, blocks: list[Json]) -> None:
    """Fails when Slack would refuse the message or its update, or a reader would get nothing."""
    assert text.strip() and len(text) <= 4000
    assert 1 <= len(blocks) <= 50
    assert len(json.dumps(blocks, ensure_ascii=False)) <= MOST_CHARS
    check_blocks(blocks)


def check_modal(view: Json) -> None:
    """Fails when Slack would refuse the modal."""
    assert len(json.dumps(view).encode()) <= 250_000
    assert 1 <= len(view["blocks"]) <= 100
    for name in ("title", "close"):
        _check_text("modal", name, view[name])
    check_blocks(view["blocks"])
    SdkView(**view).to_dict()


def check_blocks(blocks: list[Json]) -> None:
    """Every limit of every block, twice: by the table above and by slack_sdk's own models."""
    for block in blocks:
        assert set(block) <= _BLOCKS[block["type"]], block
        assert 0 < len(block.get("block_id", "x")) <= 255
        if block["type"] in ("context", "actions"):
            _check_elements(block)
        if "text" in block:
            _check_text(block["type"], "text", block["text"])
        if block["type"] == "image":
            assert set(block["slack_file"]) == {"id"} and 0 < len(block["alt_text"]) <= 2000
        if "accessory" in block:
            _check_button(block["accessory"])
        parsed = SdkBlock.parse(block)
        assert parsed is not None
        parsed.validate_json()


def texts_of(value: Any) -> Iterator[Json]:
    """All text objects, wherever they are."""
    if isinstance(value, list):
        for each in value:
            yield from texts_of(each)
    elif isinstance(value, dict):
        if value.get("type") in ("mrkdwn", "plain_text"):
            yield value
        for each in value.values():
            yield from texts_of(each)


def _check_elements(block: Json) -> None:
    elements = block["elements"]
    assert 1 <= len(elements) <= (25 if block["type"] == "actions" else 10)
    if block["type"] == "context":
        for element in elements:
            _check_text("context", "elements", element)
        return
    ids = [element["action_id"] for element in elements]
    assert len(set(ids)) == len(ids)
    for element in elements:
        _check_button(element)


def _check_button(button: Json) -> None:
    assert button["type"] == "button" and button["action_id"]
    _check_text("button", "text", button["text"])
    for name, most in _STRINGS.items():
        assert 0 < len(button.get(name, "x")) <= most, (name, button)
    assert button.get("style") in (None, "primary", "danger")
    if "url" in button:
        assert button["url"].startswith("http") and not set(button["url"]) & set(" <>|`\n")
    for name, text in button.get("confirm", {}).items():
        if name != "style":
            _check_text("confirm", name, text)


def _check_text(where: str, name: str, text: Json) -> None:
    most, kind = _TEXTS[where, name]
    assert text["type"] == kind, (where, name, text)
    assert 0 < len(text["text"].strip()) and len(text["text"]) <= most, (where, name, text)
