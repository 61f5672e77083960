"""The plans that were applied: each is applied once."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Create the table."""
    op.execute(
        "CREATE TABLE appliedplan (digest VARCHAR NOT NULL, run VARCHAR NOT NULL, at FLOAT NOT NULL, exit INTEGER,"
        " PRIMARY KEY (digest, run))"
    )
