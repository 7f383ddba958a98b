"""What a workspace consists of: people, conversations, messages, views, files, user groups.

`to_api` gives each the form it has in the Web API. Times are Slack's `ts` strings or epoch seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True)
class Team:
    """The workspace itself."""

    id: str = "T0SANDBOX"
    name: str = "Data Lab"
    domain: str = "data-lab"


@dataclass(slots=True)
class User:
    """A person or a bot user."""

    id: str
    name: str
    real_name: str
    locale: str = "en-US"
    tz: str = "Etc/UTC"
    title: str = ""
    color: str = "4a154b"
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_bot: bool = False
    deleted: bool = False
    bot_id: str | None = None
    app_id: str | None = None

    def to_api(self, team_id: str, *, include_locale: bool = False) -> Json:
        """The `user` object of users.info."""
        user: Json = {
            "id": self.id,
            "team_id": team_id,
            "name": self.name,
            "deleted": self.deleted,
            "color": self.color,
            "real_name": self.real_name,
            "tz": self.tz,
            "tz_label": self.tz,
            "tz_offset": 0,
            "profile": self._profile(),
            "is_admin": self.is_admin,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": self.is_restricted,
            "is_ultra_restricted": self.is_ultra_restricted,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "updated": 1700000000,
        }
        if include_locale:
            user["locale"] = self.locale
        return user

    def _profile(self) -> Json:
        profile: Json = {
            "real_name": self.real_name,
            "display_name": self.real_name,
            "title": self.title,
            "team": "",
        }
        if self.is_bot:
            profile |= {"bot_id": self.bot_id, "api_app_id": self.app_id}
        return profile


@dataclass(slots=True)
class Usergroup:
    """A user group such as @data-admins."""

    id: str
    handle: str
    name: str
    members: list[str] = field(default_factory=list)
    disabled: bool = False

    def to_api(self, team_id: str, *, include_users: bool = False) -> Json:
        """The object of usergroups.list."""
        group: Json = {
            "id": self.id,
            "team_id": team_id,
            "is_usergroup": True,
            "handle": self.handle,
            "name": self.name,
            "description": "",
            "date_delete": 1 if self.disabled else 0,
            "user_count": len(self.members),
        }
        if include_users:
            group["users"] = list(self.members)
        return group


@dataclass(slots=True)
class Channel:
    """A conversation: public or private channel, or a direct one between two members."""

    id: str
    name: str
    members: list[str] = field(default_factory=list)
    is_private: bool = False
    is_im: bool = False
    is_archived: bool = False
    topic: str = ""
    created: int = 1700000000

    @property
    def payload_name(self) -> str:
        """The name that commands and interactions carry: private ones are not told."""
        if self.is_im:
            return "directmessage"
        return "privategroup" if self.is_private else self.name

    def other(self, user_id: str) -> str:
        """The other side of a direct conversation (oneself, in the one with oneself)."""
        return next((member for member in self.members if member != user_id), user_id)

    def to_api(self, seen_by: str) -> Json:
        """The `channel` object of conversations.info, as the member `seen_by` sees it."""
        if self.is_im:
            return {
                "id": self.id,
                "created": self.created,
                "is_im": True,
                "is_org_shared": False,
                "is_archived": self.is_archived,
                "user": self.other(seen_by),
                "is_user_deleted": False,
                "priority": 0,
            }
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": not self.is_private,
            "is_group": self.is_private,
            "is_im": False,
            "is_mpim": False,
            "is_private": self.is_private,
            "is_archived": self.is_archived,
            "is_general": self.name == "general",
            "is_member": seen_by in self.members,
            "is_shared": False,
            "is_ext_shared": False,
            "is_org_shared": False,
            "created": self.created,
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
        }


@dataclass(slots=True)
class Message:
    """A message; `visible_to` names its only reader when it is an ephemeral one."""

    channel: str
    ts: str
    user: str
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    thread_ts: str | None = None
    bot_id: str | None = None
    app_id: str | None = None
    subtype: str | None = None
    edited_ts: str | None = None
    files: list[str] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    visible_to: str | None = None
    unfurl_links: bool | None = None
    unfurl_media: bool | None = None

    @property
    def is_ephemeral(self) -> bool:
        return self.visible_to is not None

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts

    def to_api(self, team_id: str, *, include_metadata: bool = True) -> Json:
        """The `message` object of the Web API and of interaction payloads."""
        message: Json = {
            "type": "message",
            "user": self.user,
            "ts": self.ts,
            "text": self.text,
            "team": team_id,
        }
        optional: Json = {
            "subtype": self.subtype,
            "bot_id": self.bot_id,
            "app_id": self.app_id,
            "blocks": self.blocks,
            "attachments": self.attachments,
            "thread_ts": self.thread_ts,
            "metadata": self.metadata if include_metadata else None,
        }
        message |= {key: value for key, value in optional.items() if value}
        if self.edited_ts:
            message["edited"] = {"user": self.user, "ts": self.edited_ts}
        if self.reactions:
            message["reactions"] = [
                {"name": name, "users": list(users), "count": len(users)}
                for name, users in self.reactions.items()
            ]
        return message


@dataclass(slots=True)
class View:
    """A modal or an App Home as it is shown to one person."""

    id: str
    user: str
    content: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    state: Json = field(default_factory=dict)  # block_id -> action_id -> value object
    errors: dict[str, str] = field(default_factory=dict)  # block_id -> what is wrong

    @property
    def type(self) -> str:
        return str(self.content["type"])

    @property
    def blocks(self) -> list[Json]:
        return list(self.content["blocks"])

    @property
    def callback_id(self) -> str:
        return str(self.content.get("callback_id", ""))

    @property
    def external_id(self) -> str:
        return str(self.content.get("external_id", ""))

    def to_api(self, team_id: str, app_id: str, bot_id: str) -> Json:
        """The `view` object of the Web API and of interaction payloads."""
        content = self.content
        return {
            "id": self.id,
            "team_id": team_id,
            "type": self.type,
            "blocks": self.blocks,
            "private_metadata": content.get("private_metadata", ""),
            "callback_id": self.callback_id,
            "state": {"values": self.state},
            "hash": self.hash,
            "title": content.get("title") or _home_title(),
            "clear_on_close": bool(content.get("clear_on_close", False)),
            "notify_on_close": bool(content.get("notify_on_close", False)),
            "close": content.get("close"),
            "submit": content.get("submit"),
            "previous_view_id": self.previous_id,
            "root_view_id": self.root_id,
            "app_id": app_id,
            "external_id": self.external_id,
            "app_installed_team_id": team_id,
            "bot_id": bot_id,
        }


def _home_title() -> Json:
    return {"type": "plain_text", "text": "View Title", "emoji": True}


@dataclass(slots=True)
class StoredFile:
    """An uploaded file; `content` is None until its bytes have come."""

    id: str
    name: str
    length: int
    user: str
    secret: str  # makes the upload URL unguessable
    title: str = ""
    alt_text: str = ""
    content: bytes | None = None
    mimetype: str = "application/octet-stream"
    is_complete: bool = False
    channels: list[str] = field(default_factory=list)
    created: int = 0

    def to_api(self, base_url: str, team_id: str) -> Json:
        """The `file` object of files.info."""
        url = f"{base_url}/files-pri/{team_id}-{self.id}/{self.name}"
        return {
            "id": self.id,
            "created": self.created,
            "timestamp": self.created,
            "name": self.name,
            "title": self.title or self.name,
            "alt_txt": self.alt_text,
            "mimetype": self.mimetype,
            "filetype": self.name.rpartition(".")[2] if "." in self.name else "text",
            "user": self.user,
            "size": self.length,
            "mode": "hosted",
            "is_external": False,
            "is_public": False,
            "url_private": url,
            "url_private_download": url + "?download=1",
            "channels": list(self.channels),
        }
