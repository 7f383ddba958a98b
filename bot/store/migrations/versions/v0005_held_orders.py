"""Orders that SoftLayer has taken and holds until somebody approves them there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "vms", sa.Column("is_held", sa.Boolean, nullable=False, server_default=sa.false())
    )
