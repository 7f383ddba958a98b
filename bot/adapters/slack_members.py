"""What Slack says of a person, remembered for some minutes; nobody is let in on a guess."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.errors import ChatRefused, ChatUnknown
from bot.models import Member
from bot.ports import Clock

_GUEST_MARKS = ("is_restricted", "is_ultra_restricted", "is_bot", "deleted", "is_stranger")
_SLACKBOT = "USLACKBOT"  # the only bot that is not marked as one


def member_of(user: dict[str, Any], team_id: str) -> Member:
    """A `user` object of users.info (with its locale) in our words.

    Not a full member: a guest, a bot, somebody deactivated, or somebody of another workspace
    (Slack Connect: strangers can click buttons in a shared channel). In an Enterprise organisation
    `enterprise_user.teams` names all workspaces of a person.
    Raises LookupError, TypeError or ValueError when it is no user object.
    """
    user_id = user["id"]
    if not isinstance(user_id, str) or not user_id:
        raise ValueError("a user without an id")
    teams = {user.get("team_id"), *((user.get("enterprise_user") or {}).get("teams") or ())}
    is_marked = user_id == _SLACKBOT or any(user.get(mark) for mark in _GUEST_MARKS)
    return Member(
        user_id=user_id,
        language="ko" if str(user.get("locale") or "").lower().startswith("ko") else "en",
        is_full_member=team_id in teams and not is_marked,
        tz=str(user.get("tz") or "UTC"),
    )


@dataclass(frozen=True, slots=True)
class _Known:
    member: Member
    at: datetime


class Members:
    """Remembers members. ask: looks one up in Slack; raises ChatRefused and ChatUnknown.

    fresh_for: how long Slack is not asked again. stale_for: how old an answer may be to be used
    while Slack does not answer.
    """

    def __init__(
        self,
        ask: Callable[[str], Member],
        clock: Clock,
        fresh_for: timedelta = timedelta(minutes=5),
        stale_for: timedelta = timedelta(hours=1),
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._fresh_for = fresh_for
        self._stale_for = stale_for
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def get(self, user_id: str) -> Member:
        """The person. Raises ChatRefused when Slack knows none, ChatUnknown when it is silent."""
        known = self._remembered(user_id)
        if known and self._age(known) < self._fresh_for:
            return known.member
        try:
            member = self._ask(user_id)
        except ChatRefused:
            self._forget(user_id)
            raise
        except ChatUnknown:
            if known and self._age(known) < self._stale_for:
                return known.member
            raise
        with self._lock:
            self._known[user_id] = _Known(member, self._clock.now())
        return member

    def _age(self, known: _Known) -> timedelta:
        return self._clock.now() - known.at

    def _remembered(self, user_id: str) -> _Known | None:
        with self._lock:
            return self._known.get(user_id)

    def _forget(self, user_id: str) -> None:
        with self._lock:
            self._known.pop(user_id, None)
