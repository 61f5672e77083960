"""A source in memory: the rows of one table, read whole, whose read may fail to prove that it is complete."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

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
    """The rows of a source now, and whether a read of them proves to be complete."""

    rows: list[Row] = field(default_factory=list)
    proved: bool = True


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
        rows = list(self.options.table.rows)
        frame = pl.DataFrame(
            {name: [getattr(row, name) for row in rows] for name in COLUMNS}, schema=dict.fromkeys(COLUMNS, pl.String)
        )
        yield Rows(frame, self.name, pl.Series(range(1, len(rows) + 1), dtype=pl.UInt32))
        return End("complete") if self.options.table.proved else End("unproved", why="a test says so")
