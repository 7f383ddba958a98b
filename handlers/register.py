"""The table of what Slack may send us. Each listener takes it down and acks; nothing slow."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from slack_bolt import Ack, App

from bot.models import Caller, Click, MessageRef
from bot.replies.blocks import CHOOSE, FORM, HOME_PAGE, OPEN, PAGE, PASSWORD, RUN
from bot.replies.form import CALLBACK
from bot.replies.pages import command_of
from handlers.boundary import Boundary
from handlers.sender import Typed


def register(app: App, boundary: Boundary, command: str) -> None:
    """Add our listeners to a Bolt app."""

    @app.command(command)
    def on_command(ack: Ack, body: dict[str, Any]) -> None:
        boundary.take(_typed(body))
        ack()

    @app.action(_numbered(RUN))
    def on_run(ack: Ack, body: dict[str, Any], action: dict[str, Any]) -> None:
        boundary.take(_clicked(body, action))
        ack()

    @app.action(_numbered(CHOOSE))
    def on_choose(ack: Ack, body: dict[str, Any], action: dict[str, Any]) -> None:
        boundary.take(_clicked(body, action))
        ack()

    @app.action(_numbered(PAGE))
    def on_page(ack: Ack, body: dict[str, Any], action: dict[str, Any]) -> None:
        boundary.take(replace(_clicked(body, action), click=None, replaces=True))
        ack()

    _register_views(app, boundary)


def _register_views(app: App, boundary: Boundary) -> None:
    """Windows and the App Home."""

    @app.action(_numbered(HOME_PAGE))
    def on_home_page(ack: Ack, body: dict[str, Any], action: dict[str, Any]) -> None:
        boundary.refresh_home(body["user"]["id"], action.get("value", ""))
        ack()

    @app.action(_numbered(PASSWORD))
    def on_password(ack: Ack, body: dict[str, Any], action: dict[str, Any]) -> None:
        boundary.show_password(_clicked(body, action))
        ack()

    @app.action(_numbered(FORM))
    def on_form(ack: Ack, body: dict[str, Any], action: dict[str, Any]) -> None:
        boundary.open_form(_clicked(body, action))
        ack()

    @app.view(CALLBACK)
    def on_submit(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        key = f"{body['team']['id']}:{view['id']}"
        errors = boundary.submit_form(_clicker(body), view, key)
        if errors:
            ack(response_action="errors", errors=errors)
        else:
            ack()

    @app.event("app_home_opened")
    def on_home(event: dict[str, Any]) -> None:
        if event.get("tab") == "home":
            boundary.refresh_home(event["user"])

    @app.action(_numbered(OPEN))
    def on_open(ack: Ack) -> None:
        ack()


def _numbered(action_id: str) -> re.Pattern[str]:
    """Action ids end in a number, so that they differ within a message."""
    return re.compile(rf"^{action_id}:\d+$")


def _typed(body: dict[str, Any]) -> Typed:
    """A slash command's payload. Ids only: names in it may be anything."""
    caller = Caller(body["user_id"], body["team_id"], body["channel_id"])
    return Typed(
        line=body.get("text", ""),
        caller=caller,
        key=f"{caller.team_id}:{body['trigger_id']}",
        response_url=body["response_url"],
        trigger_id=body["trigger_id"],
    )


def _clicked(body: dict[str, Any], action: dict[str, Any]) -> Typed:
    caller, click = _clicker(body), _click(body, action)
    return Typed(
        line=action.get("value", ""),
        caller=caller,
        key=f"{caller.team_id}:{body['trigger_id']}",
        response_url=body.get("response_url") or None,
        trigger_id=body["trigger_id"],
        is_click=True,
        click=click,
        replaces=click is not None and click.is_answer and click.is_private,
    )


def _click(body: dict[str, Any], action: dict[str, Any]) -> Click | None:
    """The click on a message, as Slack describes it; None on the Home tab."""
    place = body.get("container", {})
    if not place.get("message_ts"):
        return None
    message = body.get("message", {})
    block_id = action.get("block_id", "")
    return Click(
        message=MessageRef(place["channel_id"], place["message_ts"]),
        value=action.get("value", ""),
        label=action.get("text", {}).get("text", ""),
        block_id=block_id,
        is_answer=action["action_id"].startswith(CHOOSE),
        is_private=bool(place.get("is_ephemeral")),
        listed=command_of(block_id),
        text=message.get("text", ""),
        blocks=message.get("blocks", []),
    )


def _clicker(body: dict[str, Any]) -> Caller:
    """Who clicked, and where; on the Home tab there is no channel."""
    channel = body.get("channel", {}).get("id") or body["user"]["id"]
    return Caller(body["user"]["id"], body["team"]["id"], channel)
