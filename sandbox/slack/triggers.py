"""Trigger ids: the right to open one modal within three seconds of what a person did."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.slack.errors import SlackError

LIFETIME_S = 3.0  # docs.slack.dev/interactivity/handling-user-interaction


@dataclass(slots=True)
class Trigger:
    """What a person did; `view_id` is the modal it was done in, if it was in one."""

    user: str
    issued_at: float
    view_id: str | None = None
    is_used: bool = False


class Triggers:
    """Hands out trigger ids and exchanges each once."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._issued: dict[str, Trigger] = {}

    def issue(self, user: str, view_id: str | None = None) -> str:
        """A fresh trigger id for what `user` has just done."""
        numbers = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}"
        trigger_id = f"{numbers}.{secrets.token_hex(16)}"
        self._issued[trigger_id] = Trigger(user, self._time(), view_id)
        return trigger_id

    def exchange(self, trigger_id: str) -> Trigger:
        """Use a trigger id up.

        Raises SlackError: invalid_trigger_id, expired_trigger_id, exchanged_trigger_id.
        """
        trigger = self._issued.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.is_used:
            raise SlackError("exchanged_trigger_id")
        if self._time() - trigger.issued_at > LIFETIME_S:
            raise SlackError("expired_trigger_id")
        trigger.is_used = True
        return trigger
