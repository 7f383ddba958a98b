"""What people in a terminal of the bot's machine are told: rows that any process may write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.store.tables import local_messages, local_people

Blocks = list[dict[str, Any]]

_SHOWN = [column for column in local_messages.c if column.name != "content"]


@dataclass(frozen=True, slots=True)
class LocalMessage:
    """A message as it is now. file_name: set when the message is a file."""

    id: int
    channel: str
    key: str
    text: str
    blocks: Blocks
    version: int
    file_name: str | None


class LocalStore:
    """The tables `local_people` and `local_messages`. For many threads and processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # --- people ---

    def meet(self, user_id: str, language: str, at: datetime) -> None:
        """Somebody sits down at a terminal and reads a language."""
        values = {"language": language, "seen_at": at}
        with self._engine.begin() as connection:
            known = local_people.update().where(local_people.c.user_id == user_id).values(values)
            if connection.execute(known).rowcount:
                return
        try:
            with self._engine.begin() as connection:
                connection.execute(local_people.insert().values(values | {"user_id": user_id}))
        except sa.exc.IntegrityError:  # in another terminal, in the same moment
            return

    def language(self, user_id: str) -> str | None:
        """What somebody reads; None when they have never been there."""
        query = sa.select(local_people.c.language).where(local_people.c.user_id == user_id)
        with self._engine.connect() as connection:
            found: str | None = connection.scalar(query)
            return found

    # --- messages ---

    def post(
        self,
        channel: str,
        key: str,
        text: str,
        blocks: Blocks,
        at: datetime,
        file: tuple[str, bytes] | None = None,
    ) -> int:
        """Write a message down; gives its id, also of one that has this key already.

        file: its name and what is in it.
        """
        name, content = file if file is not None else (None, None)
        row = {
            "channel": channel,
            "key": key,
            "text": text,
            "blocks": blocks,
            "version": 1,
            "seen_version": 0,
            "posted_at": at,
            "file_name": name,
            "content": content,
        }
        try:
            with self._engine.begin() as connection:
                made = connection.execute(local_messages.insert().values(row))
                assert made.inserted_primary_key is not None
                return int(made.inserted_primary_key[0])
        except sa.exc.IntegrityError:
            found = self.find(channel, key)
            if found is None:
                raise
            return found.id

    def find(self, channel: str, key: str) -> LocalMessage | None:
        """The message with this key."""
        return self._one(local_messages.c.channel == channel, local_messages.c.key == key)

    def get(self, message_id: int) -> LocalMessage | None:
        """One message."""
        return self._one(local_messages.c.id == message_id)

    def edit(self, message_id: int, text: str, blocks: Blocks) -> bool:
        """Change what a message says; False when it is no longer there."""
        version = local_messages.c.version + 1
        query = local_messages.update().where(local_messages.c.id == message_id)
        with self._engine.begin() as connection:
            edited = query.values(text=text, blocks=blocks, version=version)
            return connection.execute(edited).rowcount == 1

    def of_operation(self, channel: str, op_id: str) -> list[LocalMessage]:
        """All that was said about an operation, the oldest first: its key begins with the id."""
        key = local_messages.c.key
        about = sa.or_(key == op_id, key.startswith(f"{op_id}:", autoescape=True))
        return self._all(local_messages.c.channel == channel, about)

    def has_file(self, channel: str, name: str, since: datetime) -> bool:
        """Whether a file of that name was posted at or after an instant."""
        table = local_messages.c
        query = sa.select(table.id).where(
            table.channel == channel, table.file_name == name, table.posted_at >= since
        )
        with self._engine.connect() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def unseen(self, channel: str) -> list[LocalMessage]:
        """What no terminal has shown in its newest version, the oldest first."""
        newer = local_messages.c.version > local_messages.c.seen_version
        return self._all(local_messages.c.channel == channel, newer)

    def seen(self, message: LocalMessage) -> None:
        """A terminal has shown this version."""
        query = local_messages.update().where(local_messages.c.id == message.id)
        with self._engine.begin() as connection:
            connection.execute(query.values(seen_version=message.version))

    def content(self, message_id: int) -> bytes | None:
        """What is in a file."""
        query = sa.select(local_messages.c.content).where(local_messages.c.id == message_id)
        with self._engine.connect() as connection:
            found: bytes | None = connection.scalar(query)
            return found

    def forget(self, before: datetime, files_before: datetime) -> int:
        """Delete messages, and files sooner, posted before an instant; gives their number."""
        at, name = local_messages.c.posted_at, local_messages.c.file_name
        is_old = sa.or_(at < before, sa.and_(name.is_not(None), at < files_before))
        old = local_messages.delete().where(is_old)
        with self._engine.begin() as connection:
            return connection.execute(old).rowcount

    def _one(self, *where: sa.ColumnElement[bool]) -> LocalMessage | None:
        return next(iter(self._all(*where)), None)

    def _all(self, *where: sa.ColumnElement[bool]) -> list[LocalMessage]:
        query = sa.select(*_SHOWN).where(*where).order_by(local_messages.c.id)
        with self._engine.connect() as connection:
            return [_message(row) for row in connection.execute(query)]


def _message(row: sa.Row[Any]) -> LocalMessage:
    return LocalMessage(
        row.id, row.channel, row.key, row.text, row.blocks, row.version, row.file_name
    )
