"""Clicks that asked for an operation: the button gives way to who pressed it, and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.tables import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clicks",
        sa.Column("op_id", sa.String(40), primary_key=True),
        sa.Column("user_id", sa.String(40), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("ts", sa.String(40), nullable=False),
        sa.Column("button", sa.JSON, nullable=False),
        sa.Column("stage", sa.String(10), nullable=False),
    )
    op.create_index("clicks_by_message", "clicks", ["channel", "ts"])
