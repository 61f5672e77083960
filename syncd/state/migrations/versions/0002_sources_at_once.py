"""Sources that run at the same time see each other's calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the table of deletes, and the match value that a moved contact had before."""
    op.add_column("change", sa.Column("old_match", sa.String))
    op.create_table(
        "deletion",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("remote_id", sa.Integer, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("match", sa.String, nullable=False),
        sa.Column("begun", sa.Float, nullable=False),
        sa.Column("ended", sa.Integer),
    )
    op.create_index("deletion_remote_id", "deletion", ["remote_id"])
    op.create_index("deletion_open", "deletion", ["source"], sqlite_where=sa.text("ended IS NULL"))
    # From now on this fact gives the ids of changes. They must not start again below those that were given before.
    op.execute("INSERT INTO fact (name, value) SELECT 'journal.newest', coalesce(max(id), 0) FROM change")
