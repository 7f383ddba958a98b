"""The state of one Slack workspace. Used from one thread; tells its listeners of each change."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.slack import seed
from sandbox.slack.errors import SlackError
from sandbox.slack.limits import normalised
from sandbox.slack.manifest import Manifest
from sandbox.slack.records import Channel, Json, Message, StoredFile, Team, User, Usergroup
from sandbox.slack.views import Views


@dataclass(frozen=True, slots=True)
class Change:
    """Something that people may see differently now.

    kind: message, message_gone, channel, views, home or read. `users`: who sees it.
    """

    kind: str
    users: frozenset[str]
    channel: str = ""
    ts: str = ""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who and what a workspace begins with. One user must be the app's bot user."""

    users: Iterable[User]
    channels: Iterable[Channel]
    usergroups: Iterable[Usergroup] = ()


@dataclass(slots=True)
class Draft:
    """What is to be posted."""

    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    thread_ts: str | None = None
    subtype: str | None = None
    files: list[str] = field(default_factory=list)
    visible_to: str | None = None
    unfurl_links: bool | None = None
    unfurl_media: bool | None = None


class Workspace:
    """People, conversations, messages, views and files, and the app installed among them."""

    def __init__(
        self, manifest: Manifest, time: Callable[[], float], cast: Cast | None = None
    ) -> None:
        cast = cast or Cast(seed.people(manifest.app_name), seed.channels(), seed.usergroups())
        self.manifest = manifest
        self.time = time
        self.team = Team()
        self.users = {user.id: user for user in cast.users}
        self.channels = {channel.id: channel for channel in cast.channels}
        self.usergroups = {group.id: group for group in cast.usergroups}
        self.files: dict[str, StoredFile] = {}
        self.views = Views()
        self.bot = next(user for user in self.users.values() if user.is_bot and user.app_id)
        self._messages: dict[str, dict[str, Message]] = {}
        self._ephemerals: dict[str, dict[str, Message]] = {}
        self._last_read: dict[tuple[str, str], str] = {}
        self._last_ts = (0, 0)
        self._listeners: list[Callable[[Change], None]] = []

    # --- being told ----------------------------------------------------------------------------

    def listen(self, listener: Callable[[Change], None]) -> None:
        """Call `listener` after each change."""
        self._listeners.append(listener)

    def tell(self, change: Change) -> None:
        """Tell the listeners of a change made from outside, such as to a view."""
        for listener in list(self._listeners):
            listener(change)

    # --- looking things up ---------------------------------------------------------------------

    def user(self, user_id: str) -> User:
        """A member. Raises SlackError user_not_found."""
        if user_id not in self.users:
            raise SlackError("user_not_found")
        return self.users[user_id]

    def channel(self, channel_id: str) -> Channel:
        """A conversation. Raises SlackError channel_not_found."""
        if channel_id not in self.channels:
            raise SlackError("channel_not_found")
        return self.channels[channel_id]

    def visible_channels(self, user_id: str) -> list[Channel]:
        """The conversations a member can see: public ones (not for guests) and their own."""
        user = self.users[user_id]
        is_guest = user.is_restricted or user.is_ultra_restricted
        return [
            channel
            for channel in self.channels.values()
            if user_id in channel.members or not (channel.is_private or channel.is_im or is_guest)
        ]

    def direct(self, one: str, other: str) -> Channel:
        """The direct conversation between two members; begun when there is none."""
        pair = sorted({one, other})
        for channel in self.channels.values():
            if channel.is_im and sorted(set(channel.members)) == pair:
                return channel
        channel_id = f"D{one.lstrip('UW')}{other.lstrip('UW')}"
        channel = Channel(channel_id, "", pair, is_im=True, created=int(self.time()))
        self.channels[channel_id] = channel
        self.tell(Change("channel", frozenset(pair), channel_id))
        return channel

    def join(self, channel: Channel, user_id: str) -> None:
        """Make somebody a member; a member already is success."""
        if user_id not in channel.members:
            channel.members.append(user_id)
            self.tell(Change("channel", frozenset(channel.members), channel.id))

    # --- messages ------------------------------------------------------------------------------

    def messages(self, channel_id: str) -> list[Message]:
        """All messages of a conversation, oldest first, replies in threads among them."""
        return list(self._messages.get(channel_id, {}).values())

    def message(self, channel_id: str, ts: str) -> Message:
        """One message. Raises SlackError message_not_found."""
        found = self._messages.get(channel_id, {}).get(ts)
        if found is None:
            raise SlackError("message_not_found")
        return found

    def ephemerals(self, user_id: str) -> list[Message]:
        """The messages that only this person sees, oldest first."""
        return list(self._ephemerals.get(user_id, {}).values())

    def shown(self, user_id: str, channel_id: str, ts: str) -> Message | None:
        """A message as this person may see it: a common one or one only for them."""
        own = self._ephemerals.get(user_id, {}).get(ts)
        if own is not None and own.channel == channel_id:
            return own
        return self._messages.get(channel_id, {}).get(ts)

    def post(self, channel: Channel, author: User, draft: Draft) -> Message:
        """Add a message; `draft.visible_to` makes it an ephemeral one."""
        message = Message(
            channel=channel.id,
            ts=self.next_ts(),
            user=author.id,
            text=draft.text,
            blocks=normalised(draft.blocks),
            attachments=draft.attachments,
            metadata=draft.metadata,
            thread_ts=draft.thread_ts,
            bot_id=author.bot_id,
            app_id=author.app_id,
            subtype=draft.subtype,
            files=draft.files,
            visible_to=draft.visible_to,
            unfurl_links=draft.unfurl_links,
            unfurl_media=draft.unfurl_media,
        )
        self._shelf(message)[message.ts] = message
        self._touched(message)
        return message

    def edit(self, message: Message, **fields: Any) -> Message:
        """Change what a message says and mark it as edited."""
        if "blocks" in fields:
            fields["blocks"] = normalised(fields["blocks"])
        for name, value in fields.items():
            setattr(message, name, value)
        message.edited_ts = self.next_ts()
        self._touched(message)
        return message

    def remove(self, message: Message) -> None:
        """Take a message away."""
        self._shelf(message).pop(message.ts, None)
        self._touched(message, kind="message_gone")

    def react(self, message: Message, user_id: str, name: str) -> None:
        """Add a reaction. Raises SlackError already_reacted."""
        users = message.reactions.setdefault(name, [])
        if user_id in users:
            raise SlackError("already_reacted")
        users.append(user_id)
        self._touched(message)

    def unreact(self, message: Message, user_id: str, name: str) -> None:
        """Take a reaction back; none there is success."""
        users = message.reactions.get(name, [])
        if user_id in users:
            users.remove(user_id)
        if not users:
            message.reactions.pop(name, None)
        self._touched(message)

    def mark_read(self, user_id: str, channel_id: str) -> None:
        """Note that a person has seen all there is in a conversation."""
        messages = self.messages(channel_id)
        if messages:
            self._last_read[user_id, channel_id] = messages[-1].ts
            self.tell(Change("read", frozenset({user_id}), channel_id))

    def last_read(self, user_id: str, channel_id: str) -> str:
        """The ts up to which a person has read."""
        return self._last_read.get((user_id, channel_id), "0")

    def next_ts(self) -> str:
        """A fresh `ts`: now, and later than all before it."""
        now = self.time()
        at = (int(now), int(now % 1 * 1_000_000))
        if at <= self._last_ts:
            at = (self._last_ts[0], self._last_ts[1] + 1)
        self._last_ts = at
        return f"{at[0]}.{at[1]:06d}"

    # --- files ---------------------------------------------------------------------------------

    def add_file(self, name: str, length: int, alt_text: str) -> StoredFile:
        """Note a file that is about to be uploaded by the bot."""
        file = StoredFile(
            id="F" + secrets.token_hex(5).upper(),
            name=name,
            length=length,
            user=self.bot.id,
            secret=secrets.token_urlsafe(24),
            alt_text=alt_text,
            created=int(self.time()),
        )
        self.files[file.id] = file
        return file

    def file(self, file_id: str) -> StoredFile:
        """A file. Raises SlackError file_not_found."""
        if file_id not in self.files:
            raise SlackError("file_not_found")
        return self.files[file_id]

    def _shelf(self, message: Message) -> dict[str, Message]:
        if message.visible_to is not None:
            return self._ephemerals.setdefault(message.visible_to, {})
        return self._messages.setdefault(message.channel, {})

    def _touched(self, message: Message, kind: str = "message") -> None:
        if message.visible_to is not None:
            users = frozenset({message.visible_to})
        else:
            channel = self.channels[message.channel]
            is_closed = channel.is_private or channel.is_im
            users = frozenset(channel.members if is_closed else self.users)
        self.tell(Change(kind, users, message.channel, message.ts))
