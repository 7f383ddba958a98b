"""Every method of the Web API that the sandbox has: what does it, and which scopes it needs.

Scopes: method data of slack-ruby/slack-api-ref (2026-08-20).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.slack.methods import chat, conversations, files, people, views
from sandbox.slack.methods.arguments import Arguments
from sandbox.slack.methods.context import Api
from sandbox.slack.records import Json

READ = ("channels:read", "groups:read", "im:read", "mpim:read")
HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
OPEN = ("im:write", "mpim:write", "channels:manage", "groups:write")


@dataclass(frozen=True, slots=True)
class Method:
    """One method; any one of `scopes` will do (none listed: none is needed)."""

    act: Callable[[Api, Arguments], Json]
    scopes: tuple[str, ...] = ()
    token: str = "bot"  # or "app", or "none"


METHODS: dict[str, Method] = {
    "api.test": Method(people.api_test, token="none"),
    "apps.connections.open": Method(people.open_connection, token="app"),
    "auth.test": Method(people.auth_test),
    "bots.info": Method(people.bot_info, ("users:read",)),
    "chat.delete": Method(chat.delete, ("chat:write",)),
    "chat.getPermalink": Method(chat.get_permalink),
    "chat.postEphemeral": Method(chat.post_ephemeral, ("chat:write",)),
    "chat.postMessage": Method(chat.post_message, ("chat:write",)),
    "chat.update": Method(chat.update, ("chat:write",)),
    "conversations.history": Method(conversations.history, HISTORY),
    "conversations.info": Method(conversations.get_channel, READ),
    "conversations.join": Method(conversations.join, ("channels:join",)),
    "conversations.list": Method(conversations.list_channels, READ),
    "conversations.members": Method(conversations.list_members, READ),
    "conversations.open": Method(conversations.open_conversation, OPEN),
    "conversations.replies": Method(conversations.replies, HISTORY),
    "files.completeUploadExternal": Method(files.complete_upload, ("files:write",)),
    "files.getUploadURLExternal": Method(files.get_upload_url, ("files:write",)),
    "files.info": Method(files.file_info, ("files:read",)),
    "reactions.add": Method(chat.add_reaction, ("reactions:write",)),
    "team.info": Method(people.team_info, ("team:read",)),
    "usergroups.list": Method(people.usergroup_list, ("usergroups:read",)),
    "usergroups.users.list": Method(people.usergroup_users, ("usergroups:read",)),
    "users.info": Method(people.user_info, ("users:read",)),
    "users.list": Method(people.user_list, ("users:read",)),
    "views.open": Method(views.open_view),
    "views.publish": Method(views.publish_view),
    "views.push": Method(views.push_view),
    "views.update": Method(views.update_view),
}
