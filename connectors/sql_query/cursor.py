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
import re
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import polars as pl

MAX_SEEN = 5_000
"""Rows of the overlap that are remembered at most; if there are more, all of them are read again."""

CursorType = Literal["timestamp", "date", "number"]

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:([ T])(\d\d:\d\d:\d\d)(\.\d+)?(.*))?")
_DAY = 86400.0


class CursorOrder(ABC):
    """The order of a cursor's values. ``settle_seconds``: after this time a value is settled."""

    settle_seconds: float

    @abstractmethod
    def comparable(self, values: pl.Series) -> pl.Series:
        """Return the values (String) in a type that can be compared; null for a value of another kind."""

    @abstractmethod
    def minus_overlap(self, value: str) -> str:
        """Return the value that lies the overlap before ``value``."""

    @abstractmethod
    def without_future(self, values: pl.Series, now: tuple[str, str]) -> pl.Series:
        """Return the comparable values that are not later than ``now``, the server's time in UTC and in its zone."""

    def parameter(self, value: str) -> Any:
        """Return the value as a statement takes it; these can be compared too."""
        return value


class Times(CursorOrder):
    """Points in time, as text in ISO 8601, which sorts by time. ``overlap`` and ``grain``: seconds."""

    def __init__(self, overlap: float, grain: float = 0.0) -> None:
        self.settle_seconds = overlap + grain
        self._overlap = timedelta(seconds=max(overlap, grain))

    def comparable(self, values: pl.Series) -> pl.Series:
        # PostgreSQL has times without digits, "infinity"; as the greatest value, it would hide all later rows.
        return values.set(~values.str.contains(r"^\d{4}-\d\d-\d\d").fill_null(value=False), None)

    def minus_overlap(self, value: str) -> str:
        found = _MOMENT.fullmatch(value)
        if found is None:
            return value
        day, between, clock, fraction, zone = found.groups()
        try:
            moment = datetime.fromisoformat(f"{day} {clock or '00:00:00'}") - self._overlap
        # Not every text is a time that Python knows: 0000-00-00, or a time whose overlap begins before the year 1.
        except (ValueError, OverflowError):
            return value
        if not clock:
            return moment.date().isoformat()
        # The result has no fraction. A second less, since texts with and without a fraction sort differently.
        moment -= timedelta(seconds=1 if fraction else 0)
        return f"{moment:%Y-%m-%d}{between}{moment:%H:%M:%S}{zone}"

    def without_future(self, values: pl.Series, now: tuple[str, str]) -> pl.Series:
        utc, _ = now
        # A time without a zone may be in UTC or in the server's zone, so the later of both is allowed.
        zoned = values.str.contains(r"\d\d:\d\d.*(?:[+-]\d\d(?::?\d\d)?|Z)$")
        until = pl.when(zoned).then(pl.lit(utc)).otherwise(pl.lit(max(now)))
        seconds = values.str.replace("T", " ", literal=True).str.head(19)
        return values.filter(pl.select(seconds <= until).to_series())


class Numbers(CursorOrder):
    """Whole numbers that only grow: a sequence, a row version. ``overlap``: a difference of numbers."""

    # A number does not tell when it was written, so a commit may be a day late.
    settle_seconds = _DAY

    def __init__(self, overlap: int) -> None:
        self._overlap = overlap

    def comparable(self, values: pl.Series) -> pl.Series:
        return values.cast(pl.Int64, strict=False)

    def minus_overlap(self, value: str) -> str:
        return str(int(value) - self._overlap)

    def without_future(self, values: pl.Series, now: tuple[str, str]) -> pl.Series:  # noqa: ARG002  (numbers have no clock)
        return values

    def parameter(self, value: str) -> Any:
        return int(value)


def cursor_order(kind: CursorType, overlap: float) -> CursorOrder:
    """Return the order of values of this type; ``overlap``: seconds, or a difference of numbers."""
    if kind == "number":
        return Numbers(int(overlap))
    # The overlap of a date is at least a day, since rows of a day are written until its end.
    return Times(overlap, _DAY if kind == "date" else 0.0)


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
    """Collects, over the pages of a read, the greatest value and the rows that the next read would find again."""

    def __init__(self, order: CursorOrder, now: tuple[str, str]) -> None:
        self._order = order
        self._now = now
        self._values: pl.Series | None = None
        self._rows: pl.DataFrame | None = None
        self._has_too_many = False
        self.top: str | None = None

    def add(self, frame: pl.DataFrame, values: pl.Series) -> None:
        """Add a page: its rows and their cursor values (String)."""
        known = self._order.comparable(values)
        top = self._order.without_future(known.drop_nulls(), self._now).max()
        if top is not None and (self.top is None or top > self._comparable(self.top)):
            self.top = str(top)
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
            has_settled = began - before.since >= self._order.settle_seconds
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
