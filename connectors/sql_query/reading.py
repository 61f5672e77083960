"""A read of a SQL source under way, and the rows of a page with their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from connectors.sql_query.cursor import Mark, Window
from connectors.sql_query.cursor_order import Ordered
from connectors.sql_query.lookup import key_texts
from connectors.sql_query.snapshot import Column
from syncd.source import Malformed


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a page, with their numbers."""

    frame: pl.DataFrame
    lines: pl.Series
    malformed: tuple[Malformed, ...] = ()

    def without(self, keys: frozenset[str], key: Sequence[str]) -> Part:
        """Return the rows whose key is not one of these."""
        if not keys or self.frame.is_empty():
            return self
        other = ~key_texts(self.frame, key).is_in(list(keys)).fill_null(value=False)
        return Part(self.frame.filter(other), self.lines.filter(other), self.malformed)


@dataclass(slots=True)
class Reading:
    """A read under way. ``columns``: of the source; ``selected``: the columns of the statement, with added ones.

    ``query``: a digest of what is read. ``before``: where the last read ended; None for a read of everything.
    ``since``: the condition and the value at which a read of changes begins.
    """

    columns: list[Column]
    selected: list[str]
    query: str
    ordered: Ordered | None
    window: Window | None
    before: Mark | None
    known: frozenset[str] = frozenset()
    count: int = 0
    pages: int = 0
    deleted: set[str] = field(default_factory=set)
    existing: set[str] = field(default_factory=set)
    since: tuple[str, Any] | None = None

    @property
    def expressions(self) -> dict[str, str]:
        return {column.name: column.expression for column in self.columns}

    @property
    def texts(self) -> dict[str, str] | None:
        """The expressions, if a column needs one."""
        return self.expressions if any(self.expressions.values()) else None

    def numbered(self, frame: pl.DataFrame, malformed: Sequence[tuple[int, str]] = ()) -> Part:
        """Number the rows of a page; ``malformed``: the place and the reason of each row that is not in the frame."""
        first = self.count + 1
        bad = tuple(Malformed(first + place, reason) for place, reason in malformed)
        self.count += frame.height + len(bad)
        lines = pl.int_range(first, self.count + 1, dtype=pl.UInt32, eager=True)
        return Part(frame, lines.filter(~lines.is_in([row.line for row in bad])), bad)
