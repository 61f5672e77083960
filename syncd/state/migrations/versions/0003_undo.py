"""Runs that undo other runs, and the changes that they undid."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the kind of each run, and the table of undone changes."""
    # The rows that are there already are of runs: there was nothing else.
    op.execute("ALTER TABLE run ADD COLUMN kind VARCHAR DEFAULT 'run' NOT NULL")
    op.execute("ALTER TABLE run ADD COLUMN undoes VARCHAR")
    op.execute(
        'CREATE TABLE undone (source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, digest INTEGER, run VARCHAR NOT NULL,'
        ' at FLOAT NOT NULL, PRIMARY KEY (source, "key"))'
    )
