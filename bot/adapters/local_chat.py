"""Terminals of the bot's machine as a chat: a message is a row, which the terminal shows.

`ChatRouter` stands before Slack: what has an id of ours goes to rows, everything else to Slack, so
that an operation is carried out in the same way whoever asked for it, and Slack is never asked
about somebody that it cannot know.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy.exc import SQLAlchemyError

from bot.adapters.slack_errors import refused
from bot.adapters.slack_outbox import Pace
from bot.adapters.slack_pacer import Pacer
from bot.errors import ChatRefused, ChatUnknown
from bot.models import Member, MessageRef, Text, is_local
from bot.ports import Blocks, Chat, Clock
from bot.store import LocalStore

# Each edit is a write that reaches the disk: some in a second are enough for the eye.
_PACE = Pace(
    soon_per_minute=6_000,
    per_minute=12_000,
    between=timedelta(milliseconds=300),
    doubt=timedelta(0),
)
_CLOSING = timedelta(seconds=5)


class LocalChat:
    """Implements `bot.ports.Chat` for people in a terminal. They have no modals and no Home."""

    def __init__(self, store: LocalStore, clock: Clock) -> None:
        """clock: a steady one; the rows carry its instants."""
        self._store = store
        self._clock = clock
        self._pacer = Pacer(self._edit, clock, _PACE)

    def close(self) -> None:
        """Write the final states that still wait; then no more edits."""
        self._pacer.close(_CLOSING)

    def member(self, user_id: str) -> Member:
        """Whoever has a terminal there is a full member."""
        with _known():
            language = self._store.language(user_id) or "en"
        return Member(user_id, language, is_full_member=True, tz=_zone())

    def post(self, channel_id: str, text: str, blocks: Blocks, key: str) -> MessageRef:
        """Write one message down; one with this key that is there already stays as it is."""
        with _known():
            made = self._store.post(channel_id, key, text, blocks, self._clock.now())
        return MessageRef(channel_id, str(made))

    def find(self, channel_id: str, key: str, since: datetime) -> MessageRef | None:
        """Our message with this key. Keys are unique, so `since` need not be looked at."""
        with _known():
            found = self._store.find(channel_id, key)
        return None if found is None else MessageRef(channel_id, str(found.id))

    def shown(self, ref: MessageRef) -> tuple[str, Blocks] | None:
        """Nobody clicks in a terminal, so nobody asks."""
        raise refused("invalid_arguments")

    def update(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        """Edit a message. Raises ChatRefused when it is gone."""
        self._pacer.final(ref, text, blocks)

    def update_soon(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        """Edit a message some times a second at the most."""
        self._pacer.soon(ref, text, blocks)

    def open_dm(self, user_id: str) -> str:
        """There is one conversation per person, and it has their id."""
        return user_id

    def respond(self, response_url: str, text: str, blocks: Blocks, *, replace: bool) -> None:
        raise refused("invalid_arguments")

    def open_view(self, trigger_id: str, view: dict[str, Any]) -> str:
        raise refused("invalid_arguments")

    def update_view(self, view_id: str, view: dict[str, Any]) -> None:
        raise refused("not_found")

    def publish_home(self, user_id: str, view: dict[str, Any]) -> None:
        """They have none, so nothing of it is out of date."""

    def upload(self, name: str, content: bytes, alt_text: str) -> str:
        raise refused("invalid_arguments")

    def share(
        self, channel_id: str, thread_ts: str | None, name: str, content: bytes, comment: str
    ) -> None:
        """Write a file down, once, beside the message whose thread it was meant for."""
        digest = hashlib.sha256(content).hexdigest()[:12]
        with _known():
            parent = self._store.get(int(thread_ts)) if thread_ts else None
            key = f"{parent.key}:file:{digest}" if parent else f"file:{digest}"
            self._store.post(channel_id, key, comment, [], self._clock.now(), (name, content))

    def shared(self, channel_id: str, thread_ts: str | None, name: str, since: datetime) -> bool:
        with _known():
            return self._store.has_file(channel_id, name, since)

    def _edit(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        with _known():
            is_there = self._store.edit(int(ref.ts), text, blocks)
        if not is_there:
            raise refused("message_not_found")


class NoSlack:
    """Slack, for a process that has no token: everybody in it is out of reach."""

    def member(self, user_id: str) -> Member:
        raise _no_slack()

    def post(self, channel_id: str, text: str, blocks: Blocks, key: str) -> MessageRef:
        raise _no_slack()

    def find(self, channel_id: str, key: str, since: datetime) -> MessageRef | None:
        raise _no_slack()

    def shown(self, ref: MessageRef) -> tuple[str, Blocks] | None:
        raise _no_slack()

    def update(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        raise _no_slack()

    def update_soon(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        """Progress that cannot be shown hurts nobody."""

    def open_dm(self, user_id: str) -> str:
        raise _no_slack()

    def respond(self, response_url: str, text: str, blocks: Blocks, *, replace: bool) -> None:
        raise _no_slack()

    def open_view(self, trigger_id: str, view: dict[str, Any]) -> str:
        raise _no_slack()

    def update_view(self, view_id: str, view: dict[str, Any]) -> None:
        raise _no_slack()

    def publish_home(self, user_id: str, view: dict[str, Any]) -> None:
        raise _no_slack()

    def upload(self, name: str, content: bytes, alt_text: str) -> str:
        raise _no_slack()

    def share(
        self, channel_id: str, thread_ts: str | None, name: str, content: bytes, comment: str
    ) -> None:
        raise _no_slack()

    def shared(self, channel_id: str, thread_ts: str | None, name: str, since: datetime) -> bool:
        raise _no_slack()


class ChatRouter:
    """Implements `bot.ports.Chat`: terminals by their ids, Slack for the rest."""

    def __init__(self, slack: Chat, local: Chat) -> None:
        self._slack = slack
        self._local = local

    def member(self, user_id: str) -> Member:
        return self._for(user_id).member(user_id)

    def post(self, channel_id: str, text: str, blocks: Blocks, key: str) -> MessageRef:
        return self._for(channel_id).post(channel_id, text, blocks, key)

    def find(self, channel_id: str, key: str, since: datetime) -> MessageRef | None:
        return self._for(channel_id).find(channel_id, key, since)

    def shown(self, ref: MessageRef) -> tuple[str, Blocks] | None:
        return self._for(ref.channel_id).shown(ref)

    def update(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        self._for(ref.channel_id).update(ref, text, blocks)

    def update_soon(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        self._for(ref.channel_id).update_soon(ref, text, blocks)

    def open_dm(self, user_id: str) -> str:
        return self._for(user_id).open_dm(user_id)

    def respond(self, response_url: str, text: str, blocks: Blocks, *, replace: bool) -> None:
        self._slack.respond(response_url, text, blocks, replace=replace)

    def open_view(self, trigger_id: str, view: dict[str, Any]) -> str:
        return self._slack.open_view(trigger_id, view)

    def update_view(self, view_id: str, view: dict[str, Any]) -> None:
        self._slack.update_view(view_id, view)

    def publish_home(self, user_id: str, view: dict[str, Any]) -> None:
        self._for(user_id).publish_home(user_id, view)

    def upload(self, name: str, content: bytes, alt_text: str) -> str:
        return self._slack.upload(name, content, alt_text)

    def share(
        self, channel_id: str, thread_ts: str | None, name: str, content: bytes, comment: str
    ) -> None:
        self._for(channel_id).share(channel_id, thread_ts, name, content, comment)

    def shared(self, channel_id: str, thread_ts: str | None, name: str, since: datetime) -> bool:
        return self._for(channel_id).shared(channel_id, thread_ts, name, since)

    def _for(self, address: str) -> Chat:
        return self._local if is_local(address) else self._slack


def _zone() -> str:
    """The machine's time zone, by the name of its file (tzset(3)): terminals are on the machine."""
    for file in (os.environ.get("TZ", ""), os.path.realpath("/etc/localtime")):
        name = file.partition("zoneinfo/")[2] if "zoneinfo/" in file else file
        if name in available_timezones():
            return name
    return "UTC"


@contextmanager
def _known() -> Iterator[None]:
    """Whatever the database says: the row may be there or not. Raises ChatUnknown."""
    try:
        yield
    except SQLAlchemyError as error:
        raise ChatUnknown(Text("The bot's database does not answer.")) from error


def _no_slack() -> ChatRefused:
    return ChatRefused(Text("Slack is not set up here."), "no_slack")
