"""Incremental reads: where the next one begins, so that no row is lost and none comes again for ever.

A row's cursor value is written before it is committed, and by clocks that differ, so a read cannot begin where the
last one ended. It begins the *overlap* before the greatest value seen. That value counts as *settled* once a read that
began a whole overlap after it was first seen has covered it; from then on reads begin behind it. Rows of the overlap
that were read before are known by digests and left out. Values beyond the server's own time do not move the cursor.
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

MOST = 5_000
"""Rows of the overlap that are remembered at most; where there are more, they are read again."""

CursorType = Literal["timestamp", "date", "number"]

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:([ T])(\d\d:\d\d:\d\d)(\.\d+)?(.*))?")
_DAY = 86400.0


class Scale(ABC):
    """The order of a cursor's values. ``settles``: seconds after which a value is settled."""

    settles: float

    @abstractmethod
    def comparable(self, values: pl.Series) -> pl.Series:
        """The values (String) so that they can be compared; null for what is no value of this kind."""

    @abstractmethod
    def lowered(self, value: str) -> str:
        """The value an overlap before."""

    @abstractmethod
    def capped(self, values: pl.Series, now: tuple[str, str]) -> pl.Series:
        """Those comparable values that lie not in the future; ``now`` is the server's time in UTC and in its zone."""

    def bound(self, value: str) -> Any:
        """The value as a statement takes it, and as it is compared."""
        return value


class Times(Scale):
    """Points in time, as text in ISO 8601, which sorts as they do. ``overlap`` and ``grain``: seconds."""

    def __init__(self, overlap: float, grain: float = 0.0) -> None:
        self.settles = overlap + grain
        self._overlap = timedelta(seconds=max(overlap, grain))

    def comparable(self, values: pl.Series) -> pl.Series:
        return values.set(~values.str.contains(r"^\d{4}-\d\d-\d\d").fill_null(value=False), None)

    def lowered(self, value: str) -> str:
        found = _MOMENT.fullmatch(value)
        if found is None:
            return value
        day, between, clock, fraction, zone = found.groups()
        try:
            moment = datetime.fromisoformat(f"{day} {clock or '00:00:00'}") - self._overlap
        except (ValueError, OverflowError):
            return value
        if not clock:
            return moment.date().isoformat()
        moment -= timedelta(seconds=1 if fraction else 0)  # texts with and without a fraction sort differently
        return f"{moment:%Y-%m-%d}{between}{moment:%H:%M:%S}{zone}"

    def capped(self, values: pl.Series, now: tuple[str, str]) -> pl.Series:
        utc, _ = now
        zoned = values.str.contains(r"\d\d:\d\d.*(?:[+-]\d\d(?::?\d\d)?|Z)$")
        until = pl.when(zoned).then(pl.lit(utc)).otherwise(pl.lit(max(now)))
        seconds = values.str.replace("T", " ", literal=True).str.head(19)
        return values.filter(pl.select(seconds <= until).to_series())


class Numbers(Scale):
    """Whole numbers that only grow: a sequence, a row version. ``overlap``: how many of them."""

    settles = _DAY

    def __init__(self, overlap: int) -> None:
        self._overlap = overlap

    def comparable(self, values: pl.Series) -> pl.Series:
        return values.cast(pl.Int64, strict=False)

    def lowered(self, value: str) -> str:
        return str(int(value) - self._overlap)

    def capped(self, values: pl.Series, now: tuple[str, str]) -> pl.Series:  # noqa: ARG002  (numbers have no clock)
        return values

    def bound(self, value: str) -> Any:
        return int(value)


def scale(kind: CursorType, overlap: float) -> Scale:
    """The order of values of this type; a date's overlap is at least a day, since the day goes on."""
    if kind == "number":
        return Numbers(int(overlap))
    return Times(overlap, _DAY if kind == "date" else 0.0)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the reads have come.

    ``query``: a digest of what was read. ``top``: the greatest value; ``since``: when (Unix seconds) a read that found
    it began. ``settled``: below and at it, nothing is read any more. ``swept``: when the keys were last read in full.
    ``seen``: digests of rows that a read from here would find again.
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
        """The mark in a cursor; None for one that is of another version."""
        try:
            found = json.loads(text)
            return cls(**{**found, "seen": frozenset(found["seen"])})
        except (ValueError, TypeError, KeyError):
            return None

    def begin(self, order: Scale, *, exact: bool) -> tuple[str, str] | None:
        """Return the condition (``>`` or ``>=``) and the value at which to begin; None for the very beginning.

        ``exact``: the server compares values, not texts, so that nothing lies between equal texts.
        """
        if self.top is None:
            return None
        low = order.lowered(self.top)
        if exact and self.settled is not None and order.bound(low) <= order.bound(self.settled):
            return ">", self.settled
        return ">=", low


class Window:
    """Collects, over a read's pages, the greatest value and the rows that the next read would find again."""

    def __init__(self, order: Scale, now: tuple[str, str]) -> None:
        self._order = order
        self._now = now
        self._values: pl.Series | None = None
        self._rows: pl.DataFrame | None = None
        self._flooded = False
        self.top: str | None = None

    def add(self, frame: pl.DataFrame, values: pl.Series) -> None:
        """Take a page: its rows and their cursor values (String)."""
        known = self._order.comparable(values)
        top = self._order.capped(known.drop_nulls(), self._now).max()
        if top is not None and (self.top is None or top > self._order.comparable(pl.Series([self.top]))[0]):
            self.top = str(top)
        if not self._flooded:
            self._keep(frame, known)

    def _keep(self, frame: pl.DataFrame, values: pl.Series) -> None:
        rows, known = self._near(frame, values)
        if self._rows is not None and self._values is not None:
            before, others = self._near(self._rows, self._values)
            rows, known = pl.concat([before, rows]), pl.concat([others, known])
        self._rows, self._values = rows, known
        if rows.height > MOST:
            self._rows = self._values = None
            self._flooded = True

    def _near(self, frame: pl.DataFrame, values: pl.Series) -> tuple[pl.DataFrame, pl.Series]:
        """The rows that are in the overlap, or have no value."""
        if self.top is None:
            return frame, values
        low = self._order.comparable(pl.Series([self._order.lowered(self.top)]))[0]
        near = (values >= low).fill_null(value=True)
        return frame.filter(near), values.filter(near)

    def seen(self) -> frozenset[str]:
        """The digests of those rows."""
        return frozenset() if self._rows is None else frozenset(digests(self._rows))

    def mark(self, before: Mark | None, query: str, *, began: float, swept: float) -> Mark:
        """Where the next read begins, after one that began at ``began`` (Unix seconds)."""
        top, since, settled = self.top, began, None
        if before is not None and before.top is not None:
            aged = began - before.since >= self._order.settles
            settled = before.top if aged else before.settled
            if top is None or not self._beyond(top, before.top):
                top, since = before.top, before.since
        return Mark(query, swept, top, since, settled, self.seen())

    def _beyond(self, one: str, other: str) -> bool:
        first, second = self._order.comparable(pl.Series([one, other]))
        return bool(first > second)


def digests(rows: pl.DataFrame) -> list[str]:
    """A digest of each row, in order."""
    return [_digest(row) for row in rows.iter_rows()]


def _digest(row: tuple[str | None, ...]) -> str:
    text = json.dumps(row, ensure_ascii=False).encode(errors="surrogatepass")
    return base64.b85encode(hashlib.blake2b(text, digest_size=12).digest()).decode()
