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
    outranked = op.create_table(
        "outranked",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("wants", sa.String, nullable=False),
    )
    merged = op.create_table(
        "merged",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("merged_into", sa.String, primary_key=True),
    )
    op.bulk_insert(
        outranked,
        [
            {"source": source, "key": key, "wants": wants}
            for source, wanted in _facts(_OUTRANKED)
            for key, wants in wanted.items()
        ],
    )
    op.bulk_insert(
        merged,
        [
            {"source": source, "key": key, "merged_into": match}
            for source, groups in _facts(_MERGED)
            for match, keys in groups.items()
            # A list may name a key twice; the table may not.
            for key in dict.fromkeys(keys)
        ],
    )
    op.execute(f"DELETE FROM fact WHERE name LIKE '{_OUTRANKED}%' OR name LIKE '{_MERGED}%'")


def _facts(prefix: str) -> list[tuple[str, dict[str, str]]]:
    query = sa.text("SELECT name, value FROM fact WHERE name LIKE :prefix || '%'")
    rows = op.get_bind().execute(query, {"prefix": prefix}).all()
    # The rest of a fact's name is the name of its source.
    return [(name.removeprefix(prefix), json.loads(value)) for name, value in rows]
