"""Wanted match values and merged numbers in tables instead of JSON texts."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_OUTRANKED, _MERGED = "not sent of ", "merged in "


def upgrade() -> None:
    """Create the tables and fill them from the facts that they replace."""
    op.execute(
        'CREATE TABLE outranked (source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, wants VARCHAR NOT NULL,'
        ' PRIMARY KEY (source, "key"))'
    )
    op.execute(
        'CREATE TABLE merged (source VARCHAR NOT NULL, "key" VARCHAR NOT NULL, merged_into VARCHAR NOT NULL,'
        ' PRIMARY KEY (source, "key", merged_into))'
    )
    for source, wanted in _facts(_OUTRANKED):
        _insert("outranked", [(source, key, wants) for key, wants in wanted.items()])
    for source, groups in _facts(_MERGED):
        # A list may name a key twice; the table may not.
        _insert("merged", [(source, key, match) for match, keys in groups.items() for key in dict.fromkeys(keys)])
    op.execute(f"DELETE FROM fact WHERE name LIKE '{_OUTRANKED}%' OR name LIKE '{_MERGED}%'")


def _insert(table: str, rows: list[tuple[str, str, str]]) -> None:
    if rows:
        op.get_bind().exec_driver_sql(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)


def _facts(prefix: str) -> list[tuple[str, dict[str, str]]]:
    query = sa.text("SELECT name, value FROM fact WHERE name LIKE :prefix || '%'")
    rows = op.get_bind().execute(query, {"prefix": prefix}).all()
    # The rest of a fact's name is the name of its source.
    return [(name.removeprefix(prefix), json.loads(value)) for name, value in rows]
