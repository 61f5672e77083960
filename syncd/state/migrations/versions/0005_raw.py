"""The ledger knows the digest of the row that a contact was made of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column ``raw``."""
    # It is null until a run fills it: the next run maps every row.
    op.add_column("contact", sa.Column("raw", sa.Integer))
