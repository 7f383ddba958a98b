"""The Bolt app: listeners run inline, nothing it does can fail the boot or go unacknowledged.

Bolt 1.30 by default hands a listener to one of 5 threads and polls every 10 ms for its ack; with
`process_before_response` the listener runs where the request is dispatched, and an exception is
an answer at once. So listeners only check, record and ack; the work happens in operations.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient

_log = logging.getLogger(__name__)

# Bolt copies this logger's level to all of its own. Below WARNING it logs whole request bodies:
# the one of a wrong signature at INFO (request_verification.py:68), every one at DEBUG.
_bolt_log = logging.getLogger(f"{__name__}.inside")
_bolt_log.setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the bot is in Slack, as `auth.test` says. Without it, own events are not known as own."""

    team_id: str | None = None
    bot_id: str | None = None
    bot_user_id: str | None = None


def bolt_app(
    client: WebClient,
    signing_secret: str | None,
    identity: Callable[[], Identity] = Identity,
) -> App:
    """The app without listeners. Makes no call to Slack, now or while a request waits.

    signing_secret: only HTTP mode needs it. identity: asked at every request, so that it may
    become known after the boot. What no listener wants is acknowledged and logged by its name.
    """

    def authorize(user_id: str | None) -> AuthorizeResult:
        who = identity()
        return AuthorizeResult(
            enterprise_id=None,
            team_id=who.team_id,
            bot_id=who.bot_id,
            bot_user_id=who.bot_user_id,
            bot_token=client.token,
            user_id=user_id,
        )

    # Bolt warns at every boot that `authorize` goes before the token, which it finds in the client
    # and in the environment.
    _bolt_log.setLevel(logging.ERROR)
    try:
        return _App(
            name="ds-bot",
            logger=_bolt_log,
            client=client,
            signing_secret=signing_secret or "",  # None would make Bolt look into the environment
            authorize=authorize,
            process_before_response=True,
        )
    finally:
        _bolt_log.setLevel(logging.WARNING)


class _App(App):
    """Bolt answers 404 to what no listener matches, and in Socket Mode then sends no ack at all.

    Overridden here rather than by catch-all listeners, which would have to be registered last.
    """

    def _handle_unmatched_requests(self, req: BoltRequest, resp: BoltResponse) -> BoltResponse:
        _log.warning("no listener for %s: acknowledged only", _name(req.body))
        return BoltResponse(status=200, body="")


def _name(body: dict[str, Any]) -> str:
    """What a payload is, without what a person wrote: "block_actions vm.stop"."""
    actions = body.get("actions") or [{}]
    view, event = body.get("view") or {}, body.get("event") or {}
    names = (
        body.get("command"),
        event.get("type"),
        actions[0].get("action_id"),
        body.get("callback_id"),
        view.get("callback_id"),
    )
    return " ".join(str(name) for name in (body.get("type"), *names) if name)
