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

from connectors import flags
from connectors.sql_query.cursor import Mark, Window, digests
from connectors.sql_query.cursor_order import CursorType, Ordered, ordered
from connectors.sql_query.errors import DriverErrors
from connectors.sql_query.lookup import MOST_CHANGED, KeyReader, key_texts
from connectors.sql_query.notes import cursor_notes, key_notes
from connectors.sql_query.options import SqlOptions
from connectors.sql_query.query_text import checked
from connectors.sql_query.reading import Part, Reading
from connectors.sql_query.snapshot import Access, Column, Page, Snapshot
from connectors.sql_query.statement import CURSOR, DELETED, Selection
from connectors.sql_query.text import with_lists
from syncd.errors import SourceInvalid
from syncd.source import EVERYTHING, Connector, End, Needs, Note, Options, Rows, nearest

VERSION = 1
"""Part of every cursor; with another version, the next read is a full read."""

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

    def check(self) -> list[str]:
        with self._opened() as snapshot:
            return [column.name for column in self._columns(snapshot)[0]]

    def read(self, cursor: str | None) -> Generator[Rows, None, End]:
        began = self._clock()
        with self._opened() as snapshot:
            reading = self._begin(snapshot, Mark.from_text(cursor) if cursor else None)
            if reading.before is None or not (yield from self._changed(snapshot, reading)):
                reading = self._begin(snapshot, None)
                for page in self._pages(snapshot, reading):
                    yield from self._shown(self._part(page, reading), reading, partial=False)
            # A read without rows must still yield its columns, in one empty page.
            if not reading.pages:
                frame = pl.DataFrame(schema=dict.fromkeys(reading.expressions, pl.String))
                yield Rows(frame, self._origin(), pl.Series(dtype=pl.UInt32))
            present = self._present_keys(snapshot, reading, began)
        return self._end(reading, present, began, snapshot.errors)

    def can_look_up(self) -> bool:
        return self._options.cursor is not None and bool(self.needs.key)

    def look_up(self, keys: Sequence[str]) -> Generator[Rows, None, frozenset[str]]:
        # A key of earlier rows may be no value of its column any more. Then the keys without an answer are read whole.
        with self._opened() as snapshot, suppress(SourceInvalid):
            reading = self._begin(snapshot, None)
            every = self._selection().everything(reading.texts)
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
            _, order = self._columns(snapshot)
            selection = self._selection()
            notes = [*key_notes(snapshot, selection, self.needs.key)]
            return [*notes, *cursor_notes(snapshot, selection, order)] if order else notes

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

    def _selection(self) -> Selection:
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
        )

    def _columns(self, snapshot: Snapshot) -> tuple[list[Column], Ordered | None]:
        """Return the columns of the source, and the order of the cursor's values.

        Raises:
            SourceInvalid: two columns have one name, the options name a column that the query lacks, or the cursor's
                type is not the column's.

        """
        selection = self._selection()
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
        return found, self._order(snapshot, snapshot.columns(selection.described())[len(found) :])

    def _order(self, snapshot: Snapshot, added: Sequence[Column]) -> Ordered | None:
        cursor = self._options.cursor
        if cursor is None:
            return None
        family = snapshot.family(added[0], self._selection().cursor_sample())
        with snapshot.errors.refused():
            return ordered(cursor.column, family, cursor.type, cursor.overlap)

    def _begin(self, snapshot: Snapshot, before: Mark | None) -> Reading:
        columns, order = self._columns(snapshot)
        names = [column.name for column in columns]
        added = [CURSOR] * (self._options.cursor is not None) + [DELETED] * (self._options.deleted is not None)
        window = Window(order.order, snapshot.now()) if order else None
        query = self._digest(order.kind if order else None)
        # Rows of another query were never read, so their old cursor values prove nothing.
        before = before if before is not None and before.query == query else None
        known = before.seen if before else frozenset()
        reading = Reading(columns, [*names, *added], query, order, window, before, known)
        begin = before.begin(order.order, exact=self._is_exact(order.kind)) if before and order else None
        if begin and order:
            reading.since = begin[0], order.order.parameter(begin[1])
        return reading

    def _pages(self, snapshot: Snapshot, reading: Reading) -> Iterator[Page]:
        selection = self._selection()
        statement = (
            selection.since(*reading.since, reading.texts) if reading.since else selection.everything(reading.texts)
        )
        return snapshot.pages(statement, reading.selected, self._options.fetch)

    def _key_reader(self, snapshot: Snapshot, reading: Reading) -> KeyReader:
        key, fetch = self.needs.key, self._options.fetch
        return KeyReader(snapshot, self._selection(), key, reading.columns, fetch)

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
            every = self._selection().everything(reading.texts)
            for frame in self._key_reader(snapshot, reading).rows(every, reading.selected, repeated):
                yield from self._shown(reading.numbered(frame), reading, partial=True)
        return True

    def _repeated(self, snapshot: Snapshot, reading: Reading, pages: Sequence[Part]) -> frozenset[str]:
        """Return the keys of changed rows that more than one row has."""
        frames = [each.frame for each in pages if each.frame.height]
        if not frames or not self.needs.key:
            return frozenset()
        keys = set(pl.concat([key_texts(frame, self.needs.key) for frame in frames]).drop_nulls())
        every = self._selection().keys(self.needs.key, reading.expressions)
        return self._key_reader(snapshot, reading).repeated(every, self._key_names(), keys)

    def _key_names(self) -> list[str]:
        return [*self.needs.key, *([DELETED] if self._options.deleted is not None else [])]

    def _is_exact(self, kind: CursorType) -> bool:
        # SQLite has no type for times and compares their texts.
        return self._options.url.product.kind != "sqlite" or kind != "timestamp"

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
        is_deleted = self._is_deleted(frame)
        # Two rows may have one key. The key is gone only if none of its rows is left.
        if partial:
            reading.deleted |= self._keys(frame.filter(is_deleted))
            reading.existing |= self._keys(frame.filter(~is_deleted))
        return frame.filter(~is_deleted), lines.filter(~is_deleted)

    def _is_deleted(self, frame: pl.DataFrame) -> pl.Series:
        marks = frame.get_column(DELETED)
        found = flags.meant(marks)
        if found.has_nulls():
            unknown = flags.shown(marks.filter(found.is_null()).unique())
            column = self._options.deleted or ""
            raise SourceInvalid(
                f"{self._options.url.place}: deleted: {column} has the value {unknown}, which means "
                f"neither yes nor no; nothing is deleted. Write a condition, such as deleted: \"{column} = 'Yes'\""
            )
        return found

    def _keys(self, frame: pl.DataFrame) -> set[str]:
        """Return the keys of rows. The mapping makes the same keys, unless they hold unusual characters."""
        if not self.needs.key:
            return set()
        return set(key_texts(frame, self.needs.key).drop_nulls())

    def _present_keys(self, snapshot: Snapshot, reading: Reading, began: float) -> pl.DataFrame | None:
        """Return the key columns of all rows that exist; None if the last sweep is recent enough."""
        key, before = self.needs.key, reading.before
        # With read_committed the keys would be of another moment than the rows, so a missing key would prove nothing.
        is_one_moment = self._options.isolation != "read_committed"
        # A sweep that lies ahead of now comes from a clock that was set back.
        if before is None or not key or not is_one_moment or 0 <= began - before.swept < self._options.sweep:
            return None
        statement = self._selection().keys(key, reading.expressions)
        names = self._key_names()
        pages = [_with_malformed(page, names) for page in snapshot.pages(statement, names, self._options.fetch)]
        found = pl.concat(pages) if pages else pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        return found.filter(~self._is_deleted(found)).select(key) if DELETED in names else found

    def _end(self, reading: Reading, present: pl.DataFrame | None, began: float, errors: DriverErrors) -> End:
        cursor, before = None, reading.before
        warnings: tuple[str, ...] = ()
        if reading.window is not None and reading.ordered is not None:
            with errors.refused():
                warnings = reading.ordered.doubts(reading.window.looks_like)
            # A full read sees all keys, so it counts as a sweep.
            swept = before.swept if before is not None and present is None else began
            cursor = reading.window.mark(before, reading.query, began=began, swept=swept).to_text()
        if before is not None:
            gone = frozenset(reading.deleted - reading.existing)
            return End("partial", cursor=cursor, deleted=gone, present=present, warnings=warnings)
        if self._options.isolation == "read_committed":
            why = "isolation: read_committed does not prove that no row is missing"
            return End("unproved", why=why, warnings=warnings)
        return End("complete", cursor=cursor, warnings=warnings)

    def _origin(self) -> str:
        """Return the name of the place in which rows are numbered."""
        return self._options.table or "query"

    def _digest(self, kind: CursorType | None) -> str:
        """Return a digest of all options that decide which rows are read; ``kind``: the type of the cursor."""
        # str(url) hides the password: with a new password it is still the same source.
        options = self._options
        cursor = {**options.cursor.model_dump(), "type": kind} if options.cursor else None
        parts = [VERSION, str(options.url), options.query, options.table, options.columns, options.params, cursor]
        text = json.dumps([*parts, options.deleted, self.needs.key])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _with_malformed(page: Page, names: Sequence[str]) -> pl.DataFrame:
    """Return the keys of a page; a row that cannot be read has a null key, so that no key counts as gone."""
    if not page.malformed:
        return page.frame
    nulls = pl.DataFrame({name: [None] * len(page.malformed) for name in names}, schema=dict.fromkeys(names, pl.String))
    return pl.concat([page.frame, nulls])


def _is_numbered(name: str, names: Sequence[str]) -> bool:
    """Whether SQLite has numbered the name (``id:1``), because another column has the same name."""
    base, colon, number = name.rpartition(":")
    return bool(colon) and number.isdecimal() and base in names
