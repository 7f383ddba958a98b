"""The payloads that Slack sends to an app, field for field.

Sources: docs.slack.dev/interactivity/implementing-slash-commands, …/reference/interaction-payloads,
…/reference/events/app_home_opened, and the fixtures of python-slack-sdk and bolt-python.
"""

from __future__ import annotations

import secrets

from sandbox.slack.records import Channel, Json, Message, User, View
from sandbox.slack.workspace import Workspace

VERIFICATION_TOKEN = "sandbox-verification-token"  # deprecated by Slack, still sent


class Payloads:
    """Builds payloads for the app installed in one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def command(
        self,
        user: User,
        channel: Channel,
        typed: tuple[str, str],
        response_url: str,
        trigger_id: str,
    ) -> dict[str, str]:
        """A slash command; `typed` is the command and the rest of the line. All strings."""
        team = self._workspace.team
        return {
            "token": VERIFICATION_TOKEN,
            "team_id": team.id,
            "team_domain": team.domain,
            "channel_id": channel.id,
            "channel_name": channel.payload_name,
            "user_id": user.id,
            "user_name": user.name,
            "command": typed[0],
            "text": typed[1],
            "api_app_id": self._app_id,
            "is_enterprise_install": "false",
            "response_url": response_url,
            "trigger_id": trigger_id,
        }

    def message_action(
        self, user: User, message: Message, channel: Channel, actions: list[Json], state: Json
    ) -> Json:
        """block_actions on a message. Of an ephemeral one Slack tells the place, not the text."""
        payload = self._interaction("block_actions", user) | {
            "container": {
                "type": "message",
                "message_ts": message.ts,
                "channel_id": channel.id,
                "is_ephemeral": message.is_ephemeral,
            },
            "channel": {"id": channel.id, "name": channel.payload_name},
            "state": {"values": state},
            "actions": actions,
        }
        if not message.is_ephemeral:
            payload["message"] = message.to_api(self._workspace.team.id)
        return payload

    def view_action(self, user: User, view: View, actions: list[Json]) -> Json:
        """block_actions in a modal or on the App Home."""
        return self._interaction("block_actions", user) | {
            "container": {"type": "view", "view_id": view.id},
            "view": self.view(view),
            "actions": actions,
        }

    def view_submission(self, user: User, view: View) -> Json:
        """A modal was submitted."""
        payload = self._interaction("view_submission", user)
        return payload | {"view": self.view(view), "response_urls": []}

    def view_closed(self, user: User, view: View, *, is_cleared: bool) -> Json:
        """A modal with notify_on_close was closed; `is_cleared`: with its whole stack."""
        payload = self._interaction("view_closed", user)
        return payload | {"view": self.view(view), "is_cleared": is_cleared}

    def app_home_opened(self, user: User, channel: Channel, tab: str, view: View | None) -> Json:
        """The event of a person opening a tab ("home" or "messages") of the app."""
        now = self._workspace.time()
        event: Json = {
            "type": "app_home_opened",
            "user": user.id,
            "channel": channel.id,
            "tab": tab,
            "event_ts": self._workspace.next_ts(),
        }
        if view is not None and tab == "home":
            event["view"] = self.view(view)
        return {
            "token": VERIFICATION_TOKEN,
            "team_id": self._workspace.team.id,
            "api_app_id": self._app_id,
            "event": event,
            "type": "event_callback",
            "event_id": "Ev" + secrets.token_hex(5).upper(),
            "event_time": int(now),
            "authorizations": [self._authorization()],
            "is_ext_shared_channel": False,
        }

    def view(self, view: View) -> Json:
        """The `view` object."""
        bot = self._workspace.bot
        return view.to_api(self._workspace.team.id, bot.app_id or "", bot.bot_id or "")

    @property
    def _app_id(self) -> str:
        return self._workspace.bot.app_id or ""

    def _authorization(self) -> Json:
        return {
            "enterprise_id": None,
            "team_id": self._workspace.team.id,
            "user_id": self._workspace.bot.id,
            "is_bot": True,
            "is_enterprise_install": False,
        }

    def _interaction(self, kind: str, user: User) -> Json:
        team = self._workspace.team
        return {
            "type": kind,
            "user": {
                "id": user.id,
                "username": user.name,
                "name": user.name,
                "team_id": team.id,
            },
            "api_app_id": self._app_id,
            "token": VERIFICATION_TOKEN,
            "team": {"id": team.id, "domain": team.domain},
            "enterprise": None,
            "is_enterprise_install": False,
        }
