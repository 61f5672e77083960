"""The journal is asked whether an id was once ours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Index the ids that contacts had before a change; creates have none."""
    op.create_index("change_old_id", "change", ["old_id"], sqlite_where=sa.text("old_id IS NOT NULL"))


def downgrade() -> None:
    """Refuse: an older program would lose what a newer one recorded."""
    raise NotImplementedError
