"""The SQL connector: reads a query or a table of PostgreSQL, MariaDB, MySQL, SQLite or SQL Server."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pkgutil import resolve_name
from typing import cast

import polars as pl

from connectors.sql_query.cursor import Mark, Window, cursor_order, digests
from connectors.sql_query.lookup import MOST_CHANGED, KeyReader, key_texts
from connectors.sql_query.notes import index_notes, key_notes
from connectors.sql_query.options import SqlOptions
from connectors.sql_query.reading import Part, Reading
from connectors.sql_query.snapshot import Access, Column, Page, Snapshot
from connectors.sql_query.statement import CURSOR, DELETED, Selection, checked
from connectors.sql_query.text import with_lists
from syncd.errors import SourceInvalid
from syncd.source import EVERYTHING, Connector, End, Needs, Note, Options, Rows, nearest

VERSION = 1
"""Part of every cursor; with another version, the next read is a full read."""

_NOT_DELETED = r"(?i)^(?:|0|f|false|n|no|0000-00-00.*)$"
"""The values of the ``deleted`` column of rows that are not deleted; NULL is another one."""

# By name, since each class imports a driver that may not be installed.
_SNAPSHOT_CLASSES = {
    "postgresql": "connectors.sql_query.postgres:Postgres",
    "mysql": "connectors.sql_query.mysql:MySql",
    "sqlite": "connectors.sql_query.sqlite:Sqlite",
    "mssql": "connectors.sql_query.mssql:SqlServer",
}


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
            if before is None or not (yield from self._changed(snapshot, reading)):
                before, reading = None, self._begin(snapshot, None)
                for page in self._pages(snapshot, reading):
                    yield from self._shown(self._part(page, reading), reading, partial=False)
            # A read without rows must still yield its columns, in one empty page.
            if not reading.pages:
                frame = pl.DataFrame(schema=dict.fromkeys(reading.expressions, pl.String))
                yield Rows(frame, self._origin(), pl.Series(dtype=pl.UInt32))
            present = self._present_keys(snapshot, reading, before, began)
        return self._end(reading, before, present, began)

    def can_look_up(self) -> bool:
        return self._order is not None and bool(self.needs.key)

    def look_up(self, keys: Sequence[str]) -> Generator[Rows, None, frozenset[str]]:
        # A key of earlier rows may be no value of its column any more. Then the keys without an answer are read whole.
        with self._opened() as snapshot, suppress(SourceInvalid):
            reading = self._begin(snapshot, None)
            every = self._selection(snapshot).everything(reading.texts)
            for frame in self._key_reader(snapshot, reading).rows(every, reading.selected, keys):
                yield from self._shown(reading.numbered(frame), reading, partial=True)
            # A text that finds no row may still be a key that the database writes in another way.
            return frozenset(reading.deleted - reading.existing)
        return frozenset()

    def cancel(self) -> None:
        # Another thread may end the read between the question and the call, so the snapshot is taken once.
        snapshot = self._snapshot
        if snapshot is not None:
            snapshot.cancel()

    def notes(self) -> list[Note]:
        with self._opened() as snapshot:
            self._columns(snapshot)
            selection, cursor = self._selection(snapshot), self._options.cursor
            found = [*key_notes(snapshot, selection, self.needs.key)]
            if self._order is None or cursor is None:
                return found
            sample = self._order.parameter("0" if cursor.type == "number" else snapshot.now()[0])
            return [*found, *index_notes(snapshot, selection, cursor.column, sample)]

    @contextmanager
    def _opened(self) -> Iterator[Snapshot]:
        options = self._options
        password = options.password.get_secret_value() if options.password else None
        access = Access(
            options.url, options.url.with_password(password), options.isolation, options.timeout, f"syncd {self.name}"
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

    def _begin(self, snapshot: Snapshot, before: Mark | None) -> Reading:
        columns = self._columns(snapshot)
        names = [column.name for column in columns]
        added = [CURSOR] * (self._options.cursor is not None) + [DELETED] * (self._options.deleted is not None)
        window = Window(self._order, snapshot.now()) if self._order else None
        reading = Reading(columns, [*names, *added], window, before.seen if before else frozenset())
        begin = before.begin(self._order, exact=self._is_exact()) if before and self._order else None
        if begin and self._order:
            reading.since = begin[0], self._order.parameter(begin[1])
        return reading

    def _pages(self, snapshot: Snapshot, reading: Reading) -> Iterator[Page]:
        selection = self._selection(snapshot)
        statement = (
            selection.since(*reading.since, reading.texts) if reading.since else selection.everything(reading.texts)
        )
        return snapshot.pages(statement, reading.selected, self._options.fetch)

    def _key_reader(self, snapshot: Snapshot, reading: Reading) -> KeyReader:
        key, fetch = self.needs.key, self._options.fetch
        return KeyReader(snapshot, self._selection(snapshot), key, reading.columns, fetch)

    def _changed(self, snapshot: Snapshot, reading: Reading) -> Generator[Rows, None, bool]:
        """Yield the changed rows, and every other row of their keys; return whether they were few enough for that."""
        pages: list[Part] = []
        for page in self._pages(snapshot, reading):
            part = self._part(page, reading)
            # The rest is read and dropped: a connection takes no other statement before.
            if sum(each.frame.height for each in pages) <= MOST_CHANGED:
                pages.append(part)
        if sum(each.frame.height for each in pages) > MOST_CHANGED:
            return False
        repeated = self._repeated(snapshot, reading, pages)
        for part in pages:
            yield from self._shown(part.without(repeated, self.needs.key), reading, partial=True)
        if repeated:
            every = self._selection(snapshot).everything(reading.texts)
            for frame in self._key_reader(snapshot, reading).rows(every, reading.selected, repeated):
                yield from self._shown(reading.numbered(frame), reading, partial=True)
        return True

    def _repeated(self, snapshot: Snapshot, reading: Reading, pages: Sequence[Part]) -> frozenset[str]:
        """Return the keys of changed rows that more than one row has."""
        frames = [each.frame for each in pages if each.frame.height]
        if not frames or not self.needs.key:
            return frozenset()
        keys = set(pl.concat([key_texts(frame, self.needs.key) for frame in frames]).drop_nulls())
        every = self._selection(snapshot).keys(self.needs.key, reading.expressions)
        return self._key_reader(snapshot, reading).repeated(every, self._key_names(), keys)

    def _key_names(self) -> list[str]:
        return [*self.needs.key, *([DELETED] if self._options.deleted is not None else [])]

    def _is_exact(self) -> bool:
        # SQLite has no type for times and compares their texts.
        cursor = self._options.cursor
        return self._options.url.product.kind != "sqlite" or (cursor is not None and cursor.type != "timestamp")

    def _part(self, page: Page, reading: Reading) -> Part:
        """Return a page without the rows that were read before."""
        part = reading.numbered(page.frame, page.malformed)
        return Part(*self._without_seen(part.frame, part.lines, reading), part.malformed)

    def _shown(self, part: Part, reading: Reading, *, partial: bool) -> Iterator[Rows]:
        frame, lines = self._without_deleted(part.frame, part.lines, reading, partial=partial)
        if partial and frame.is_empty() and not part.malformed:
            return
        reading.pages += 1
        is_json = {column.name: column.is_json for column in reading.columns}
        yield Rows(with_lists(frame.select(list(is_json)), is_json), self._origin(), lines, part.malformed)

    def _without_seen(self, frame: pl.DataFrame, lines: pl.Series, reading: Reading) -> tuple[pl.DataFrame, pl.Series]:
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
        self, frame: pl.DataFrame, lines: pl.Series, reading: Reading, *, partial: bool
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
        return set(key_texts(frame, self.needs.key).drop_nulls())

    def _present_keys(
        self, snapshot: Snapshot, reading: Reading, before: Mark | None, began: float
    ) -> pl.DataFrame | None:
        """Return the key columns of all rows that exist; None if the last sweep is recent enough."""
        key = self.needs.key
        # With read_committed the keys would be of another moment than the rows, so a missing key would prove nothing.
        is_one_moment = self._options.isolation != "read_committed"
        # A sweep that lies ahead of now comes from a clock that was set back.
        if before is None or not key or not is_one_moment or 0 <= began - before.swept < self._options.sweep:
            return None
        statement = self._selection(snapshot).keys(key, reading.expressions)
        names = self._key_names()
        pages = [_with_malformed(page, names) for page in snapshot.pages(statement, names, self._options.fetch)]
        found = pl.concat(pages) if pages else pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        return found.filter(~_is_deleted(found)).select(key) if DELETED in names else found

    def _end(self, reading: Reading, before: Mark | None, present: pl.DataFrame | None, began: float) -> End:
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


def _with_malformed(page: Page, names: Sequence[str]) -> pl.DataFrame:
    """Return the keys of a page; a row that cannot be read has a null key, so that no key counts as gone."""
    if not page.malformed:
        return page.frame
    nulls = pl.DataFrame({name: [None] * len(page.malformed) for name in names}, schema=dict.fromkeys(names, pl.String))
    return pl.concat([page.frame, nulls])


def _is_deleted(frame: pl.DataFrame) -> pl.Series:
    mark = frame.get_column(DELETED)
    return mark.is_not_null() & ~mark.str.contains(_NOT_DELETED).fill_null(value=True)


def _is_numbered(name: str, names: Sequence[str]) -> bool:
    """Whether SQLite has numbered the name (``id:1``), because another column has the same name."""
    base, colon, number = name.rpartition(":")
    return bool(colon) and number.isdecimal() and base in names
