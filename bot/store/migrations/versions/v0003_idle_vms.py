"""Idle VMs: what was seen of each, leases, marks, findings, switches and ticks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.tables import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NEW = ("vm_watch", "leases", "idle_marks", "findings", "switches", "ticks")


def upgrade() -> None:
    op.create_table(
        "vm_watch",
        sa.Column("vm", sa.String(40), primary_key=True),
        sa.Column("looked_at", Instant, nullable=False),
        sa.Column("activity", sa.JSON),
        sa.Column("signals", sa.JSON),
        sa.Column("idle_since", Instant),
        sa.Column("blind_since", Instant),
        sa.Column("busy_at", Instant),
        sa.Column("busy_why", sa.JSON),
        sa.Column("verdict", sa.JSON),
        sa.Column("billed_from", Instant),
    )
    op.create_table(
        "leases",
        sa.Column("vm", sa.String(40), primary_key=True),
        sa.Column("ends_at", Instant),
        sa.Column("extended_by", sa.String(40)),
        sa.Column("kept_until", Instant),
        sa.Column("kept_by", sa.String(40)),
        sa.Column("kept_at", Instant),
    )
    _create_marks()
    op.create_table(
        "findings",
        sa.Column("key", sa.String(120), primary_key=True),
        sa.Column("fact", sa.Text, nullable=False),
        sa.Column("first_at", Instant, nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.Column("told_at", Instant),
    )
    op.create_table(
        "switches",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("is_on", sa.Boolean, nullable=False),
        sa.Column("changed_by", sa.String(40), nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
    )
    op.create_table(
        "ticks",
        sa.Column("job", sa.String(40), primary_key=True),
        sa.Column("at", Instant, nullable=False),
    )


def downgrade() -> None:
    for table in _NEW:
        op.drop_table(table)


def _create_marks() -> None:
    op.create_table(
        "idle_marks",
        sa.Column("vm", sa.String(40), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("marked_at", Instant, nullable=False),
        sa.Column("idle_since", Instant),
        sa.Column("why", sa.JSON, nullable=False),
        sa.Column("delivered_at", Instant),
        sa.Column("notices", sa.JSON, nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("how", sa.String(20)),
        sa.Column("ended_by", sa.String(40)),
        sa.Column("until", Instant),
    )
    op.create_index(
        "idle_marks_open",
        "idle_marks",
        ["vm"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
