"""The ledger knows the digest of the row that a contact was made of."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column ``raw``."""
    # It is null until a run fills it: the next run maps every row.
    op.execute("ALTER TABLE contact ADD COLUMN raw INTEGER")
