"""What contacts want of numbers that others keep, whose a person says a number is, and what is decided anew."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

_TABLES = (
    """
    CREATE TABLE wanted (
        source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, phones VARCHAR NOT NULL, changed FLOAT NOT NULL,
        PRIMARY KEY (source, "key")
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE leftout (
        number VARCHAR NOT NULL, source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, reason VARCHAR NOT NULL,
        PRIMARY KEY (number, source, "key")
    ) WITHOUT ROWID
    """,
    'CREATE INDEX leftout_key ON leftout (source, "key")',
    """
    CREATE TABLE assigned (
        number VARCHAR NOT NULL, source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, at FLOAT NOT NULL,
        PRIMARY KEY (number)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE due (
        source VARCHAR NOT NULL, number VARCHAR NOT NULL,
        PRIMARY KEY (source, number)
    ) WITHOUT ROWID
    """,
)


def upgrade() -> None:
    """Create the tables."""
    for statement in _TABLES:
        op.execute(statement)
