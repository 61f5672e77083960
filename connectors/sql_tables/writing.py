"""Bring rows into a table, and remove those that an activity no longer has; by the fastest way of each server."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from io import BytesIO
from itertools import islice
from typing import Any

import polars as pl

from connectors.sql_query.url_options import Kind
from connectors.sql_tables.errors import RefusedValue
from connectors.sql_tables.records import CHILDREN, PARENTS, Fields, Row, Rows, key_of, parent_key, with_times
from connectors.sql_tables.sessions import Session
from connectors.sql_tables.statements import Statements
from connectors.sql_tables.tables import SHAPES, Tables

KEYS = 300
"""Keys or rows of one statement: old versions of SQLite take 999 values."""

_NOT_UNIQUE = "23505"
"""The SQLSTATE of a key that is there already."""

_POLARS = {"number": pl.Float64, "flag": pl.Boolean, "count": pl.Int64, "place": pl.Int64}

_TIME_FORMS: Mapping[Kind, Callable[[datetime], str]] = {
    "mysql": lambda moment: moment.isoformat(sep=" ", timespec="milliseconds"),
    "mssql": lambda moment: moment.isoformat(timespec="milliseconds"),
    "sqlite": lambda moment: f"{moment.isoformat(timespec='milliseconds')}Z",
}


@dataclass
class Batch:
    """What a transaction writes. ``rows``: by table. ``keys``: of the activities, by their table.

    ``lengths``: of each list of an activity, by the table of its rows and the begin of their keys. ``known``: the keys
    of those activities that were there before.
    """

    rows: Rows = field(default_factory=lambda: defaultdict(list))
    keys: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    lengths: dict[str, dict[Row, int]] = field(default_factory=lambda: defaultdict(dict))
    known: set[Row] = field(default_factory=set)

    def add(self, fields: Fields, rows: Rows) -> None:
        """Add an activity with its rows."""
        for role, of_role in rows.items():
            if of_role:
                self.rows[role] += of_role
        kind, key = fields["kind"], key_of(fields)
        self.keys[PARENTS[kind]].append(key)
        for name, role in CHILDREN[kind]:
            self.lengths[role][parent_key(role, key)] = len(fields[name])


class Writer:
    """Writes within one transaction; ``cursor``: the driver's."""

    def __init__(self, session: Session, kind: Kind, tables: Tables, cursor: Any) -> None:
        self._session, self._kind, self._tables, self._cursor = session, kind, tables, cursor

    def write(self, batch: Batch) -> None:
        """Insert or update all rows of a batch, and delete the rows of its activities that are not in it."""
        self._look(batch)
        for role, rows in batch.rows.items():
            try:
                timed = with_times(role, rows, _TIME_FORMS[self._kind])
            except ValueError:
                raise RefusedValue("a time of it is no time") from None
            self._put(self._statements(role), role, timed)
        for role, lengths in batch.lengths.items():
            self._cut(role, [(*key, length) for key, length in lengths.items()])

    def _put(self, statements: Statements, role: str, rows: Sequence[Row]) -> None:  # noqa: ARG002
        self._session.stop_if_cancelled()
        self._require_short(rows)
        self._cursor.executemany(statements.upsert(), rows)

    def _look(self, batch: Batch) -> None:
        for role, keys in batch.keys.items():
            for some in _chunks(keys):
                self._execute(self._statements(role).keys_among(len(some)), some)
                batch.known.update(map(tuple, self._session.call(self._cursor.fetchall)))

    def _cut(self, role: str, ends: Sequence[Row]) -> None:
        gone: list[Row] = []
        # Most often there are none: to look for them locks nothing.
        for some in _chunks(ends):
            self._execute(self._statements(role).keys_beyond(len(some)), some)
            gone += map(tuple, self._session.call(self._cursor.fetchall))
        self.delete(role, gone)

    def _statements(self, role: str) -> Statements:
        return Statements(self._tables[role], self._kind)

    def delete(self, role: str, keys: Sequence[Row]) -> None:
        """Delete the rows with these keys, or whose keys begin so."""
        for some in _chunks(keys):
            self._execute(self._statements(role).delete_keys(len(some[0]), len(some)), some)

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


class SqlServerWriter(Writer):
    """Loads rows into a temporary table, since a row that is given with MERGE has no types."""

    def _put(self, statements: Statements, role: str, rows: Sequence[Row]) -> None:  # noqa: ARG002
        self._execute(statements.stage())
        for some in _chunks(rows):
            self._execute(statements.fill(len(some)), some)
        self._execute(statements.upsert_staged())
        self._execute(statements.drop_stage())


class PostgresWriter(Writer):
    """Copies rows: into the tables if none of the activities is there, else into a temporary table."""

    def write(self, batch: Batch) -> None:
        self._look(batch)
        if not batch.known and self._copied(batch):
            return
        for role, rows in batch.rows.items():
            self._put(self._statements(role), role, rows)
        for role, lengths in batch.lengths.items():
            ends = [(*key, length) for key, length in lengths.items()]
            self._execute(self._statements(role).delete_beyond(), _turned(ends))

    def _look(self, batch: Batch) -> None:
        for role, keys in batch.keys.items():
            self._execute(self._statements(role).keys_among(), _turned(keys))
            batch.known.update(self._cursor.fetchall())

    def _copied(self, batch: Batch) -> bool:
        """Copy a batch into the tables; return whether none of its rows was there."""
        try:
            with self._session.raw.transaction():
                for role, rows in batch.rows.items():
                    self._copy(self._statements(role).copy(), role, rows)
        except Exception as error:
            # A row of an activity that is not there, or another process that writes the same.
            if getattr(error, "sqlstate", None) == _NOT_UNIQUE:
                return False
            raise
        return True

    def _put(self, statements: Statements, role: str, rows: Sequence[Row]) -> None:
        self._execute(statements.stage())
        self._copy(statements.copy_staged(), role, rows)
        self._execute(statements.upsert_staged())
        self._execute(statements.drop_stage())

    def _copy(self, statement: str, role: str, rows: Sequence[Row]) -> None:
        self._session.stop_if_cancelled()
        with self._cursor.copy(statement) as copy:
            copy.write(_csv(role, rows))


_WRITERS: Mapping[Kind, type[Writer]] = {"postgresql": PostgresWriter, "mssql": SqlServerWriter}


def writer_of(session: Session, kind: Kind, tables: Tables, cursor: Any) -> Writer:
    """Return the writer for a server. ``cursor``: the driver's, in a transaction."""
    return _WRITERS.get(kind, Writer)(session, kind, tables, cursor)


def _turned(rows: Sequence[Row]) -> list[Row]:
    """Return a list for each column, as one row."""
    return [tuple(map(list, zip(*rows, strict=True)))]


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
    columns = []
    kinds = SHAPES[role].columns.values()
    for place, (kind, values) in enumerate(zip(kinds, zip(*rows, strict=True), strict=True)):
        columns.append(pl.Series(str(place), values, dtype=_POLARS.get(kind, pl.String), strict=False))
    file = BytesIO()
    # Quoted also if it is not necessary: a line that begins with \. would end the data.
    pl.DataFrame(columns).write_csv(file, include_header=False, quote_style="non_numeric")
    return file.getvalue()
