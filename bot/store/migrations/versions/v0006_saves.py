"""Work that was saved from VMs before they were cancelled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.tables import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saves",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("vm", sa.String(40), nullable=False),
        sa.Column("hostname", sa.String(63), nullable=False),
        sa.Column("owner_id", sa.String(40), nullable=False),
        sa.Column("saved_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("manifest", sa.JSON, nullable=False),
        sa.Column("image_guid", sa.String(40)),
        sa.Column("image_bytes", sa.BigInteger),
        sa.Column("restored_as", sa.String(40)),
    )
    op.create_index("saves_by_name", "saves", ["hostname"])
