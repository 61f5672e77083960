"""Alarms and their notices, how far a run is, and when a request was answered."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the tables of alarms and notices, the requests that a run has planned, and the delay of each answer.

    A notice outlives its alarm: it waits until every destination has received it.
    """
    # Both stay null in the rows that are there: the planned requests of those runs, and those delays, are not known.
    op.execute("ALTER TABLE run ADD COLUMN planned INTEGER")
    op.execute("ALTER TABLE request ADD COLUMN late FLOAT")
    op.execute(
        "CREATE TABLE alarm (source VARCHAR NOT NULL, kind VARCHAR NOT NULL, text VARCHAR NOT NULL,"
        " since FLOAT NOT NULL, PRIMARY KEY (source, kind))"
    )
    op.execute(
        "CREATE TABLE notice (id INTEGER NOT NULL, at FLOAT NOT NULL, event VARCHAR NOT NULL, source VARCHAR NOT NULL,"
        ' kind VARCHAR NOT NULL, text VARCHAR NOT NULL, "left" VARCHAR, tried FLOAT, PRIMARY KEY (id))'
    )
