"""Alarms and their notices, how far a run is, and when a request was answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the tables of alarms and notices, the requests that a run has planned, and the delay of each answer."""
    # Both stay null in the rows that are there: the planned requests of those runs, and those delays, are not known.
    op.add_column("run", sa.Column("planned", sa.Integer))
    op.add_column("request", sa.Column("late", sa.Float))
    op.create_table(
        "alarm",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("since", sa.Float, nullable=False),
    )
    # A notice outlives its alarm: it waits until every destination has received it.
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
