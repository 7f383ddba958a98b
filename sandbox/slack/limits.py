"""Slack's limits on messages and views, refused with Slack's codes and words.

Which number comes from where is said at each; undocumented ones name what was observed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

from sandbox.slack.block_kit import HOME, MESSAGE, MODAL, blocks_of
from sandbox.slack.errors import SlackError, with_messages
from sandbox.slack.records import Json
from sandbox.slack.schema import (
    Check,
    anything,
    choice,
    complain,
    flag,
    listed,
    plain,
    shape,
    string,
)

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
POST_TEXT = 40_000  # longer text is cut, docs.slack.dev/reference/methods/chat.postMessage
UPDATE_TEXT = 4_000  # longer text is refused, method data of chat.update
MARKDOWN_TEXT = 12_000  # of all markdown blocks together
TABLE_TEXT = 10_000  # of all table cells together
VIEW_BYTES = 250_000
METADATA_BYTES = 16_000
# Undocumented. One markdown block was refused at 13,298 characters, and 11,341 characters of text
# in many small blocks too (bolt-js#2509, #2867): that fits the size of the blocks as JSON.
BLOCKS_JSON = 13_200
_COUNTED_APART = frozenset({"table", "data_table", "data_visualization"})

_MESSAGE_BLOCKS = listed(blocks_of(MESSAGE), MESSAGE_BLOCKS, least=0)
_VIEW_FIELDS: dict[str, Check] = {
    "type": choice(MODAL, HOME),
    "callback_id": string(255, least=0),
    "private_metadata": string(3000, least=0),
    "external_id": string(255, least=0),
}
_MODAL = shape(
    _VIEW_FIELDS
    | {
        "title": plain(24),
        "submit": plain(24),
        "close": plain(24),
        "blocks": listed(blocks_of(MODAL), VIEW_BLOCKS),
        "clear_on_close": flag,
        "notify_on_close": flag,
        "submit_disabled": anything,
    },
    required=("type", "title", "blocks"),
)
_HOME = shape(
    _VIEW_FIELDS | {"blocks": listed(blocks_of(HOME), VIEW_BLOCKS)}, required=("type", "blocks")
)


def check_message_blocks(blocks: Any) -> None:
    """Refuse what Slack would not show in a message.

    Raises SlackError: invalid_blocks_format, invalid_blocks, msg_blocks_too_long.
    """
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    complaints: list[str] = []
    _MESSAGE_BLOCKS(blocks, "/blocks", complaints)
    _check_totals(blocks, complaints)
    _check_ids(blocks, "/blocks", complaints)
    if complaints:
        raise with_messages("invalid_blocks", complaints)
    counted = [block for block in blocks if block["type"] not in _COUNTED_APART]
    if counted and _json_length(counted) > BLOCKS_JSON:
        raise SlackError("msg_blocks_too_long")


def check_view(view: Any, surface: str) -> None:
    """Refuse a view that Slack would not show as a modal or Home.

    Raises SlackError: invalid_arguments, view_too_large.
    """
    if not isinstance(view, dict):
        raise with_messages("invalid_arguments", ["must be an object [json-pointer:/view]"])
    if len(json.dumps(view, ensure_ascii=False).encode()) > VIEW_BYTES:
        raise SlackError("view_too_large")
    complaints: list[str] = []
    (_MODAL if surface == MODAL else _HOME)(view, "/view", complaints)
    if view.get("type") != surface:
        complain(complaints, f"must be of type {surface}", "/view/type")
    if isinstance(view.get("blocks"), list):
        _check_ids(view["blocks"], "/view/blocks", complaints)
        _check_submit(view, complaints)
    if complaints:
        raise with_messages("invalid_arguments", complaints)


def check_update_text(text: str) -> None:
    """Raises SlackError msg_too_long when chat.update would refuse the text."""
    if len(text) > UPDATE_TEXT:
        raise SlackError("msg_too_long")


def check_metadata(metadata: Any) -> None:
    """Raises SlackError unless it is an event type with an object as payload, not too large."""
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_type"), str):
        raise SlackError("invalid_metadata_format")
    if not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    if _json_length(metadata) > METADATA_BYTES:
        raise SlackError("metadata_too_large")


def normalised(blocks: list[Json]) -> list[Json]:
    """The blocks as Slack keeps them: with ids and with the defaults of text objects filled in."""
    return [_with_ids(_with_defaults(block)) for block in blocks]


def elements_of(block: Json) -> Iterator[Json]:
    """The elements of a block that can be clicked or filled in, and its images."""
    for key in ("accessory", "element"):
        if isinstance(block.get(key), dict):
            yield block[key]
    if block.get("type") in ("actions", "context_actions"):
        yield from (entry for entry in block.get("elements", ()) if isinstance(entry, dict))


def _check_submit(view: Json, complaints: list[str]) -> None:
    has_input = any(isinstance(b, dict) and b.get("type") == "input" for b in view["blocks"])
    if view.get("type") == MODAL and has_input and not view.get("submit"):
        complain(complaints, "missing required field: submit", "/view")


def _check_totals(blocks: list[Any], complaints: list[str]) -> None:
    of_type: dict[str, list[Json]] = {"markdown": [], "table": []}
    for block in blocks:
        if isinstance(block, dict) and block.get("type") in of_type:
            of_type[block["type"]].append(block)
    if sum(len(str(block.get("text", ""))) for block in of_type["markdown"]) > MARKDOWN_TEXT:
        complain(complaints, f"must be less than {MARKDOWN_TEXT + 1} characters", "/blocks")
    if sum(_text_length(block) for block in of_type["table"]) > TABLE_TEXT:
        complain(complaints, f"must be less than {TABLE_TEXT + 1} characters", "/blocks")


def _check_ids(blocks: list[Any], pointer: str, complaints: list[str]) -> None:
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        if not isinstance(block, dict):
            continue
        block_id = block.get("block_id")
        if block_id in seen:
            complain(complaints, "`block_id` already exists", f"{pointer}/{index}/block_id")
        if isinstance(block_id, str):
            seen.add(block_id)
        _check_action_ids(block, f"{pointer}/{index}", complaints)


def _check_action_ids(block: Json, pointer: str, complaints: list[str]) -> None:
    ids = [e["action_id"] for e in elements_of(block) if isinstance(e.get("action_id"), str)]
    for action_id in sorted({action_id for action_id in ids if ids.count(action_id) > 1}):
        complain(
            complaints,
            f'`action_id` "{action_id}" already exists for another element in this block',
            pointer,
        )


def _text_length(value: Any) -> int:
    if isinstance(value, dict):
        own = len(value["text"]) if isinstance(value.get("text"), str) else 0
        return own + sum(_text_length(v) for v in value.values() if isinstance(v, dict | list))
    return sum(_text_length(entry) for entry in value) if isinstance(value, list) else 0


def _json_length(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _with_defaults(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_defaults(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    filled = {key: _with_defaults(v) for key, v in value.items() if v is not None}
    if isinstance(filled.get("text"), str):
        if filled.get("type") == "plain_text":
            filled.setdefault("emoji", True)
        elif filled.get("type") == "mrkdwn":
            filled.setdefault("verbatim", False)
    return filled


def _with_ids(block: Json) -> Json:
    block.setdefault("block_id", secrets.token_urlsafe(4)[:5])
    for element in elements_of(block):
        if element.get("type") != "image":
            element.setdefault("action_id", secrets.token_urlsafe(4)[:5])
    return block
