"""Servers that are read row by row, through their drivers' unbuffered cursors: MariaDB, MySQL, SQLite, SQL Server."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import polars as pl

from connectors.sql_query.snapshot import Column, Page, Snapshot
from connectors.sql_query.statement import Statement
from connectors.sql_query.text import column

CHUNK = 5_000
"""Rows that are Python objects at once."""


class RowSnapshot(Snapshot):
    """What these servers have in common: a cursor of the driver that does not fetch everything at once."""

    _connection: Any = None

    @abstractmethod
    def _cursor(self) -> Any:
        """A new unbuffered cursor."""

    def columns(self, described: Statement, query: Statement | None = None) -> list[Column]:
        text, values = self.compiled(described)
        with self.told.of(query.text if query else ""):
            cursor = self._cursor()
            cursor.execute(text, values)
            cursor.fetchall()
            found = [Column(each[0], is_json=self._is_json(each[1])) for each in cursor.description]
            cursor.close()
        return found

    def _is_json(self, type_code: Any) -> bool:  # noqa: ARG002  (most servers have no such type)
        return False

    def rows(self, statement: Statement) -> list[tuple[Any, ...]]:
        query, values = self.compiled(statement)
        with self.told.of():
            cursor = self._cursor()
            cursor.execute(query, values)
            found = list(cursor.fetchall())
            cursor.close()
        return found

    def pages(self, statement: Statement, names: Sequence[str], rows: int) -> Iterator[Page]:
        query, values = self.compiled(statement)
        cursor = self._cursor()
        chunks: list[Page] = []
        try:
            with self.told.of():
                cursor.execute(query, values)
            while chunk := self._chunk(cursor, min(rows, CHUNK)):
                chunks.append(_page(chunk, names))
                if sum(page.height for page in chunks) + CHUNK > rows:
                    yield _joined(chunks)
                    chunks = []
            with self.told.of():
                self._finished(cursor)
            if chunks:
                yield _joined(chunks)
        finally:
            with suppress(Exception):
                self._end(cursor)

    def _chunk(self, cursor: Any, size: int) -> Sequence[tuple[Any, ...]]:
        self.halt()
        with self.told.of():
            found: Sequence[tuple[Any, ...]] = cursor.fetchmany(size)
            return found

    def _finished(self, cursor: Any) -> None:
        """Look once more when all rows have come."""

    def _end(self, cursor: Any) -> None:
        """Close a cursor, of which rows may be left."""
        cursor.close()

    def close(self) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()


def _page(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> Page:
    bad: dict[int, str] = {}
    columns = []
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        texts, wrong = column(name, values)
        columns.append(texts)
        bad |= dict.fromkeys(wrong, f"{name}: the text is not in UTF-8")
    frame = pl.DataFrame(columns)
    if bad:
        frame = frame.filter(~pl.int_range(pl.len()).is_in(list(bad)))
    return Page(frame, sorted(bad.items()))


def _joined(pages: Sequence[Page]) -> Page:
    bad, before = [], 0
    for page in pages:
        bad += [(before + place, why) for place, why in page.bad]
        before += page.height
    return Page(pl.concat(page.frame for page in pages), bad)
