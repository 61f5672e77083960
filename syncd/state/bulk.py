"""Many rows at once: one statement for many rows, and columns that never become Python objects."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import polars as pl
from sqlalchemy import Connection, text

from syncd.state.database import Database

PAGE = 1_000_000
"""Ledger rows that SQLite joins into one text at a time."""

_NEXT = "\x1e"
"""Ends each value in such a text; no key and no match value contains it."""

_NEVER = "\x1d"
"""Separates nothing: no key and no match value contains it either."""

ROWS = 100
"""So many rows go into one statement; SQLite takes 32,766 values."""


def in_bulk(connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Carry out ``statement`` for ``rows``, all of one length, whose values take the place of ``{rows}`` in it.

    While SQLite is at work other threads are; with a call for each row they would have to take turns with it.
    """
    one = f"({', '.join('?' * len(rows[0]))})" if rows else ""
    for start in range(0, len(rows), ROWS):
        page = rows[start : start + ROWS]
        sql = statement.replace("{rows}", ", ".join([one] * len(page)))
        connection.exec_driver_sql(sql, tuple(chain.from_iterable(page)))


def read_columns(
    database: Database,
    columns: Sequence[str],
    condition: str,
    values: Mapping[str, Any],
    schema: Mapping[str, Any],
) -> pl.DataFrame:
    """Read columns, none of them null, by letting SQLite join each into a text that Polars parses.

    So no row becomes a Python object.
    """
    joined = ", ".join(f"CAST(group_concat({column}, '{_NEXT}') AS BLOB)" for column in columns)
    among = f"FROM contact WHERE {condition} AND key > :after"
    count = text("SELECT count(*) FROM contact")
    bound = text(f"SELECT key {among} ORDER BY key LIMIT 1 OFFSET {PAGE - 1}")
    whole = text(f"SELECT {joined} {among}")
    part = text(f"SELECT {joined} {among} AND key <= :last")
    pages: list[pl.DataFrame] = []
    after: str | None = ""
    with database.read() as connection:
        many = connection.execute(count).scalar_one() > PAGE
        while after is not None:
            last = connection.execute(bound, {**values, "after": after}).scalar() if many else None
            query = whole if last is None else part
            page = connection.execute(query, {**values, "after": after, "last": last}).one()
            if page[0] is not None:
                pages.append(pl.DataFrame(list(map(_parsed, page, schema.items()))))
            after = last
    return pl.concat(pages) if pages else pl.DataFrame(schema=dict(schema))


def _parsed(column: bytes, named: tuple[str, Any]) -> pl.Series:
    name, kind = named
    found = pl.read_csv(
        io.BytesIO(column + _NEXT.encode()),
        has_header=False,
        separator=_NEVER,
        eol_char=_NEXT,
        quote_char=None,
        schema={name: kind},
        empty_string_is_null=False,
    )
    return found.to_series()
