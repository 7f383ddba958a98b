"""Blocks and views in a word."""

from __future__ import annotations

from typing import Any


def section(text: str = "hello", **fields: object) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **fields}


def button(action_id: str = "go", label: str = "Go", **fields: object) -> dict[str, object]:
    text = {"type": "plain_text", "text": label}
    return {"type": "button", "action_id": action_id, "text": text, **fields}


def modal(*blocks: Any, **fields: object) -> dict[str, object]:
    title = {"type": "plain_text", "text": "A form"}
    return {"type": "modal", "title": title, "blocks": list(blocks) or [section()], **fields}


def text_input(block_id: str = "name", **fields: object) -> dict[str, object]:
    return {
        "type": "input",
        "block_id": block_id,
        "label": {"type": "plain_text", "text": "Name"},
        "element": {"type": "plain_text_input", "action_id": "typed"},
        **fields,
    }


SUBMIT = {"type": "plain_text", "text": "Save"}
