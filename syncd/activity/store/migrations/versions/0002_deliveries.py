"""Whose an activity is, what sinks were sent of it, and who gets no messages."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

# The columns are written out and not taken from syncd.activity.store.tables, which has those of the newest version.
_STATEMENTS = (
    "ALTER TABLE call ADD COLUMN revision INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE message ADD COLUMN revision INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX call_revision ON call (revision)",
    "CREATE INDEX message_revision ON message (revision)",
    """
    CREATE TABLE attribution (
        kind VARCHAR NOT NULL, id VARCHAR NOT NULL, outcome VARCHAR NOT NULL, number VARCHAR, contacts VARCHAR NOT
        NULL, candidates VARCHAR NOT NULL, as_of VARCHAR, at FLOAT NOT NULL, reason VARCHAR, revision INTEGER NOT
        NULL, PRIMARY KEY (kind, id)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX attribution_open ON attribution (number) WHERE outcome = 'unknown'",
    "CREATE INDEX attribution_revision ON attribution (revision)",
    """
    CREATE TABLE delivery (
        sink VARCHAR NOT NULL, kind VARCHAR NOT NULL, id VARCHAR NOT NULL, status VARCHAR NOT NULL, digest INTEGER NOT
        NULL, fields VARCHAR NOT NULL, tried VARCHAR, remote_id VARCHAR, parts VARCHAR NOT NULL, attempts INTEGER NOT
        NULL, next_try FLOAT NOT NULL, reason VARCHAR, run VARCHAR, created VARCHAR, day VARCHAR, at FLOAT NOT NULL,
        PRIMARY KEY (sink, kind, id)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX delivery_open ON delivery (sink, status) WHERE status <> 'accepted'",
    "CREATE INDEX delivery_day ON delivery (sink, kind, day)",
    """
    CREATE TABLE opt_out (
        number VARCHAR NOT NULL, out INTEGER NOT NULL, at FLOAT NOT NULL, by VARCHAR NOT NULL, PRIMARY KEY (number)
    )
    """,
    """
    CREATE TABLE outgoing (
        id VARCHAR NOT NULL, own VARCHAR NOT NULL, remote VARCHAR NOT NULL, text VARCHAR NOT NULL, at FLOAT NOT NULL,
        state VARCHAR NOT NULL, looks INTEGER NOT NULL, message VARCHAR, reason VARCHAR, PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX outgoing_open ON outgoing (at) WHERE state = 'pending'",
    "CREATE INDEX outgoing_message ON outgoing (message) WHERE message IS NOT NULL",
)


def upgrade() -> None:
    """Add what deliveries need."""
    for statement in _STATEMENTS:
        op.execute(statement)
