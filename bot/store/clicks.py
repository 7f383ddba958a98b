"""Clicks on buttons that asked for operations, so that a used button never comes back."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa

from bot.models import Click, ClickStage, MessageRef, Operation
from bot.store.tables import clicks


def click_row(operation: Operation, click: Click) -> dict[str, Any]:
    """What is written down together with the operation that a click asks for."""
    button = asdict(replace(click, message=MessageRef("", "")))
    return {
        "op_id": operation.id,
        "user_id": operation.caller.user_id,
        "at": operation.requested_at,
        "channel": click.message.channel_id,
        "ts": click.message.ts,
        "button": {name: value for name, value in button.items() if name not in _COLUMNS},
        "stage": click.stage,
    }


_COLUMNS = ("message", "stage", "user_id", "at")


class ClickStore:
    """The `clicks` table. For many threads and processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of(self, op_id: str) -> Click | None:
        """The click that asked for an operation; None when it was typed."""
        with self._engine.connect() as connection:
            row = connection.execute(clicks.select().filter_by(op_id=op_id)).one_or_none()
        return None if row is None else _click(row)

    def on(self, message: MessageRef) -> list[Click]:
        """The clicks on a message whose operations were let in, the oldest first."""
        query = (
            clicks.select()
            .filter_by(channel=message.channel_id, ts=message.ts)
            .where(clicks.c.stage != ClickStage.ASKED)
            .order_by(clicks.c.at, clicks.c.op_id)
        )
        with self._engine.connect() as connection:
            return [_click(row) for row in connection.execute(query)]

    def mark(self, op_id: str, stage: ClickStage) -> None:
        """How far a click is."""
        with self._engine.begin() as connection:
            connection.execute(clicks.update().filter_by(op_id=op_id).values(stage=stage))


def _click(row: sa.Row[Any]) -> Click:
    return Click(
        **row.button,
        message=MessageRef(row.channel, row.ts),
        stage=ClickStage(row.stage),
        user_id=row.user_id,
        at=row.at,
    )
