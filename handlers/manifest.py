"""The Slack app's manifest, from `config/manifest.yaml` and the grammar."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml

from handlers.grammar import Grammar

_MAX_HINT = 1000  # characters (slack.md §5)


def manifest(grammar: Grammar, transport: str, request_url: str | None = None) -> dict[str, Any]:
    """The manifest for a transport ("socket" or "http").

    request_url: where Slack reaches `/slack/events`; only HTTP mode has one.
    """
    text = files("config").joinpath("manifest.yaml").read_text("utf-8")
    text = text.replace("{command}", grammar.slash).replace("{hint}", _hint(grammar))
    app: dict[str, Any] = yaml.safe_load(text)
    app["settings"]["socket_mode_enabled"] = transport == "socket"
    if transport == "http":
        url = request_url or "https://YOUR-HOST/slack/events"
        app["settings"]["interactivity"]["request_url"] = url
        app["settings"]["event_subscriptions"]["request_url"] = url
        for command in app["features"]["slash_commands"]:
            command["url"] = url
    return app


def _hint(grammar: Grammar) -> str:
    names = (" ".join([*each.words, *(param.metavar for param in each.params)])
             for each in grammar.commands)  # fmt: skip
    return " | ".join(names)[:_MAX_HINT]
