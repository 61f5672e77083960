"""The journal finds changes by the id that a contact had before."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add an index of the old ids."""
    # A create, the most frequent change, has no old id, and so no row in the index.
    op.execute("CREATE INDEX change_old_id ON change (old_id) WHERE old_id IS NOT NULL")
