"""A source in memory: the rows of one table, read whole or by changes, with or without a proof."""

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
    """One row. ``one`` and ``two`` feed match fields; ``where`` filters out the ``status`` former."""

    key: str
    one: str
    two: str
    name: str
    phone: str
    status: str = "ok"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Print the row as one line of a shrunk history."""
        printer.text(f"Row({self.key}: {self.one}/{self.two}, {self.name}, {self.phone}, {self.status})")


Tells = Literal["whole", "changes", "present"]


@dataclass(slots=True)
class Table:
    """The current rows of a source.

    ``proved``: whether a read proves to be complete. ``tells``: what a read after a cursor yields: all rows
    (``whole``), changed rows and deleted keys (``changes``), or changed rows and the present keys (``present``).
    ``seen``: the rows of each earlier read. ``merges``: the number of reads before a merge, the merged key and the key
    that is left.
    """

    rows: list[Row] = field(default_factory=list)
    proved: bool = True
    tells: Tells = "whole"
    seen: list[list[Row]] = field(default_factory=list)
    merges: list[tuple[int, str, str]] = field(default_factory=list)

    def merge(self, place: int, second: int) -> None:
        """Merge the row at ``place`` into another one."""
        old, new = self.rows[place % len(self.rows)], self.rows[second % len(self.rows)]
        if old.key and new.key and old.key != new.key:
            self.rows = [row for row in self.rows if row.key != old.key]
            self.merges.append((len(self.seen), old.key, new.key))

    def merged_since(self, read: int) -> dict[str, str]:
        """Return the absent keys that were merged since a read, each with the key that is left."""
        here = {row.key for row in self.rows}
        return {old: new for at, old, new in self.merges if at > read and old not in here}


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
        if before == rows and table.tells == "whole":
            return End("unchanged", cursor=cursor)
        yield self._page(rows if before is None or table.tells == "whole" else _changed(before, rows))
        if not table.proved:
            return End("unproved", why="a test says so")
        table.seen.append(rows)
        number = str(len(table.seen) - 1)
        merged = table.merged_since(-1 if cursor is None else int(cursor))
        if before is None or table.tells == "whole":
            return End("complete", cursor=number, merged=merged)
        if table.tells == "changes":
            gone = {row.key for row in before} - {row.key for row in rows} - {""}
            return End("partial", cursor=number, deleted=frozenset(gone), merged=merged)
        here = pl.DataFrame({"key": sorted({row.key for row in rows if row.key})}, schema={"key": pl.String})
        return End("partial", cursor=number, merged=merged, present=here)

    def _seen(self, cursor: str | None) -> list[Row] | None:
        return None if cursor is None else self.options.table.seen[int(cursor)]

    def _page(self, rows: list[Row]) -> Rows:
        frame = pl.DataFrame(
            {name: [getattr(row, name) for row in rows] for name in COLUMNS}, schema=dict.fromkeys(COLUMNS, pl.String)
        )
        return Rows(frame, self.name, pl.Series(range(1, len(rows) + 1), dtype=pl.UInt32))


def _changed(before: list[Row], rows: list[Row]) -> list[Row]:
    """Return the rows that changed, and the rows without a key, which may have changed."""
    was, now = _by_key(before), _by_key(rows)
    return [row for row in rows if not row.key or was.get(row.key) != now[row.key]]


def _by_key(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.key, []).append(row)
    return found
