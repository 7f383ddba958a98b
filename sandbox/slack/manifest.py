"""The app's manifest, as far as Slack's behaviour depends on it.

Source of the form: docs.slack.dev/reference/app-manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_MANIFEST: dict[str, Any] = {
    "display_information": {"name": "ds-bot", "description": "VMs, RStudio and Shiny by command"},
    "features": {
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "bot_user": {"display_name": "ds-bot", "always_online": True},
        "slash_commands": [
            {
                "command": "/ds",
                "description": "VMs, RStudio and Shiny · VM, RStudio, Shiny",
                "usage_hint": "help | vm NAME | rstudio | shiny | ps | kill ID",
                "should_escape": False,
            }
        ],
    },
    "oauth_config": {
        "scopes": {
            "bot": [
                "commands",
                "chat:write",
                "chat:write.public",
                "files:read",
                "files:write",
                "users:read",
                "im:write",
                "im:read",
                "im:history",
                "usergroups:read",
                "channels:read",
                "channels:join",
                "channels:history",
                "groups:read",
                "groups:history",
                "reactions:write",
                "team:read",
            ]
        }
    },
    "settings": {
        "event_subscriptions": {"bot_events": ["app_home_opened"]},
        "interactivity": {"is_enabled": True},
        "socket_mode_enabled": True,
    },
}


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command that the app has registered."""

    name: str
    description: str
    usage_hint: str
    should_escape: bool


class Manifest:
    """Questions that the sandbox asks of a manifest."""

    def __init__(self, raw: Mapping[str, Any] | None = None) -> None:
        self.raw: Mapping[str, Any] = DEFAULT_MANIFEST if raw is None else raw
        self.commands = {command.name: command for command in self._read_commands()}

    @property
    def app_name(self) -> str:
        """The name that people see beside the app's messages."""
        bot_name = self._at("features", "bot_user", "display_name")
        return str(bot_name or self._at("display_information", "name") or "app")

    @property
    def description(self) -> str:
        return str(self._at("display_information", "description") or "")

    @property
    def scopes(self) -> frozenset[str] | None:
        """The bot's scopes, or None when the manifest does not say: then none is missing."""
        scopes = self._at("oauth_config", "scopes", "bot")
        return None if scopes is None else frozenset(scopes)

    @property
    def has_home_tab(self) -> bool:
        return bool(self._at("features", "app_home", "home_tab_enabled"))

    @property
    def has_messages_tab(self) -> bool:
        return bool(self._at("features", "app_home", "messages_tab_enabled"))

    @property
    def is_messages_tab_read_only(self) -> bool:
        return bool(self._at("features", "app_home", "messages_tab_read_only_enabled"))

    @property
    def is_interactive(self) -> bool:
        return bool(self._at("settings", "interactivity", "is_enabled"))

    def wants_event(self, name: str) -> bool:
        """Whether the app has subscribed to a bot event."""
        return name in (self._at("settings", "event_subscriptions", "bot_events") or ())

    def _read_commands(self) -> list[Command]:
        return [
            Command(
                name=entry["command"],
                description=entry.get("description", ""),
                usage_hint=entry.get("usage_hint", ""),
                should_escape=bool(entry.get("should_escape", False)),
            )
            for entry in self._at("features", "slash_commands") or ()
        ]

    def _at(self, *path: str) -> Any:
        found: Any = self.raw
        for key in path:
            if not isinstance(found, Mapping):
                return None
            found = found.get(key)
        return found
