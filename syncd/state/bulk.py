"""Reads columns of a million contacts, whose values never become Python objects unless they are few."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from syncd.state.database import Database

PAGE = 1_000_000
"""The number of ledger rows that SQLite joins into one text at a time; a text holds at most 1 GB."""

FEW = 64 * 1024
"""The number of bytes up to which a column is short: Python has split it before a parser of CSV has begun."""

# Ends each value in the text; no key and no match value contains it.
_NEXT = "\x1e"

# Polars needs a separator of columns, but each text is one column. No key and no match value contains this either.
_NEVER = "\x1d"


def read_columns(
    database: Database, source: str, columns: Sequence[str], schema: Mapping[str, Any], condition: str = "TRUE"
) -> pl.DataFrame:
    """Return columns of the source's contacts, none of which may be null, as a frame of ``schema``."""
    pages = [*column_pages(database, source, columns, schema, condition)]
    return pl.concat(pages) if pages else pl.DataFrame(schema=dict(schema))


def column_pages(
    database: Database,
    source: str,
    columns: Sequence[str],
    schema: Mapping[str, Any],
    condition: str = "TRUE",
    size: int = PAGE,
) -> Iterator[pl.DataFrame]:
    """Yield what :func:`read_columns` returns in frames of at most ``size`` rows."""
    # SQLite joins each column into a text, and Polars parses the text: no value becomes a Python object.
    joined = ", ".join(f"CAST(group_concat({column}, '{_NEXT}') AS BLOB)" for column in columns)
    among = "FROM contact WHERE source = :source AND key > :after"
    # Without the condition, which would have SQLite look at each row twice.
    bound = f"SELECT key {among} ORDER BY key LIMIT 1 OFFSET {size - 1}"
    many = database.scalar("SELECT count(*) FROM contact") > size
    after: str | None = ""
    while after is not None:
        last = database.scalar(bound, source=source, after=after) if many else None
        part = "" if last is None else " AND key <= :last"
        [page] = database.rows(f"SELECT {joined} {among}{part} AND {condition}", source=source, after=after, last=last)
        if page[0] is not None:
            yield pl.DataFrame(list(map(_parsed, page, schema.items())))
        after = last


def _parsed(column: bytes, named: tuple[str, Any]) -> pl.Series:
    name, kind = named
    if len(column) < FEW:
        return pl.Series(name, column.decode().split(_NEXT), dtype=pl.String).cast(kind)
    found = pl.read_csv(
        io.BytesIO(column + _NEXT.encode()),
        has_header=False,
        separator=_NEVER,
        eol_char=_NEXT,
        # A key or a JSON text may hold any quotes.
        quote_char=None,
        schema={name: kind},
        empty_string_is_null=False,
    )
    return found.to_series()
