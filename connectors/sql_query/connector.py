"""The SQL connector: a query, or a table, on PostgreSQL, MariaDB, MySQL, SQLite or SQL Server."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import cast

import polars as pl

from connectors.sql_query.cursor import Mark, Scale, Window, digests, scale
from connectors.sql_query.options import SqlOptions
from connectors.sql_query.snapshot import Access, Column, Page, Snapshot
from connectors.sql_query.statement import CURSOR, DELETED, ROWS, Selection, checked
from connectors.sql_query.text import with_lists
from syncd.source import EVERYTHING, Connector, End, Malformed, Needs, Note, Options, Rows, nearest

VERSION = 1
"""Part of every cursor; a new one makes the next read a full one."""

UNIT = "\x1f"
"""What joins the parts of a composite key in ``End.deleted``."""

_OFF = r"(?i)^(?:|0|f|false|n|no|0000-00-00.*)$"
"""Values of a column that marks deletion by which a row is not deleted; NULL is another one."""

_CLASSES = {
    "postgresql": "connectors.sql_query.postgres:Postgres",
    "mysql": "connectors.sql_query.mysql:MySql",
    "sqlite": "connectors.sql_query.sqlite:Sqlite",
    "mssql": "connectors.sql_query.mssql:SqlServer",
}


@dataclass(slots=True)
class _Reading:
    """A read under way. ``names``: the columns of the source; ``inner``: those of the statement."""

    columns: list[Column]
    inner: list[str]
    window: Window | None
    known: frozenset[str] = frozenset()
    count: int = 0
    pages: int = 0
    deleted: set[str] = field(default_factory=set)
    living: set[str] = field(default_factory=set)

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


class SqlQuery(Connector):
    """Reads a query in one read-only transaction that shows one moment. ``clock``: seconds since 1970.

    Without ``cursor`` every read is complete. With it the first one is, and the others hold what changed since, with
    the keys that are marked as deleted and, every ``sweep`` seconds, all keys that there are.
    """

    OPTIONS = SqlOptions

    def __init__(
        self, name: str, options: Options, needs: Needs = EVERYTHING, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(name, options, needs)
        self._options = cast(SqlOptions, options)
        self._clock = clock
        self._snapshot: Snapshot | None = None

    def check(self) -> list[str]:
        with self._opened() as snapshot:
            return [column.name for column in self._columns(snapshot)]

    def read(self, cursor: str | None) -> Generator[Rows, None, End]:
        began = self._clock()
        before = Mark.from_text(cursor) if cursor else None
        if before is not None and before.query != self._digest():
            before = None
        with self._opened() as snapshot:
            reading = self._reading(snapshot, before)
            for page in self._pages(snapshot, reading, before):
                yield from self._rows(page, reading, partial=before is not None)
            if not reading.pages:
                yield Rows(pl.DataFrame(schema=dict.fromkeys(reading.names, pl.String)), self._origin(), _numbers(0, 0))
            present = self._present(snapshot, reading, before, began)
        return self._end(reading, before, present, began)

    def cancel(self) -> None:
        snapshot = self._snapshot
        if snapshot is not None:
            snapshot.cancel()

    def notes(self) -> list[Note]:
        with self._opened() as snapshot:
            self._columns(snapshot)
            return [*self._about_keys(snapshot), *self._about_index(snapshot)]

    @contextmanager
    def _opened(self) -> Iterator[Snapshot]:
        options = self._options
        password = options.password.get_secret_value() if options.password else None
        access = Access(
            options.url, options.url.with_password(password), options.isolation, options.timeout, f"syncd {self.name}"
        )
        snapshot = self._snapshot = _snapshot_class(options.url.product.kind)(access)
        try:
            snapshot.begin()
            yield snapshot
        finally:
            self._snapshot = None
            snapshot.close()

    def _selection(self, snapshot: Snapshot) -> Selection:
        options = self._options
        kind = options.url.product.kind
        return Selection(
            rows=options.table or checked(options.query or "", kind),
            is_table=options.table is not None,
            kind=kind,
            columns=options.columns,
            cursor=options.cursor.column if options.cursor else None,
            deleted=options.deleted,
            values=options.params,
            dialect=snapshot.dialect,
        )

    def _columns(self, snapshot: Snapshot) -> list[Column]:
        """The columns of the rows that are yielded.

        Raises:
            SourceInvalid: two have one name, or one that the options name is not there.

        """
        selection = self._selection(snapshot)
        plain = replace(selection, cursor=None, deleted=None)
        found = snapshot.columns(plain.described(), plain.bare())
        names = [column.name for column in found]
        twice = sorted({name for name in names if names.count(name) > 1 or _renamed(name, names)})
        if twice:
            raise snapshot.told.invalid(
                f"the query has two columns called {twice[0].partition(':')[0]}: give one another name with AS"
            )
        for option, column in (("cursor", selection.cursor), ("deleted", selection.deleted)):
            simple = column is not None and column.replace("_", "").isalnum() and not selection.is_table
            if simple and column not in names:
                raise snapshot.told.invalid(f"{option}: the query has no column {column}{nearest(column or '', names)}")
        snapshot.columns(selection.described())
        return found

    def _reading(self, snapshot: Snapshot, before: Mark | None) -> _Reading:
        columns = self._columns(snapshot)
        names = [column.name for column in columns]
        marks = [CURSOR] * (self._options.cursor is not None) + [DELETED] * (self._options.deleted is not None)
        order = self._order()
        window = Window(order, snapshot.now()) if order else None
        return _Reading(columns, [*names, *marks], window, before.seen if before else frozenset())

    def _order(self) -> Scale | None:
        cursor = self._options.cursor
        return scale(cursor.type, cursor.overlap) if cursor else None

    def _pages(self, snapshot: Snapshot, reading: _Reading, before: Mark | None) -> Iterator[Page]:
        selection, order = self._selection(snapshot), self._order()
        expressions = {column.name: column.expression for column in reading.columns}
        wanted = expressions if any(expressions.values()) else None
        begin = before.begin(order, exact=self._is_exact()) if before and order else None
        if begin and order:
            statement = selection.since(begin[0], order.bound(begin[1]), wanted)
        else:
            statement = selection.everything(wanted)
        return snapshot.pages(statement, reading.inner, self._options.fetch)

    def _is_exact(self) -> bool:
        """SQLite compares the texts of times."""
        cursor = self._options.cursor
        return self._options.url.product.kind != "sqlite" or (cursor is not None and cursor.type != "timestamp")

    def _rows(self, page: Page, reading: _Reading, *, partial: bool) -> Iterator[Rows]:
        wrong = dict(page.bad)
        places = pl.Series([place for place in range(page.height) if place not in wrong] if wrong else None)
        lines = (places if wrong else pl.int_range(page.height, eager=True)).cast(pl.UInt32) + (reading.count + 1)
        malformed = tuple(Malformed(reading.count + place + 1, why) for place, why in page.bad)
        reading.count += page.height
        frame, lines = self._fresh(page.frame, lines.cast(pl.UInt32), reading)
        frame, lines = self._living(frame, lines, reading, partial=partial)
        if partial and frame.is_empty() and not malformed:
            return
        reading.pages += 1
        is_json = {column.name: column.is_json for column in reading.columns}
        yield Rows(with_lists(frame.select(reading.names), is_json), self._origin(), lines, malformed)

    def _fresh(self, frame: pl.DataFrame, lines: pl.Series, reading: _Reading) -> tuple[pl.DataFrame, pl.Series]:
        """Leave out the rows that the last read had as they are."""
        if reading.window is None:
            return frame, lines
        reading.window.add(frame, frame.get_column(CURSOR))
        if not reading.known or frame.is_empty():
            return frame, lines
        new = pl.Series([digest not in reading.known for digest in digests(frame)], dtype=pl.Boolean)
        return frame.filter(new), lines.filter(new)

    def _living(
        self, frame: pl.DataFrame, lines: pl.Series, reading: _Reading, *, partial: bool
    ) -> tuple[pl.DataFrame, pl.Series]:
        """Leave out the rows that are marked as deleted; of a partial read, note their keys."""
        if self._options.deleted is None:
            return frame, lines
        gone = _marked(frame)
        if partial:
            reading.deleted |= self._keys(frame.filter(gone))
            reading.living |= self._keys(frame.filter(~gone))
        return frame.filter(~gone), lines.filter(~gone)

    def _keys(self, frame: pl.DataFrame) -> set[str]:
        """The keys of rows, as mapping makes them of text without odd characters."""
        if not self.needs.key:
            return set()
        parts = [pl.col(name).str.strip_chars() for name in self.needs.key]
        return set(frame.select(pl.concat_str(parts, separator=UNIT)).to_series().drop_nulls())

    def _present(self, snapshot: Snapshot, reading: _Reading, before: Mark | None, began: float) -> pl.DataFrame | None:
        """The key columns of all rows there are, if it is time to look."""
        key = self.needs.key
        proved = self._options.isolation != "read_committed"
        if before is None or not key or not proved or began - before.swept < self._options.sweep:
            return None
        expressions = {column.name: column.expression for column in reading.columns if column.expression}
        statement = self._selection(snapshot).keys(key, expressions)
        names = [*key, DELETED] if self._options.deleted is not None else list(key)
        pages = [page.frame for page in snapshot.pages(statement, names, self._options.fetch)]
        found = pl.concat(pages) if pages else pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        return found.filter(~_marked(found)).select(key) if DELETED in names else found

    def _end(self, reading: _Reading, before: Mark | None, present: pl.DataFrame | None, began: float) -> End:
        cursor = None
        if reading.window is not None:
            swept = before.swept if before is not None and present is None else began
            cursor = reading.window.mark(before, self._digest(), began=began, swept=swept).to_text()
        if before is not None:
            return End("partial", cursor=cursor, deleted=frozenset(reading.deleted - reading.living), present=present)
        if self._options.isolation == "read_committed":
            return End("unproved", why="isolation: read_committed does not prove that no row is missing")
        return End("complete", cursor=cursor)

    def _origin(self) -> str:
        """What a row's number counts in."""
        return self._options.table or "query"

    def _digest(self) -> str:
        """Over all that decides what rows there are."""
        options = self._options
        cursor = options.cursor.model_dump() if options.cursor else None
        parts = [VERSION, str(options.url), options.query, options.table, options.columns, options.params, cursor]
        text = json.dumps([*parts, options.deleted, self.needs.key])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _about_keys(self, snapshot: Snapshot) -> Iterator[Note]:
        key = self.needs.key
        if not key:
            return
        [found] = snapshot.rows(self._selection(snapshot).twins(key))
        rows, twins, lacking = (int(each) for each in found)
        name = "+".join(key)
        if twins:
            yield Note(
                f"the key {name}: {_counted(twins, 'value')} in more than one row each; only the first row counts"
            )
        if lacking:
            yield Note(f"the key {name}: NULL in {_counted(lacking, 'row')}; nothing is deleted while that is so")
        if not twins and not lacking:
            yield Note(f"the key {name}: unique in {_counted(rows, 'row')}", good=True)

    def _about_index(self, snapshot: Snapshot) -> Iterator[Note]:
        order, cursor = self._order(), self._options.cursor
        if order is None or cursor is None:
            return
        sample = "0" if cursor.type == "number" else snapshot.now()[0]
        tables = snapshot.scanned(self._selection(snapshot).since(">=", order.bound(sample)))
        names = [(self._options.table or table) if table == ROWS else table for table in tables]
        if names:
            yield Note(
                f"no index serves the cursor {cursor.column}: each incremental read scans all of "
                f"{' and '.join(names)}; an index on that column, and on what tables are joined by, makes it quick"
            )


def _marked(frame: pl.DataFrame) -> pl.Series:
    """Which rows the deletion column marks."""
    mark = frame.get_column(DELETED)
    return mark.is_not_null() & ~mark.str.contains(_OFF).fill_null(value=True)


def _renamed(name: str, names: Sequence[str]) -> bool:
    """Whether SQLite has numbered the name (``id:1``), since another column has it."""
    base, colon, number = name.rpartition(":")
    return bool(colon) and number.isdecimal() and base in names


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _numbers(first: int, count: int) -> pl.Series:
    return pl.int_range(first, first + count, dtype=pl.UInt32, eager=True)


def _snapshot_class(kind: str) -> type[Snapshot]:
    from importlib import import_module

    module, _, name = _CLASSES[kind].partition(":")
    found: type[Snapshot] = getattr(import_module(module), name)
    return found
