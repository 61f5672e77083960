"""The SQL connector: reads a query or a table of PostgreSQL, MariaDB, MySQL, SQLite or SQL Server."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pkgutil import resolve_name
from typing import cast

import polars as pl

from connectors.sql_query.cursor import Mark, Window, cursor_order, digests
from connectors.sql_query.options import SqlOptions
from connectors.sql_query.snapshot import Access, Column, Page, Snapshot
from connectors.sql_query.statement import CURSOR, DELETED, ROWS, Selection, checked
from connectors.sql_query.text import with_lists
from syncd.source import EVERYTHING, Connector, End, Malformed, Needs, Note, Options, Rows, nearest

VERSION = 1
"""Part of every cursor; with another version, the next read is a full read."""

KEY_SEPARATOR = "\x1f"
"""The character between the parts of a composite key in ``End.deleted``."""

_NOT_DELETED = r"(?i)^(?:|0|f|false|n|no|0000-00-00.*)$"
"""The values of the ``deleted`` column of rows that are not deleted; NULL is another one."""

# By name, since each class imports a driver that may not be installed.
_SNAPSHOT_CLASSES = {
    "postgresql": "connectors.sql_query.postgres:Postgres",
    "mysql": "connectors.sql_query.mysql:MySql",
    "sqlite": "connectors.sql_query.sqlite:Sqlite",
    "mssql": "connectors.sql_query.mssql:SqlServer",
}


@dataclass(slots=True)
class _Reading:
    """A read under way. ``columns``: of the source; ``selected``: the columns of the statement, with added ones."""

    columns: list[Column]
    selected: list[str]
    window: Window | None
    known: frozenset[str] = frozenset()
    count: int = 0
    pages: int = 0
    deleted: set[str] = field(default_factory=set)
    existing: set[str] = field(default_factory=set)

    @property
    def expressions(self) -> dict[str, str]:
        return {column.name: column.expression for column in self.columns}


class SqlQuery(Connector):
    """Reads a query in one read-only transaction that sees one moment. ``clock``: seconds since 1970.

    Without the option ``cursor`` every read is complete. With it the first read is complete, and the others hold the
    rows that changed since, the keys that are marked as deleted and, every ``sweep`` seconds, all keys that exist.
    """

    OPTIONS = SqlOptions

    def __init__(
        self, name: str, options: Options, needs: Needs = EVERYTHING, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(name, options, needs)
        self._options = cast(SqlOptions, options)
        self._clock = clock
        self._snapshot: Snapshot | None = None
        cursor = self._options.cursor
        self._order = cursor_order(cursor.type, cursor.overlap) if cursor else None

    def check(self) -> list[str]:
        with self._opened() as snapshot:
            return [column.name for column in self._columns(snapshot)]

    def read(self, cursor: str | None) -> Generator[Rows, None, End]:
        began = self._clock()
        before = Mark.from_text(cursor) if cursor else None
        # Rows of another query were never read, so their old cursor values prove nothing.
        if before is not None and before.query != self._digest():
            before = None
        with self._opened() as snapshot:
            reading = self._begin(snapshot, before)
            for page in self._pages(snapshot, reading, before):
                yield from self._rows(page, reading, partial=before is not None)
            # A read without rows must still yield its columns, in one empty page.
            if not reading.pages:
                frame = pl.DataFrame(schema=dict.fromkeys(reading.expressions, pl.String))
                yield Rows(frame, self._origin(), pl.Series(dtype=pl.UInt32))
            present = self._present_keys(snapshot, reading, before, began)
        return self._end(reading, before, present, began)

    def cancel(self) -> None:
        # Another thread may end the read between the question and the call, so the snapshot is taken once.
        snapshot = self._snapshot
        if snapshot is not None:
            snapshot.cancel()

    def notes(self) -> list[Note]:
        with self._opened() as snapshot:
            self._columns(snapshot)
            return [*self._key_notes(snapshot), *self._index_notes(snapshot)]

    @contextmanager
    def _opened(self) -> Iterator[Snapshot]:
        options = self._options
        password = options.password.get_secret_value() if options.password else None
        access = Access(
            options.url,
            options.url.with_password(password),
            options.isolation,
            options.timeout,
            f"syncd {self.name}",
            # A key column may stand in the text that a server answers with; parameters may be values, and are left out.
            (options.query or "", options.table or "", options.deleted or "", *options.columns, *self.needs.columns),
        )
        snapshot: Snapshot = resolve_name(_SNAPSHOT_CLASSES[options.url.product.kind])(access)
        self._snapshot = snapshot
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
        """Return the columns of the source.

        Raises:
            SourceInvalid: two columns have one name, or the options name a column that the query lacks.

        """
        selection = self._selection(snapshot)
        # Without cursor and deleted first: an error is then one of the query itself, and can name its line.
        plain = replace(selection, cursor=None, deleted=None)
        found = snapshot.columns(plain.described(), plain.bare())
        names = [column.name for column in found]
        twice = sorted({name for name in names if names.count(name) > 1 or _is_numbered(name, names)})
        if twice:
            raise snapshot.errors.invalid(
                f"the query has two columns called {twice[0].partition(':')[0]}: give one of them another name with AS"
            )
        # A table may have columns that are not selected; the server checks those, and conditions, in the next step.
        for option, column in (("cursor", selection.cursor or ""), ("deleted", selection.deleted or "")):
            if column.replace("_", "").isalnum() and not selection.is_table and column not in names:
                raise snapshot.errors.invalid(f"{option}: the query has no column {column}{nearest(column, names)}")
        snapshot.columns(selection.described())
        return found

    def _begin(self, snapshot: Snapshot, before: Mark | None) -> _Reading:
        columns = self._columns(snapshot)
        names = [column.name for column in columns]
        added = [CURSOR] * (self._options.cursor is not None) + [DELETED] * (self._options.deleted is not None)
        window = Window(self._order, snapshot.now()) if self._order else None
        return _Reading(columns, [*names, *added], window, before.seen if before else frozenset())

    def _pages(self, snapshot: Snapshot, reading: _Reading, before: Mark | None) -> Iterator[Page]:
        selection, order = self._selection(snapshot), self._order
        expressions = reading.expressions if any(reading.expressions.values()) else None
        begin = before.begin(order, exact=self._is_exact()) if before and order else None
        if begin and order:
            statement = selection.since(begin[0], order.parameter(begin[1]), expressions)
        else:
            statement = selection.everything(expressions)
        return snapshot.pages(statement, reading.selected, self._options.fetch)

    def _is_exact(self) -> bool:
        # SQLite has no type for times and compares their texts.
        cursor = self._options.cursor
        return self._options.url.product.kind != "sqlite" or (cursor is not None and cursor.type != "timestamp")

    def _rows(self, page: Page, reading: _Reading, *, partial: bool) -> Iterator[Rows]:
        first = reading.count + 1
        malformed = tuple(Malformed(first + place, reason) for place, reason in page.malformed)
        lines = pl.int_range(first, first + page.height, dtype=pl.UInt32, eager=True)
        lines = lines.filter(~lines.is_in([row.line for row in malformed]))
        reading.count += page.height
        frame, lines = self._without_seen(page.frame, lines, reading)
        frame, lines = self._without_deleted(frame, lines, reading, partial=partial)
        if partial and frame.is_empty() and not malformed:
            return
        reading.pages += 1
        is_json = {column.name: column.is_json for column in reading.columns}
        yield Rows(with_lists(frame.select(list(is_json)), is_json), self._origin(), lines, malformed)

    def _without_seen(self, frame: pl.DataFrame, lines: pl.Series, reading: _Reading) -> tuple[pl.DataFrame, pl.Series]:
        """Leave out the rows of the overlap that the last read has yielded unchanged."""
        if reading.window is None:
            return frame, lines
        # The window takes all rows, also the ones that are left out: the next read would find them again as well.
        reading.window.add(frame, frame.get_column(CURSOR))
        if not reading.known or frame.is_empty():
            return frame, lines
        new = pl.Series([digest not in reading.known for digest in digests(frame)], dtype=pl.Boolean)
        return frame.filter(new), lines.filter(new)

    def _without_deleted(
        self, frame: pl.DataFrame, lines: pl.Series, reading: _Reading, *, partial: bool
    ) -> tuple[pl.DataFrame, pl.Series]:
        """Leave out the rows that are marked as deleted; in a partial read, record their keys."""
        if self._options.deleted is None:
            return frame, lines
        is_deleted = _is_deleted(frame)
        # Two rows may have one key. The key is gone only if none of its rows is left.
        if partial:
            reading.deleted |= self._keys(frame.filter(is_deleted))
            reading.existing |= self._keys(frame.filter(~is_deleted))
        return frame.filter(~is_deleted), lines.filter(~is_deleted)

    def _keys(self, frame: pl.DataFrame) -> set[str]:
        """Return the keys of rows. The mapping makes the same keys, unless they hold unusual characters."""
        if not self.needs.key:
            return set()
        parts = [pl.col(name).str.strip_chars() for name in self.needs.key]
        return set(frame.select(pl.concat_str(parts, separator=KEY_SEPARATOR)).to_series().drop_nulls())

    def _present_keys(
        self, snapshot: Snapshot, reading: _Reading, before: Mark | None, began: float
    ) -> pl.DataFrame | None:
        """Return the key columns of all rows that exist; None if the last sweep is recent enough."""
        key = self.needs.key
        # With read_committed the keys would be of another moment than the rows, so a missing key would prove nothing.
        is_one_moment = self._options.isolation != "read_committed"
        if before is None or not key or not is_one_moment or began - before.swept < self._options.sweep:
            return None
        statement = self._selection(snapshot).keys(key, reading.expressions)
        names = [*key, DELETED] if self._options.deleted is not None else list(key)
        pages = [page.frame for page in snapshot.pages(statement, names, self._options.fetch)]
        found = pl.concat(pages) if pages else pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        return found.filter(~_is_deleted(found)).select(key) if DELETED in names else found

    def _end(self, reading: _Reading, before: Mark | None, present: pl.DataFrame | None, began: float) -> End:
        cursor = None
        if reading.window is not None:
            # A full read sees all keys, so it counts as a sweep.
            swept = before.swept if before is not None and present is None else began
            cursor = reading.window.mark(before, self._digest(), began=began, swept=swept).to_text()
        if before is not None:
            return End("partial", cursor=cursor, deleted=frozenset(reading.deleted - reading.existing), present=present)
        if self._options.isolation == "read_committed":
            return End("unproved", why="isolation: read_committed does not prove that no row is missing")
        return End("complete", cursor=cursor)

    def _origin(self) -> str:
        """Return the name of the place in which rows are numbered."""
        return self._options.table or "query"

    def _digest(self) -> str:
        """Return a digest of all options that decide which rows are read."""
        # str(url) hides the password: with a new password it is still the same source.
        options = self._options
        cursor = options.cursor.model_dump() if options.cursor else None
        parts = [VERSION, str(options.url), options.query, options.table, options.columns, options.params, cursor]
        text = json.dumps([*parts, options.deleted, self.needs.key])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _key_notes(self, snapshot: Snapshot) -> Iterator[Note]:
        key = self.needs.key
        if not key:
            return
        [found] = snapshot.rows(self._selection(snapshot).key_counts(key))
        rows, repeated, lacking = (int(each) for each in found)
        name = "+".join(key)
        if repeated:
            yield Note(
                f"the key {name}: {_counted(repeated, 'value')} in more than one row each; only the first row counts"
            )
        if lacking:
            yield Note(f"the key {name}: NULL in {_counted(lacking, 'row')}; nothing is deleted while that is so")
        if not repeated and not lacking:
            yield Note(f"the key {name}: unique in {_counted(rows, 'row')}", good=True)

    def _index_notes(self, snapshot: Snapshot) -> Iterator[Note]:
        order, cursor = self._order, self._options.cursor
        if order is None or cursor is None:
            return
        sample = "0" if cursor.type == "number" else snapshot.now()[0]
        tables = snapshot.scanned(self._selection(snapshot).since(">=", order.parameter(sample)))
        names = [(self._options.table or table) if table == ROWS else table for table in tables]
        if names:
            yield Note(
                f"no index serves the cursor {cursor.column}: each incremental read scans all of "
                f"{' and '.join(names)}; an index on that column, and on the columns that join tables, makes it quick"
            )


def _is_deleted(frame: pl.DataFrame) -> pl.Series:
    mark = frame.get_column(DELETED)
    return mark.is_not_null() & ~mark.str.contains(_NOT_DELETED).fill_null(value=True)


def _is_numbered(name: str, names: Sequence[str]) -> bool:
    """Whether SQLite has numbered the name (``id:1``), because another column has the same name."""
    base, colon, number = name.rpartition(":")
    return bool(colon) and number.isdecimal() and base in names


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
