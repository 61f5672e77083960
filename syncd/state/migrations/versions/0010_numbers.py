"""Who has which number: an index of the ledger, who had it, and which rows with numbers are not sent."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

_TABLES = (
    """
    CREATE TABLE number (
        number VARCHAR NOT NULL, source VARCHAR NOT NULL, "key" VARCHAR NOT NULL,
        PRIMARY KEY (number, source, "key")
    ) WITHOUT ROWID
    """,
    'CREATE INDEX number_key ON number (source, "key")',
    """
    CREATE TABLE formernumber (
        number VARCHAR NOT NULL, source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, name VARCHAR NOT NULL,
        until FLOAT NOT NULL, run VARCHAR NOT NULL, PRIMARY KEY (number, source, "key")
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE unsent (
        source VARCHAR NOT NULL, number VARCHAR NOT NULL, "key" VARCHAR NOT NULL, at VARCHAR NOT NULL,
        name VARCHAR NOT NULL, why VARCHAR NOT NULL, reason VARCHAR NOT NULL,
        PRIMARY KEY (number, source, "key", at)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX unsent_source ON unsent (source)",
    "ALTER TABLE change ADD COLUMN place VARCHAR",
)


def upgrade() -> None:
    """Create the tables. The next run fills them from the ledger."""
    for statement in _TABLES:
        op.execute(statement)
