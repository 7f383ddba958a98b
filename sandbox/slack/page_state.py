"""What the page shows to one person, as JSON."""

from __future__ import annotations

from typing import Any

from sandbox.slack import wording
from sandbox.slack.interactions import SLACKBOT, Outcome
from sandbox.slack.methods.context import Api
from sandbox.slack.payloads import Payloads
from sandbox.slack.records import Channel, Json, Message, User, View
from sandbox.slack.workspace import Change

MOST_MESSAGES = 1000  # per conversation; the newest


class PageState:
    """Reads the workspace with one person's eyes."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._workspace = api.workspace
        self._payloads = Payloads(api.workspace)

    def people(self) -> list[User]:
        """Those whom the visitor can be."""
        return [
            user
            for user in self._workspace.users.values()
            if not (user.is_bot or user.deleted or user.id == SLACKBOT)
        ]

    def everything(self, user: User) -> Json:
        """All that a fresh page needs."""
        workspace, manifest = self._workspace, self._workspace.manifest
        channels = workspace.visible_channels(user.id)
        return {
            "type": "state",
            "me": user.id,
            "language": wording.language_of(user.locale),
            "locale": user.locale,
            "tz": user.tz,
            "team": {"id": workspace.team.id, "name": workspace.team.name},
            "users": {entry.id: _user(entry) for entry in workspace.users.values()},
            "usergroups": {g.id: g.handle for g in workspace.usergroups.values()},
            "people": [person.id for person in self.people()],
            "bot": workspace.bot.id,
            "url": self._api.base_url,
            "has_home": manifest.has_home_tab,
            "has_messages": manifest.has_messages_tab,
            "is_read_only": manifest.is_messages_tab_read_only,
            "about": manifest.description,
            "commands": [
                {"name": c.name, "description": c.description, "hint": c.usage_hint}
                for c in manifest.commands.values()
            ],
            "channels": [self.channel(channel, user.id) for channel in channels],
            "messages": {channel.id: self._messages(channel, user.id) for channel in channels},
            "views": self.views(user.id),
            "home": self.home(user.id),
        }

    def change(self, change: Change, user_id: str) -> Json | None:
        """What a change means for this person's page; None when it is nothing to them."""
        if change.kind == "views":
            return {"type": "views", "views": self.views(user_id)}
        if change.kind == "home":
            return {"type": "home", "view": self.home(user_id)}
        channel = self._workspace.channels[change.channel]
        if channel not in self._workspace.visible_channels(user_id):
            return None
        if change.kind in ("channel", "read"):
            return {"type": "channel", "channel": self.channel(channel, user_id)}
        if change.kind == "message_gone":
            return {"type": "message_gone", "channel": change.channel, "ts": change.ts}
        message = self._workspace.shown(user_id, change.channel, change.ts)
        if message is None:
            return None
        return {"type": "message", "channel": change.channel, "message": self.message(message)}

    def channel(self, channel: Channel, user_id: str) -> Json:
        """A line of the sidebar and the head of a conversation."""
        return {
            "id": channel.id,
            "name": channel.name,
            "is_im": channel.is_im,
            "is_private": channel.is_private,
            "is_archived": channel.is_archived,
            "is_member": user_id in channel.members,
            "other": channel.other(user_id) if channel.is_im else None,
            "topic": channel.topic,
            "member_count": len(channel.members),
            "last_read": self._workspace.last_read(user_id, channel.id),
        }

    def message(self, message: Message) -> Json:
        """A message, with how it is shown."""
        body = self._api.message_body(message, include_metadata=False)
        body["is_ephemeral"] = message.is_ephemeral
        body["is_reply"] = message.is_reply
        return body

    def views(self, user_id: str) -> list[Json]:
        """The stack of open modals."""
        return [self._view(view) for view in self._workspace.views.stack(user_id)]

    def home(self, user_id: str) -> Json | None:
        """The App Home, if the app has published one."""
        view = self._workspace.views.home(user_id)
        return None if view is None else self._view(view)

    def _view(self, view: View) -> Json:
        return self._payloads.view(view) | {"errors": view.errors}

    def _messages(self, channel: Channel, user_id: str) -> list[Json]:
        common = self._workspace.messages(channel.id)[-MOST_MESSAGES:]
        own = [m for m in self._workspace.ephemerals(user_id) if m.channel == channel.id]
        return [self.message(entry) for entry in sorted([*common, *own], key=lambda m: m.ts)]


def outcome_body(outcome: Outcome) -> Json:
    """An outcome as the page gets it; messages come to it as changes."""
    body: dict[str, Any] = {
        "ok": outcome.is_ok,
        "error": outcome.error,
        "text": outcome.text,
        "errors": outcome.errors,
        "is_shown": outcome.message is not None,  # as a message, so not to be said again
    }
    return body


def _user(user: User) -> Json:
    return {
        "id": user.id,
        "name": user.name,
        "real_name": user.real_name,
        "title": user.title,
        "color": user.color,
        "is_bot": user.is_bot,
        "is_admin": user.is_admin,
        "is_guest": user.is_restricted or user.is_ultra_restricted,
        "deleted": user.deleted,
        "locale": user.locale,
        "tz": user.tz,
    }
