"""Runs that undo other runs, and the changes that they undid."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the kind of each run, and the table of undone changes."""
    # The rows that are there already are of runs: there was nothing else.
    op.add_column("run", sa.Column("kind", sa.String, nullable=False, server_default="run"))
    op.add_column("run", sa.Column("undoes", sa.String))
    op.create_table(
        "undone",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("digest", sa.Integer),
        sa.Column("run", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
