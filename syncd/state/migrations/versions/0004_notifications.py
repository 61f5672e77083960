"""What was told, what is to be told, how far a run is, and when a request was answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the alarms, the notices, what a run has planned, and when requests were answered."""
    op.add_column("run", sa.Column("planned", sa.Integer))
    op.add_column("request", sa.Column("late", sa.Float))
    op.create_table(
        "alarm",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("since", sa.Float, nullable=False),
    )
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("left", sa.String),
        sa.Column("tried", sa.Float),
    )


def downgrade() -> None:
    """Refuse: an older program would lose what a newer one recorded."""
    raise NotImplementedError
