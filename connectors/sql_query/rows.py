"""Read row by row through a driver's unbuffered cursor: MariaDB, MySQL, SQLite and SQL Server."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import polars as pl

from connectors.sql_query.cursor_order import Family
from connectors.sql_query.snapshot import Column, Page, Snapshot
from connectors.sql_query.statement import Statement
from connectors.sql_query.text import column

T = TypeVar("T")

CHUNK_ROWS = 5_000
"""Rows that are Python objects at once."""


class RowSnapshot(Snapshot):
    """A snapshot over a cursor of the driver that does not fetch all rows at once."""

    @abstractmethod
    def _cursor(self) -> Any:
        """Return a new unbuffered cursor."""

    def _call(self, work: Callable[[], T]) -> T:
        """Return what a call of the driver returns, which may wait for the server."""
        return work()

    def columns(self, described: Statement, query: Statement | None = None) -> list[Column]:
        with self.errors.translated(query.text if query else ""):
            _, description = self._fetch_all(described)
        return [Column(each[0], is_json=self._is_json(each[1]), family=self._family_of(each)) for each in description]

    def _is_json(self, type_code: Any) -> bool:  # noqa: ARG002  (most servers have no such type)
        return False

    def _family_of(self, described: Any) -> Family:  # noqa: ARG002
        """Return the kind of a column, from the driver's description of it."""
        return ""

    def rows(self, statement: Statement) -> list[tuple[Any, ...]]:
        with self.errors.translated():
            return self._fetch_all(statement)[0]

    def _fetch_all(self, statement: Statement) -> tuple[list[tuple[Any, ...]], Any]:
        """Return the rows of a small result and the driver's description of its columns."""
        text, values = self.compiled(statement)
        cursor = self._cursor()
        self._call(lambda: cursor.execute(text, values))
        # Read to the end even if there are no rows: an unbuffered cursor blocks the connection until then.
        found = list(self._call(cursor.fetchall)), cursor.description
        cursor.close()
        return found

    def pages(self, statement: Statement, names: Sequence[str], rows: int) -> Iterator[Page]:
        text, values = self.compiled(statement)
        cursor = self._cursor()
        chunks: list[Page] = []
        try:
            with self.errors.translated():
                self._call(lambda: cursor.execute(text, values))
            # Rows become columns in small chunks, since rows as Python objects take far more memory than a page.
            while chunk := self._chunk(cursor, min(rows, CHUNK_ROWS)):
                chunks.append(_page(chunk, names))
                if sum(page.height for page in chunks) + CHUNK_ROWS > rows:
                    yield _concatenated(chunks)
                    chunks = []
            # A warning makes the read fail: a text that the server cut must not be taken for a value.
            with self.errors.translated():
                self._check_warnings(cursor)
            if chunks:
                yield _concatenated(chunks)
        finally:
            with suppress(Exception):
                self._end(cursor)

    def _chunk(self, cursor: Any, size: int) -> Sequence[tuple[Any, ...]]:
        self.stop_if_cancelled()
        with self.errors.translated():
            found: Sequence[tuple[Any, ...]] = self._call(lambda: cursor.fetchmany(size))
            return found

    def _check_warnings(self, cursor: Any) -> None:
        """Raise an error if the server warned that values are not whole; all rows were fetched."""

    def _end(self, cursor: Any) -> None:
        """Close a cursor, whose rows may not all have been fetched."""
        cursor.close()

    def close(self) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()


def _page(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> Page:
    malformed: dict[int, str] = {}
    columns = []
    # By columns, since Polars builds a column of texts at once; a frame of rows would look at each value.
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        texts, bad_places = column(name, values)
        columns.append(texts)
        # An added column has the name of its option behind a NUL.
        reason = name.lstrip("\0") + ": the text is not in UTF-8"
        malformed |= dict.fromkeys(bad_places, reason)
    frame = pl.DataFrame(columns)
    if malformed:
        frame = frame.filter(~pl.int_range(pl.len()).is_in(list(malformed)))
    return Page(frame, sorted(malformed.items()))


def _concatenated(pages: Sequence[Page]) -> Page:
    malformed, before = [], 0
    for page in pages:
        malformed += [(before + place, reason) for place, reason in page.malformed]
        before += page.height
    return Page(pl.concat(page.frame for page in pages), malformed)
