"""Operations and VMs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.tables import Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operations",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("args", sa.JSON, nullable=False),
        sa.Column("user_id", sa.String(40), nullable=False),
        sa.Column("team_id", sa.String(40), nullable=False),
        sa.Column("channel_id", sa.String(40), nullable=False),
        sa.Column("requested_at", Instant, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("response_url", sa.Text),
        sa.Column("message_channel", sa.String(40)),
        sa.Column("message_ts", sa.String(40)),
        sa.Column("incident", sa.String(40)),
    )
    op.create_index("operations_by_state", "operations", ["state", "requested_at"])
    op.create_table(
        "vms",
        sa.Column("op_id", sa.String(40), primary_key=True),
        sa.Column("hostname", sa.String(63), nullable=False),
        sa.Column("domain", sa.String(253), nullable=False),
        sa.Column("owner_id", sa.String(40), nullable=False),
        sa.Column("channel_id", sa.String(40), nullable=False),
        sa.Column("team_id", sa.String(40), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("is_live", sa.Boolean, nullable=False),
        sa.Column("image", sa.String(80), nullable=False),
        sa.Column("cpus", sa.Integer, nullable=False),
        sa.Column("memory_mb", sa.Integer, nullable=False),
        sa.Column("datacenter", sa.String(40), nullable=False),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("cloud_id", sa.BigInteger),
        sa.Column("address", sa.String(60)),
        sa.Column("host_key", sa.Text),
        sa.Column("hourly_rate", sa.Numeric(12, 5)),
        sa.Column("ready_at", Instant),
        sa.Column("ended_at", Instant),
    )
    op.create_index(
        "vms_live_name",
        "vms",
        ["hostname", "domain"],
        unique=True,
        sqlite_where=sa.text("is_live"),
        postgresql_where=sa.text("is_live"),
    )
    op.create_index("vms_by_owner", "vms", ["owner_id", "is_live"])


def downgrade() -> None:
    op.drop_table("vms")
    op.drop_table("operations")
