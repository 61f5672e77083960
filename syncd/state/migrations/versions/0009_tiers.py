"""The windows of the lists of calls and messages, and of sent messages: each request belongs to a tier."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the tier. All requests of earlier versions belong to the default tier."""
    op.execute("ALTER TABLE request ADD COLUMN tier VARCHAR NOT NULL DEFAULT 'default'")
    op.execute("DROP INDEX request_at")
    op.execute("CREATE INDEX request_at ON request (tier, pause, at)")
