"""Operations: recorded before they are acked, found again after a crash."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.models import Caller, Click, MessageRef, Operation, OperationState
from bot.store.clicks import click_row
from bot.store.database import quickly, take_turns
from bot.store.tables import clicks, operations

_CLICK_LOCK = 684279  # an advisory lock of PostgreSQL's, taken while double clicks are looked for


class OperationStore:
    """The `operations` table. For many threads and processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def record(
        self,
        operation: Operation,
        *,
        unless_within: timedelta | None = None,
        click: Click | None = None,
    ) -> bool:
        """Write a new operation down; False when its id is known, so that it is done once only.

        unless_within: False as well when the same person asked for exactly the same that shortly
        before (a double click). click: what asked for it, written down with it.
        """
        try:
            with quickly(self._engine) as connection:
                if unless_within:
                    take_turns(connection, operations, _CLICK_LOCK)
                    if _was_just_asked(connection, operation, unless_within):
                        return False
                connection.execute(operations.insert().values(_row(operation)))
                if click is not None:
                    row = click_row(operation, click)
                    connection.execute(clicks.insert().values(row))
        except sa.exc.IntegrityError:
            return False
        return True

    def get(self, op_id: str) -> Operation:
        """One operation. Raises LookupError."""
        with self._engine.connect() as connection:
            row = connection.execute(operations.select().filter_by(id=op_id)).one_or_none()
        if row is None:
            raise LookupError(op_id)
        return _operation(row)

    def unfinished(self, team_id: str | None = None) -> list[str]:
        """Ids of all operations that have no final state, or of one team's; oldest first."""
        query = (
            sa.select(operations.c.id)
            .where(operations.c.state == OperationState.REQUESTED)
            .order_by(operations.c.requested_at)
        )
        if team_id is not None:
            query = query.where(operations.c.team_id == team_id)
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def since(self, at: datetime) -> list[Operation]:
        """All that were asked for since an instant, and all that have no final state."""
        query = operations.select().where(
            sa.or_(operations.c.requested_at >= at, operations.c.state == OperationState.REQUESTED)
        )
        with self._engine.connect() as connection:
            return [_operation(row) for row in connection.execute(query)]

    def posted(self, op_id: str, message: MessageRef) -> None:
        """Remember the operation's card."""
        self._update(op_id, message_channel=message.channel_id, message_ts=message.ts)

    def finish(
        self, op_id: str, state: OperationState, at: datetime, incident: str | None = None
    ) -> None:
        """The operation's final state; its response_url is of no more use."""
        self._update(op_id, state=state, ended_at=at, incident=incident, response_url=None)

    def forget(self, before: datetime) -> int:
        """Delete operations that ended before an instant; gives their number."""
        old = operations.delete().where(operations.c.ended_at < before)
        with self._engine.begin() as connection:
            count = connection.execute(old).rowcount
            known = sa.select(operations.c.id)
            connection.execute(clicks.delete().where(clicks.c.op_id.not_in(known)))
        return count

    def counts(self) -> dict[tuple[str, str], int]:
        """How many operations there are, by kind and state."""
        kind, state = operations.c.kind, operations.c.state
        query = sa.select(kind, state, sa.func.count()).group_by(kind, state)
        with self._engine.connect() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(query)}

    def ping(self) -> None:
        """Raises SQLAlchemyError when the database does not answer."""
        with self._engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))

    def _update(self, op_id: str, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(operations.update().filter_by(id=op_id).values(values))


def _was_just_asked(connection: sa.Connection, operation: Operation, within: timedelta) -> bool:
    recent = sa.select(operations.c.args).where(
        operations.c.user_id == operation.caller.user_id,
        operations.c.kind == operation.kind,
        # Within on both sides: after the clock was set back, all that is known lies ahead.
        operations.c.requested_at > operation.requested_at - within,
        operations.c.requested_at < operation.requested_at + within,
    )
    return any(args == operation.args for args in connection.scalars(recent))


def _row(operation: Operation) -> dict[str, Any]:
    return {
        "id": operation.id,
        "kind": operation.kind,
        "args": operation.args,
        "user_id": operation.caller.user_id,
        "team_id": operation.caller.team_id,
        "channel_id": operation.caller.channel_id,
        "requested_at": operation.requested_at,
        "state": operation.state,
        "response_url": operation.response_url,
    }


def _operation(row: sa.Row[Any]) -> Operation:
    message = MessageRef(row.message_channel, row.message_ts) if row.message_ts else None
    return Operation(
        id=row.id,
        kind=row.kind,
        args=row.args,
        caller=Caller(row.user_id, row.team_id, row.channel_id),
        requested_at=row.requested_at,
        state=OperationState(row.state),
        response_url=row.response_url,
        message=message,
    )
