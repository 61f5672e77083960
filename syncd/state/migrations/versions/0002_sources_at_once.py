"""Sources that run at the same time see each other's calls."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the table of deletes, and the match value that a moved contact had before."""
    op.execute("ALTER TABLE change ADD COLUMN old_match VARCHAR")
    op.execute(
        "CREATE TABLE deletion (id INTEGER NOT NULL, remote_id INTEGER NOT NULL, source VARCHAR NOT NULL,"
        ' "match" VARCHAR NOT NULL, begun FLOAT NOT NULL, ended INTEGER, PRIMARY KEY (id))'
    )
    op.execute("CREATE INDEX deletion_remote_id ON deletion (remote_id)")
    op.execute("CREATE INDEX deletion_open ON deletion (source) WHERE ended IS NULL")
    # From now on this fact gives the ids of changes. They must not start again below those that were given before.
    op.execute("INSERT INTO fact (name, value) SELECT 'journal.newest', coalesce(max(id), 0) FROM change")
