"""Slack as the bot's chat: posts once, edits at Slack's pace, never guesses who somebody is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.adapters.slack_api import Answer, Patience, SlackAccess, SlackApi
from bot.adapters.slack_errors import understanding
from bot.adapters.slack_files import Files
from bot.adapters.slack_members import Members, member_of
from bot.adapters.slack_outbox import Pace
from bot.adapters.slack_pacer import Pacer, PostTurns
from bot.adapters.slack_text import trimmed
from bot.models import Member, MessageRef
from bot.ports import Blocks, Clock

EVENT_TYPE = "ds_bot_message"
"""Marks our messages' metadata, which anybody in the workspace can read: the key is no secret."""

_PAGE = 200  # messages; Slack recommends no more than 200 a page
_AS_WRITTEN = {"link_names": False, "parse": "none"}  # no names or addresses made into links
_NO_PREVIEWS = {"unfurl_links": False, "unfurl_media": False}  # a preview opens a one-time link


@dataclass(frozen=True, slots=True)
class SlackIdentity:
    """Who the bot is in Slack."""

    team_id: str
    bot_id: str
    user_id: str


class SlackChat:
    """Implements `bot.ports.Chat` over the Web API, for many threads at once.

    access: token, address and time limits. pace: of edits. patience: with a busy Slack.
    """

    def __init__(
        self,
        access: SlackAccess,
        clock: Clock,
        *,
        pace: Pace | None = None,
        patience: Patience | None = None,
        member_fresh_for: timedelta = timedelta(minutes=5),
        member_stale_for: timedelta = timedelta(hours=1),
    ) -> None:
        self._api = SlackApi(access, clock, patience)
        self._pacer = Pacer(self._edit, clock, pace)
        self._turns = PostTurns(clock)
        self._files = Files(self._api, self._turns)
        self._members = Members(self._ask_member, clock, member_fresh_for, member_stale_for)
        self._identity: SlackIdentity | None = None
        self._lock = threading.Lock()

    # --- life ------------------------------------------------------------------------------------

    def check(self) -> SlackIdentity:
        """Ask Slack who we are (auth.test, which costs nothing). For health checks."""
        answer = self._api.quickly("auth.test", {})
        with understanding():
            identity = SlackIdentity(answer["team_id"], answer["bot_id"], answer["user_id"])
        with self._lock:
            self._identity = identity
        return identity

    def close(self, timeout: timedelta = timedelta(seconds=10)) -> None:
        """Send the final states that still wait, for at most about `timeout`; then no more edits.

        Whoever waits in `update` after that gets ChatUnknown.
        """
        self._pacer.close(timeout)

    # --- people ----------------------------------------------------------------------------------

    def member(self, user_id: str) -> Member:
        """What Slack says of a person (users.info), at most some minutes old.

        While Slack does not answer, up to an hour old; then ChatUnknown: nobody is let in on a
        guess. Raises ChatRefused when Slack knows no such person.
        """
        return self._members.get(user_id)

    def open_dm(self, user_id: str) -> str:
        """Channel id of the direct conversation with a person; opening it twice is the same."""
        answer = self._api.read("conversations.open", {"users": user_id})
        with understanding():
            return _string(answer["channel"]["id"])

    # --- messages --------------------------------------------------------------------------------

    def post(self, channel_id: str, text: str, blocks: Blocks, key: str) -> MessageRef:
        """Post one message, when it is its turn in the channel; one request, never re-sent.

        A person's id posts to the direct conversation with them. After ChatUnknown, `find` before
        posting again.
        """
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": key}}
        message = {"channel": channel_id, "text": text, "blocks": blocks, "metadata": metadata}
        self._turns.wait(channel_id)
        answer = self._api.act("chat.postMessage", message | _AS_WRITTEN | _NO_PREVIEWS)
        with understanding():
            return MessageRef(_string(answer["channel"]), _string(answer["ts"]))

    def find(self, channel_id: str, key: str, since: datetime) -> MessageRef | None:
        """Our message with this key, if the channel has one posted at or after `since`.

        The bot must be in the channel, and needs a history scope for its kind. Slack's clock says
        when something was posted, so take `since` some seconds early.
        """
        if channel_id.startswith(("U", "W")):
            channel_id = self.open_dm(channel_id)
        bot_id = self._who().bot_id
        for message in self._said(channel_id, None, since):
            with understanding():
                if _key_of(message, bot_id) == key:
                    return MessageRef(channel_id, _string(message["ts"]))
        return None

    def shown(self, ref: MessageRef) -> tuple[str, Blocks] | None:
        """Text and blocks of a message as they are now; None when it is gone.

        The bot must be in the channel, and needs a history scope for its kind.
        """
        place = {"channel": ref.channel_id, "oldest": ref.ts, "latest": ref.ts}
        page = self._api.read("conversations.history", {**place, "inclusive": True, "limit": 1})
        with understanding():
            for message in page["messages"]:
                if message["ts"] == ref.ts:
                    return str(message.get("text") or ""), list(message.get("blocks") or [])
        return None

    def update(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        """Edit a message; returns when Slack has taken it.

        No older edit lands after it. While Slack gives no usable answer the same edit is sent
        again, which changes nothing, for some minutes; then ChatUnknown. Raises ChatRefused.
        """
        self._pacer.final(ref, text, blocks)

    def update_soon(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        """Edit a message when there is room; a later edit replaces one still waiting.

        Returns at once and raises nothing: progress that cannot be shown is logged.
        """
        self._pacer.soon(ref, text, blocks)

    def respond(self, response_url: str, text: str, blocks: Blocks, *, replace: bool) -> None:
        """Answer privately; `replace` what the person clicked on. 5 uses in 30 minutes.

        Raises ChatRefused with the code `used_url` or `expired_url` after that.
        """
        body: Answer = {
            "response_type": "ephemeral",
            "replace_original": replace,
            "text": text,
            "blocks": blocks,
        }
        self._api.respond(response_url, body | _NO_PREVIEWS)

    # --- modals ----------------------------------------------------------------------------------

    def open_view(self, trigger_id: str, view: dict[str, Any]) -> str:
        """Open a modal; returns its view id. Raises ChatRefused 3 s after the click or later."""
        answer = self._api.quickly("views.open", {"trigger_id": trigger_id, "view": view})
        with understanding():
            return _string(answer["view"]["id"])

    def update_view(self, view_id: str, view: dict[str, Any]) -> None:
        """Replace what an open modal shows. Raises ChatRefused when it has been closed."""
        self._api.act("views.update", {"view_id": view_id, "view": view})

    # --- the App Home and files ---

    def publish_home(self, user_id: str, view: dict[str, Any]) -> None:
        """Replace what a person's App Home shows; without a hash, so the last one wins.

        Raises ChatRefused with the code `not_enabled` when the app has no Home.
        """
        self._api.act("views.publish", {"user_id": user_id, "view": view})

    def upload(self, name: str, content: bytes, alt_text: str) -> str:
        """Id of a file that nobody sees before a block of ours shows it."""
        return self._files.upload(name, content, alt_text)

    def share(
        self, channel_id: str, thread_ts: str | None, name: str, content: bytes, comment: str
    ) -> None:
        """Put a file into a conversation; a person's id stands for the direct one with them.

        The bot must be in a channel to share there. After ChatUnknown the file may be there.
        """
        if channel_id.startswith(("U", "W")):
            channel_id = self.open_dm(channel_id)
        self._files.share(channel_id, thread_ts, name, content, comment)

    def shared(self, channel_id: str, thread_ts: str | None, name: str, since: datetime) -> bool:
        """Whether a file of that name was put into a conversation, or into a thread of it.

        The bot must be in the channel, and needs a history scope for its kind.
        """
        if channel_id.startswith(("U", "W")):
            channel_id = self.open_dm(channel_id)
        return any(
            name in (file.get("name"), file.get("title"))
            for message in self._said(channel_id, thread_ts, since)
            for file in message.get("files") or ()
        )

    # --- within ----------------------------------------------------------------------------------

    def _said(
        self, channel_id: str, thread_ts: str | None, since: datetime
    ) -> Iterator[dict[str, Any]]:
        """The messages of a conversation, or of a thread of it, with their metadata."""
        question: Answer = {
            "channel": channel_id,
            "oldest": f"{since.timestamp():.6f}",
            "inclusive": True,
            "include_all_metadata": True,
            "limit": _PAGE,
        }
        method = "conversations.history"
        if thread_ts is not None:
            method, question = "conversations.replies", question | {"ts": thread_ts}
        while True:
            page = self._api.read(method, question)
            with understanding():
                messages = list(page["messages"])
                cursor = (page.get("response_metadata") or {}).get("next_cursor")
            yield from messages
            if not cursor:
                return
            question = question | {"cursor": cursor}

    def _who(self) -> SlackIdentity:
        with self._lock:
            identity = self._identity
        return identity or self.check()

    def _ask_member(self, user_id: str) -> Member:
        team_id = self._who().team_id
        answer = self._api.quickly("users.info", {"user": user_id, "include_locale": True})
        with understanding():
            return member_of(answer["user"], team_id)

    def _edit(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        """One chat.update. It keeps the metadata; without `blocks` old buttons would go away."""
        message = {"channel": ref.channel_id, "ts": ref.ts, "text": trimmed(text)}
        self._api.once("chat.update", message | {"blocks": blocks} | _AS_WRITTEN)


def _key_of(message: dict[str, Any], bot_id: str) -> str | None:
    """The key that we gave to a message; None when it is somebody else's."""
    metadata = message.get("metadata") or {}
    if message.get("bot_id") != bot_id or metadata.get("event_type") != EVENT_TYPE:
        return None
    key = (metadata.get("event_payload") or {}).get("key")
    return key if isinstance(key, str) else None


def _string(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("not a string")
    return value
