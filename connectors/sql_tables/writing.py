"""Bring rows into a table, and remove those that an activity no longer has; by the fastest way of each server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from io import BytesIO
from itertools import islice
from typing import Any

import polars as pl

from connectors.sql_query.url_options import Kind
from connectors.sql_tables.errors import RefusedValue
from connectors.sql_tables.records import Row, in_utc, with_times
from connectors.sql_tables.sessions import Session
from connectors.sql_tables.statements import Statements
from connectors.sql_tables.tables import SHAPES, Tables

KEYS = 300
"""Keys or rows of one statement: old versions of SQLite take 999 values."""

_POLARS = {"number": pl.Float64, "flag": pl.Boolean, "count": pl.Int64, "place": pl.Int64}

_TIME_FORMS: Mapping[Kind, Callable[[str], str]] = {
    "mysql": lambda text: in_utc(text).isoformat(sep=" ", timespec="milliseconds"),
    "mssql": lambda text: in_utc(text).isoformat(timespec="milliseconds"),
    "sqlite": lambda text: f"{in_utc(text).isoformat(timespec='milliseconds')}Z",
}


class Writer:
    """Writes within one transaction; ``cursor``: the driver's."""

    def __init__(self, session: Session, kind: Kind, tables: Tables, cursor: Any) -> None:
        self._session, self._kind, self._tables, self._cursor = session, kind, tables, cursor

    def put(self, role: str, rows: Sequence[Row]) -> None:
        """Insert or update these rows, each with another key."""
        if not rows:
            return
        statements = Statements(self._tables[role], self._kind)
        if self._kind == "postgresql":
            self._put_copied(statements, role, rows)
            return
        rows = with_times(role, rows, _TIME_FORMS[self._kind])
        if self._kind == "mssql":
            self._put_staged(statements, rows)
        else:
            self._session.stop_if_cancelled()
            self._require_short(rows)
            self._cursor.executemany(statements.upsert(), rows)

    def keep_only(self, role: str, parents: Sequence[Row], rows: Iterable[Row]) -> None:
        """Delete the rows of these activities that are not among ``rows``. ``parents``: the begin of their keys."""
        if not parents:
            return
        statements, shape = Statements(self._tables[role], self._kind), SHAPES[role]
        kept = {row[: len(shape.key)] for row in rows}
        gone: list[Row] = []
        for some in _chunks(parents):
            self._execute(statements.keys_of(len(parents[0]), len(some)), some)
            found = self._session.call(self._cursor.fetchall)
            gone += [key for key in map(tuple, found) if key not in kept]
        self.delete(role, gone)

    def delete(self, role: str, keys: Sequence[Row]) -> None:
        """Delete the rows with these keys, or whose keys begin so."""
        statements = Statements(self._tables[role], self._kind)
        for some in _chunks(keys):
            self._execute(statements.delete_keys(len(some[0]), len(some)), some)

    def _put_copied(self, statements: Statements, role: str, rows: Sequence[Row]) -> None:
        self._execute(statements.stage())
        with self._cursor.copy(statements.copy()) as copy:
            copy.write(_csv(role, rows))
        self._execute(statements.upsert_staged())
        self._execute(statements.drop_stage())

    def _put_staged(self, statements: Statements, rows: Sequence[Row]) -> None:
        self._execute(statements.stage())
        # A VALUES list of SQL Server has a thousand rows at most.
        for some in _chunks(rows):
            self._execute(statements.fill(len(some)), some)
        self._execute(statements.upsert_staged())
        self._execute(statements.drop_stage())

    def _require_short(self, rows: Iterable[Row]) -> None:
        # The server would end the connection, and with it every try of every other row.
        longest = self._session.longest_row()
        if longest is not None and any(_size(row, longest) > longest for row in rows):
            raise RefusedValue("its texts are longer than the server's max_allowed_packet: raise that")

    def _execute(self, statement: str, rows: Iterable[Row] = ()) -> None:
        self._session.stop_if_cancelled()
        values = tuple(value for row in rows for value in row)
        # Without values a driver takes a percent sign for what it is.
        given = (statement, values) if values else (statement,)
        self._session.call(partial(self._cursor.execute, *given))


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while some := list(islice(left, KEYS)):
        yield some


def _size(row: Row, longest: int) -> int:
    """Return the bytes of a row as SQL, or fewer if they are far from too many."""
    texts = [value for value in row if isinstance(value, str)]
    # A character has four bytes at most, and a backslash before it.
    if sum(map(len, texts)) < longest // 8:
        return 0
    return sum(len(text.encode()) + sum(map(text.count, "\\'\"\n\r\0\x1a")) for text in texts)


def _csv(role: str, rows: Sequence[Row]) -> bytes:
    """Return rows as PostgreSQL copies them: an empty field is NULL, a quoted empty field an empty text."""
    columns = [pl.Series("", range(len(rows)), dtype=pl.Int64)]
    kinds = SHAPES[role].columns.values()
    for place, (kind, values) in enumerate(zip(kinds, zip(*rows, strict=True), strict=True)):
        columns.append(pl.Series(str(place), values, dtype=_POLARS.get(kind, pl.String), strict=False))
    file = BytesIO()
    # Quoted also if it is not necessary: a line that begins with \. would end the data.
    pl.DataFrame(columns).write_csv(file, include_header=False, quote_style="non_numeric")
    return file.getvalue()
