"""Marks of one sweep whose notices are told together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("idle_marks", sa.Column("batch", sa.String(40)))
    op.create_index("idle_marks_by_batch", "idle_marks", ["batch"])
