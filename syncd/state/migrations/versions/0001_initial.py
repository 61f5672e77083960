"""The first tables."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

# The columns are written out and not taken from syncd.state.tables, which has the columns of the newest version.
# A contact's row has no rowid: the rows lie in the order of the primary key, in which a source's contacts are read.
_TABLES = (
    """
    CREATE TABLE contact (
        source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, digest INTEGER NOT NULL, status VARCHAR NOT NULL,
        remote_id INTEGER, origin VARCHAR NOT NULL, "match" VARCHAR NOT NULL, fields VARCHAR NOT NULL,
        returned VARCHAR, reason VARCHAR, missing_since FLOAT, created_at FLOAT NOT NULL, updated_at FLOAT NOT NULL,
        PRIMARY KEY (source, "key")
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE change (
        id INTEGER NOT NULL, run VARCHAR NOT NULL, source VARCHAR NOT NULL, "key" VARCHAR NOT NULL,
        kind VARCHAR NOT NULL, old_id INTEGER, new_id INTEGER, "match" VARCHAR NOT NULL, digest INTEGER,
        "before" VARCHAR, "after" VARCHAR, horizon INTEGER NOT NULL, outcome VARCHAR NOT NULL, reason VARCHAR,
        at FLOAT NOT NULL, PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE run (
        run VARCHAR NOT NULL, source VARCHAR NOT NULL, started FLOAT NOT NULL, ended FLOAT, outcome VARCHAR NOT NULL,
        exit INTEGER, requests INTEGER NOT NULL, config VARCHAR NOT NULL, report VARCHAR, PRIMARY KEY (run, source)
    )
    """,
    """
    CREATE TABLE hold (
        source VARCHAR NOT NULL, gate VARCHAR NOT NULL, kind VARCHAR NOT NULL, digest VARCHAR NOT NULL,
        count INTEGER NOT NULL, keys VARCHAR NOT NULL, detail VARCHAR NOT NULL, since FLOAT NOT NULL, approved FLOAT,
        PRIMARY KEY (source, gate)
    )
    """,
    """
    CREATE TABLE cursor (
        source VARCHAR NOT NULL, value VARCHAR NOT NULL, context VARCHAR NOT NULL, standing VARCHAR NOT NULL,
        saved FLOAT NOT NULL, PRIMARY KEY (source)
    )
    """,
    "CREATE TABLE request (id INTEGER NOT NULL, at FLOAT NOT NULL, pause INTEGER NOT NULL, PRIMARY KEY (id))",
    """
    CREATE TABLE lease (
        source VARCHAR NOT NULL, owner VARCHAR NOT NULL, since FLOAT NOT NULL, expires FLOAT NOT NULL,
        PRIMARY KEY (source)
    )
    """,
    "CREATE TABLE fact (name VARCHAR NOT NULL, value VARCHAR NOT NULL, PRIMARY KEY (name))",
)

# Only the few open contacts are in contact_open, so that a run finds them without looking at all others. request_at
# answers both questions: the places since a moment (pause 0), and the end of the newest pause (pause 1).
_INDEXES = (
    "CREATE INDEX contact_remote_id ON contact (remote_id)",
    "CREATE INDEX contact_open ON contact (source, \"key\") WHERE status <> 'accepted'",
    'CREATE INDEX change_key ON change (source, "key")',
    "CREATE INDEX change_open ON change (source, \"key\") WHERE outcome IN ('pending', 'moved')",
    "CREATE INDEX change_at ON change (at)",
    "CREATE INDEX run_started ON run (source, started)",
    "CREATE INDEX request_at ON request (pause, at)",
)


def upgrade() -> None:
    """Create every table."""
    for statement in (*_TABLES, *_INDEXES):
        op.execute(statement)
