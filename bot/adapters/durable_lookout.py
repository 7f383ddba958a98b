"""Who runs operations here now, seen from a process that does not (yet)."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path

import sqlalchemy as sa

from bot.adapters.durable_seats import BOT_NAME, GUEST_NAME, is_locked, shown


class Presence(Enum):
    """Who sits on the seat, or on one of PostgreSQL's."""

    NOBODY = "nobody"
    GUEST = "a guest"
    BOT = "a bot"


class Lookout:
    """Looks at the seats of one store. Each look is quick and changes nothing."""

    def __init__(self, home: Path, engine: sa.Engine) -> None:
        self._home = home
        self._engine = engine

    def who(self) -> Presence:
        """A bot, if there is one; our own guest counts as well."""
        if self._engine.dialect.name == "postgresql":
            return self._in_postgresql()
        return self._in_directory()

    def is_bot_waiting(self) -> bool:
        """Whether a guest must stand up."""
        if self._engine.dialect.name == "postgresql":
            return self._in_postgresql() is Presence.BOT
        return is_locked(self._home / "operations.next")

    def _in_directory(self) -> Presence:
        is_guests = is_locked(self._home / "operations.guest")
        # A bot that comes in this very moment must not take our look for another bot.
        mark = shown(self._home)
        try:
            if not is_locked(self._home / "operations.lock"):
                return Presence.NOBODY
        finally:
            os.close(mark)
        return Presence.GUEST if is_guests else Presence.BOT

    def _in_postgresql(self) -> Presence:
        query = sa.text(
            "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name IN (:bot, :guest)"
        )
        with self._engine.connect() as connection:
            names = set(connection.scalars(query, {"bot": BOT_NAME, "guest": GUEST_NAME}))
        if BOT_NAME in names:
            return Presence.BOT
        return Presence.GUEST if names else Presence.NOBODY
