"""What the methods of the Web API work on."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.slack.errors import SlackError
from sandbox.slack.records import Channel, Json, Message
from sandbox.slack.socket_mode import SocketMode
from sandbox.slack.triggers import Triggers
from sandbox.slack.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Api:
    """The workspace as the app's bot token sees it."""

    workspace: Workspace
    triggers: Triggers
    socket: SocketMode
    base_url: str

    @property
    def bot_user(self) -> str:
        return self.workspace.bot.id

    def seen_channel(self, channel_id: str) -> Channel:
        """A conversation that the bot may know of: its own, or a public one.

        Raises SlackError channel_not_found.
        """
        channel = self.workspace.channel(channel_id)
        is_closed = channel.is_private or channel.is_im
        if is_closed and self.bot_user not in channel.members:
            raise SlackError("channel_not_found")
        return channel

    def own_channel(self, channel_id: str) -> Channel:
        """A conversation that the bot is in. Raises channel_not_found, not_in_channel."""
        channel = self.seen_channel(channel_id)
        if self.bot_user not in channel.members:
            raise SlackError("not_in_channel")
        return channel

    def writable_channel(self, channel_id: str) -> Channel:
        """Where the bot may write; a user id means the direct conversation with that user.

        Raises SlackError: channel_not_found, not_in_channel, is_archived, cannot_dm_bot,
        messages_tab_disabled.
        """
        if channel_id in self.workspace.users:
            channel = self.direct(channel_id)
        else:
            channel = self.seen_channel(channel_id)
        self._check_membership(channel)
        if channel.is_archived:
            raise SlackError("is_archived")
        if channel.is_im and not self.workspace.manifest.has_messages_tab:
            raise SlackError("messages_tab_disabled")
        return channel

    def direct(self, user_id: str) -> Channel:
        """The bot's direct conversation with somebody.

        Raises SlackError: user_not_found, cannot_dm_bot, user_disabled.
        """
        user = self.workspace.user(user_id)
        if user.is_bot:
            raise SlackError("cannot_dm_bot")
        if user.deleted:
            raise SlackError("user_disabled")
        return self.workspace.direct(user_id, self.bot_user)

    def message_body(self, message: Message, *, include_metadata: bool = True) -> Json:
        """A message with its thread and files, as the Web API gives it."""
        team_id = self.workspace.team.id
        body = message.to_api(team_id, include_metadata=include_metadata)
        replies = [
            entry
            for entry in self.workspace.messages(message.channel)
            if entry.thread_ts == message.ts and entry.is_reply
        ]
        if replies:
            body["thread_ts"] = message.ts
            body["reply_count"] = len(replies)
            body["reply_users"] = sorted({reply.user for reply in replies})
            body["latest_reply"] = replies[-1].ts
        if message.files:
            files = [self.workspace.file(file_id) for file_id in message.files]
            body["files"] = [file.to_api(self.base_url, team_id) for file in files]
        if message.bot_id:
            body["bot_profile"] = self.bot_profile()
        return body

    def bot_profile(self) -> Json:
        """The `bot_profile` of the app's messages."""
        bot = self.workspace.bot
        return {
            "id": bot.bot_id,
            "app_id": bot.app_id,
            "name": bot.real_name,
            "deleted": False,
            "updated": 1700000000,
            "team_id": self.workspace.team.id,
        }

    def _check_membership(self, channel: Channel) -> None:
        scopes = self.workspace.manifest.scopes
        may_post_anywhere = scopes is not None and "chat:write.public" in scopes
        if self.bot_user not in channel.members and not may_post_anywhere:
            raise SlackError("not_in_channel")
