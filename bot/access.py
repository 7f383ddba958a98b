"""Who may do what: pure rules over Slack ids. In doubt the answer is no."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from bot.errors import NotAllowed
from bot.models import Caller, Member, Person, Text


class Rules(Protocol):
    """Whom the operator lets in. Empty collections do not narrow."""

    @property
    def users(self) -> Collection[str]: ...

    @property
    def channels(self) -> Collection[str]: ...

    @property
    def admins(self) -> Collection[str]: ...


def require_member(caller: Caller, member: Member, rules: Rules) -> None:
    """Raises NotAllowed unless the person may use the bot here."""
    if not member.is_full_member:
        raise NotAllowed(Text("Only full members of this workspace can use the bot."))
    if _is_admin(caller, rules):
        return
    if rules.users and caller.user_id not in rules.users:
        raise NotAllowed(
            Text("You are not on the list of people who can use the bot. Ask its operator.")
        )
    if rules.channels and caller.channel_id not in rules.channels:
        raise NotAllowed(Text("The bot takes no commands in this channel. Try another one."))


def is_owner_or_admin(caller: Caller, owner_id: str | None, rules: Rules) -> bool:
    """Whether somebody may act on what `owner_id` owns. What nobody owns is the admins'."""
    return _is_admin(caller, rules) or caller.user_id == owner_id


def require_owner(caller: Caller, owner_id: str | None, rules: Rules, what: str) -> None:
    """Raises NotAllowed unless the person owns `what` or is an admin."""
    if is_owner_or_admin(caller, owner_id, rules):
        return
    if owner_id is None:
        raise NotAllowed(
            Text("The bot did not start `{what}`, so only an admin can do that.", what=what)
        )
    raise NotAllowed(
        Text(
            "`{what}` belongs to {owner}. Only they or an admin can do that.",
            what=what,
            owner=Person(owner_id),
        )
    )


def require_admin(caller: Caller, rules: Rules) -> None:
    """Raises NotAllowed unless the person is an admin."""
    if not _is_admin(caller, rules):
        raise NotAllowed(Text("Only an admin can do that."))


def _is_admin(caller: Caller, rules: Rules) -> bool:
    """Whoever runs a command on the bot's machine can read its database and its secrets anyway."""
    return caller.user_id in rules.admins or caller.is_local
