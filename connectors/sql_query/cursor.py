"""Decide where the next incremental read begins, so that no row is lost and no row comes again forever.

A row's cursor value is written before the row is committed, and by clocks that differ, so a read cannot begin where the
last read ended. It begins the *overlap* before the greatest value seen. That value is *settled* once a read that began
a whole overlap after its first sight has covered it; later reads begin after it. Rows of the overlap that were read
before are known by their digests and left out. Values later than the server's own time do not move the cursor.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from connectors.sql_query.cursor_order import CursorOrder

MAX_SEEN = 5_000
"""Rows of the overlap that are remembered at most; if there are more, all of them are read again."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The cursor: how far the reads have come. The names of its fields are in the cursors of earlier runs.

    ``query``: a digest of what was read. ``top``: the greatest value; ``since``: when (Unix seconds) the read that
    first saw it began. ``settled``: rows with this value or less are not read any more. ``swept``: when all keys were
    last read. ``seen``: digests of rows that a read from here would find again.
    """

    query: str
    swept: float
    top: str | None = None
    since: float = 0.0
    settled: str | None = None
    seen: frozenset[str] = field(default=frozenset())

    def to_text(self) -> str:
        return json.dumps({**asdict(self), "seen": sorted(self.seen)})

    @classmethod
    def from_text(cls, text: str) -> Mark | None:
        """Return the mark in a cursor; None for a cursor of another version."""
        # None means a full read: a cursor that cannot be read costs time, but must not stop a source for good.
        try:
            found = json.loads(text)
            return cls(**{**found, "seen": frozenset(found["seen"])})
        except (ValueError, TypeError, KeyError):
            return None

    def begin(self, order: CursorOrder, *, exact: bool) -> tuple[str, str] | None:
        """Return the condition (``>`` or ``>=``) and the value at which a read begins; None for a read of all rows.

        ``exact``: the server compares values rather than texts, so that no value lies between two equal texts.
        """
        if self.top is None:
            return None
        low = order.minus_overlap(self.top)
        if exact and self.settled is not None and order.parameter(low) <= order.parameter(self.settled):
            return ">", self.settled
        return ">=", low


class Window:
    """Collects, over the pages of a read, the greatest value and the rows that the next read would find again.

    ``now``: the server's time in UTC and in its zone. ``looks_like``: the type that the values seem to be of, if it is
    another one than the order's.
    """

    def __init__(self, order: CursorOrder, now: tuple[str, str]) -> None:
        self._order = order
        self._now = now
        self._values: pl.Series | None = None
        self._rows: pl.DataFrame | None = None
        self._has_too_many = False
        self.top: str | None = None
        self.looks_like = ""

    def add(self, frame: pl.DataFrame, values: pl.Series) -> None:
        """Add a page: its rows and their cursor values (String)."""
        known = self._order.comparable(values)
        self.looks_like = self.looks_like or self._order.doubt(known, self._now)
        top = self._order.without_future(known.drop_nulls(), self._now).max()
        if top is not None and (self.top is None or top > self._comparable(self.top)):
            self.top = self._order.text(top)
        if not self._has_too_many:
            self._remember(frame, known)

    def _remember(self, frame: pl.DataFrame, values: pl.Series) -> None:
        rows, known = self._in_overlap(frame, values)
        if self._rows is not None and self._values is not None:
            # The top may have grown with this page, so the rows of earlier pages may have left the overlap.
            before, others = self._in_overlap(self._rows, self._values)
            rows, known = pl.concat([before, rows]), pl.concat([others, known])
        self._rows, self._values = rows, known
        if rows.height > MAX_SEEN:
            self._rows = self._values = None
            self._has_too_many = True

    def _in_overlap(self, frame: pl.DataFrame, values: pl.Series) -> tuple[pl.DataFrame, pl.Series]:
        """Return the rows that are in the overlap or have no value."""
        if self.top is None:
            return frame, values
        is_near = (values >= self._comparable(self._order.minus_overlap(self.top))).fill_null(value=True)
        return frame.filter(is_near), values.filter(is_near)

    def seen(self) -> frozenset[str]:
        """Return the digests of the remembered rows."""
        return frozenset() if self._rows is None else frozenset(digests(self._rows))

    def mark(self, before: Mark | None, query: str, *, began: float, swept: float) -> Mark:
        """Return where the next read begins, after a read that began at ``began`` (Unix seconds)."""
        top, since, settled = self.top, began, None
        if before is not None and before.top is not None:
            # This read has covered the old top. If it began late enough, no commit at or below that top can follow.
            has_settled = began - before.since >= self._order.settle_seconds(before.top)
            settled = before.top if has_settled else before.settled
            if top is None or not self._comparable(top) > self._comparable(before.top):
                top, since = before.top, before.since
        return Mark(query, swept, top, since, settled, self.seen())

    def _comparable(self, value: str) -> Any:
        return self._order.comparable(pl.Series([value]))[0]


def digests(rows: pl.DataFrame) -> list[str]:
    """Return a digest of each row, in order."""
    return [_digest(row) for row in rows.iter_rows()]


def _digest(row: tuple[str | None, ...]) -> str:
    text = json.dumps(row, ensure_ascii=False).encode(errors="surrogatepass")
    return base64.b85encode(hashlib.blake2b(text, digest_size=12).digest()).decode()
