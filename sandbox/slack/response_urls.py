"""response_url: five answers in thirty minutes to what one person did, no membership needed."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.slack.errors import SlackError
from sandbox.slack.limits import check_message_blocks
from sandbox.slack.records import Channel, Json, Message, User
from sandbox.slack.workspace import Draft, Workspace

USES = 5
LIFETIME_S = 30 * 60.0


@dataclass(slots=True)
class ResponseUrl:
    """One issued URL; `original` is the message it may replace or delete."""

    user: User
    channel: Channel
    issued_at: float
    original: Message | None = None
    uses: int = 0


def draft_of(body: Json) -> Draft:
    """What a response says. Raises SlackError: no_text, invalid_blocks …"""
    blocks = body.get("blocks") or []
    check_message_blocks(blocks)
    text = str(body.get("text") or "")
    if not (text or blocks or body.get("attachments")):
        raise SlackError("no_text")
    return Draft(
        text=text,
        blocks=blocks,
        attachments=body.get("attachments") or [],
        metadata=body.get("metadata"),
        thread_ts=body.get("thread_ts"),
    )


class ResponseUrls:
    """Issues response URLs and carries out what is posted to them."""

    def __init__(self, workspace: Workspace, time: Callable[[], float]) -> None:
        self._workspace = workspace
        self._time = time
        self._issued: dict[str, ResponseUrl] = {}

    def issue(self, user: User, channel: Channel, original: Message | None = None) -> str:
        """The path of a fresh URL."""
        kind = "commands" if original is None else "actions"
        number, secret = secrets.randbelow(10**12), secrets.token_hex(12)
        key = f"{kind}/{self._workspace.team.id}/{number}/{secret}"
        self._issued[key] = ResponseUrl(user, channel, self._time(), original)
        return f"/{key}"

    def answer(self, path: str, body: Any) -> None:
        """Carry out one POST to a response URL.

        Raises SlackError: used_url, expired_url, invalid_payload, no_text, invalid_blocks …;
        a POST that is refused does not use the URL up.
        """
        issued = self._usable(path)
        if not isinstance(body, dict):
            raise SlackError("invalid_payload")
        self.show(issued, body)
        issued.uses += 1

    def show(self, issued: ResponseUrl, body: Json) -> Message | None:
        """Show a response: replace or delete the original, or say something new."""
        if body.get("delete_original"):
            if issued.original is not None:
                self._workspace.remove(issued.original)
                issued.original = None
            return None
        draft = draft_of(body)
        if body.get("replace_original") and issued.original is not None:
            fields = {
                "text": draft.text,
                "blocks": draft.blocks,
                "attachments": draft.attachments,
            }
            return self._workspace.edit(issued.original, **fields)
        is_public = body.get("response_type") == "in_channel"
        draft.visible_to = None if is_public else issued.user.id
        message = self._workspace.post(issued.channel, self._workspace.bot, draft)
        issued.original = issued.original or message
        return message

    def by_path(self, path: str) -> ResponseUrl:
        """What was issued for a path. Raises SlackError used_url when nothing was."""
        issued = self._issued.get(path.lstrip("/"))
        if issued is None:
            raise SlackError("used_url")
        return issued

    def _usable(self, path: str) -> ResponseUrl:
        issued = self.by_path(path)
        if self._time() - issued.issued_at > LIFETIME_S:
            raise SlackError("expired_url")
        if issued.uses >= USES:
            raise SlackError("used_url")
        return issued
