"""The contacts that syncd no longer looks after and that may be at the target."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the table. What earlier versions left at the target, they did not note."""
    op.execute(
        'CREATE TABLE leftover (id INTEGER NOT NULL, source VARCHAR NOT NULL, "key" VARCHAR NOT NULL,'
        " remote_id INTEGER, change INTEGER, match VARCHAR NOT NULL, why VARCHAR NOT NULL, at FLOAT NOT NULL,"
        " told INTEGER NOT NULL, PRIMARY KEY (id))"
    )
    op.execute("CREATE UNIQUE INDEX leftover_remote_id ON leftover (remote_id)")
    op.execute("CREATE UNIQUE INDEX leftover_change ON leftover (change)")
