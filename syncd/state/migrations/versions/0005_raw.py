"""The ledger knows the row that a contact was made of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; until a run fills it, every row is looked at."""
    op.add_column("contact", sa.Column("raw", sa.Integer))


def downgrade() -> None:
    """Refuse: an older program would lose what a newer one recorded."""
    raise NotImplementedError
