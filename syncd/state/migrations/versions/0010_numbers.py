"""Who has which number: an index of the ledger, who had it, and which rows with numbers are not sent."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"


def _there(row: str) -> str:
    return (
        f"{row}.fields <> '{{}}' AND ({row}.status = 'accepted' OR ({row}.remote_id IS NOT NULL"
        f" AND {row}.reason IS NOT 'another contact was sent in its place'))"
    )


_OLD, _NEW = _there("OLD"), _there("NEW")
_INDEXED = "EXISTS (SELECT 1 FROM fact WHERE name = 'numbers.standing')"
_AS_INDEXED = f"CASE WHEN {_OLD} THEN coalesce(OLD.returned, OLD.fields) END"
_UNKNOWN = "WHERE NOT EXISTS (SELECT 1 FROM unindexed WHERE source = OLD.source AND key = OLD.key)"
_NOTE = f"INSERT INTO unindexed (source, key, fields) SELECT OLD.source, OLD.key, {_AS_INDEXED} {_UNKNOWN}"
_NOTE_NEW = (
    "INSERT INTO unindexed (source, key) SELECT NEW.source, NEW.key"
    " WHERE NOT EXISTS (SELECT 1 FROM unindexed WHERE source = NEW.source AND key = NEW.key)"
)

# Each contact is noted once, with what the index has of it. Nothing is noted before there is an index: that is made of
# all contacts. A refused contact may be one whose id another contact has, which only a look at both tells.
_TRIGGERS = (
    f"""
    CREATE TRIGGER contact_changed AFTER UPDATE OF status, remote_id, reason, fields, returned ON contact
    WHEN OLD.key = NEW.key AND (({_OLD}) <> ({_NEW}) OR (({_NEW}) AND (OLD.fields <> NEW.fields
        OR OLD.returned IS NOT NEW.returned
        OR (OLD.status <> NEW.status AND 'rejected' IN (OLD.status, NEW.status))))) AND {_INDEXED}
    BEGIN
        {_NOTE};
    END
    """,
    f"""
    CREATE TRIGGER contact_renamed AFTER UPDATE OF source, "key" ON contact
    WHEN OLD.key <> NEW.key AND {_INDEXED}
    BEGIN
        {_NOTE};
        UPDATE unindexed SET heir = NEW.key WHERE source = OLD.source AND (heir = OLD.key OR key = OLD.key);
        {_NOTE_NEW};
    END
    """,
    f"CREATE TRIGGER contact_came AFTER INSERT ON contact WHEN {_NEW} AND {_INDEXED} BEGIN {_NOTE_NEW}; END",
    f"CREATE TRIGGER contact_left AFTER DELETE ON contact WHEN {_OLD} AND {_INDEXED} BEGIN {_NOTE}; END",
)

_TABLES = (
    """
    CREATE TABLE number (
        number VARCHAR NOT NULL, source VARCHAR NOT NULL, "key" VARCHAR NOT NULL,
        PRIMARY KEY (number, source, "key")
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE unindexed (
        source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, fields VARCHAR, heir VARCHAR, PRIMARY KEY (source, "key")
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE formernumber (
        number VARCHAR NOT NULL, source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, name VARCHAR NOT NULL,
        until FLOAT NOT NULL, run VARCHAR NOT NULL, PRIMARY KEY (number, source, "key", until)
    ) WITHOUT ROWID
    """,
    'CREATE INDEX formernumber_key ON formernumber (source, "key")',
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
    for statement in (*_TABLES, *_TRIGGERS):
        op.execute(statement)
