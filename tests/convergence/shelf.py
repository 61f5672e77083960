"""A source in memory: the rows of one table, read whole or by what changed, whose read may fail to prove anything."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl
from pydantic import ConfigDict

from syncd.source import Connector, End, Options, Rows

COLUMNS = ("key", "one", "two", "name", "phone", "status")


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``one`` and ``two`` are what match fields are made of; ``status`` former: filtered out."""

    key: str
    one: str
    two: str
    name: str
    phone: str
    status: str = "ok"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """In a shrunk history, a row is one line."""
        printer.text(f"Row({self.key}: {self.one}/{self.two}, {self.name}, {self.phone}, {self.status})")


@dataclass(slots=True)
class Table:
    """The rows of a source now.

    ``proved``: whether a read of them proves to be complete. ``tells``: what a read after a cursor tells: everything
    (``whole``), or what changed since and which keys went (``changes``).
    """

    rows: list[Row] = field(default_factory=list)
    proved: bool = True
    tells: Literal["whole", "changes"] = "whole"
    seen: list[list[Row]] = field(default_factory=list)


class ShelfOptions(Options):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    table: Table


class Shelf(Connector):
    """Reads a :class:`Table`."""

    OPTIONS = ShelfOptions
    options: ShelfOptions

    def check(self) -> list[str]:
        return list(COLUMNS)

    def read(self, cursor: str | None) -> Generator[Rows, None, End]:
        table = self.options.table
        rows, before = list(table.rows), self._seen(cursor)
        gone: frozenset[str] = frozenset()
        if before is not None:
            if before == rows and table.tells == "whole":
                return End("unchanged", cursor=cursor)
            was, now = _by_key(before), _by_key(rows)
            gone = frozenset(was.keys() - now.keys() - {""})
            if table.tells == "changes":
                rows = [row for row in rows if not row.key or was.get(row.key) != now[row.key]]
        yield self._page(rows)
        if not table.proved:
            return End("unproved", why="a test says so")
        table.seen.append(list(table.rows))
        number = str(len(table.seen) - 1)
        if before is None or table.tells == "whole":
            return End("complete", cursor=number)
        return End("partial", cursor=number, deleted=gone)

    def _seen(self, cursor: str | None) -> list[Row] | None:
        return None if cursor is None else self.options.table.seen[int(cursor)]

    def _page(self, rows: list[Row]) -> Rows:
        frame = pl.DataFrame(
            {name: [getattr(row, name) for row in rows] for name in COLUMNS}, schema=dict.fromkeys(COLUMNS, pl.String)
        )
        return Rows(frame, self.name, pl.Series(range(1, len(rows) + 1), dtype=pl.UInt32))


def _by_key(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.key, []).append(row)
    return found
