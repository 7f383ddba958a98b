"""What people in a terminal of the bot's machine are told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.tables import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "local_people",
        sa.Column("user_id", sa.String(40), primary_key=True),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
    )
    op.create_table(
        "local_messages",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("key", sa.String(120), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("blocks", sa.JSON, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("seen_version", sa.Integer, nullable=False),
        sa.Column("posted_at", Instant, nullable=False),
        sa.Column("file_name", sa.String(255)),
        sa.Column("content", sa.LargeBinary),
    )
    op.create_index("local_messages_key", "local_messages", ["channel", "key"], unique=True)
    op.create_index("local_messages_by_time", "local_messages", ["posted_at"])


def downgrade() -> None:
    op.drop_table("local_messages")
    op.drop_table("local_people")
