"""The type and the order of a cursor's values: where the overlap begins, and which values lie in the future.

The type is the column's own, as the server says; a configured type may not contradict it.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import polars as pl

CursorType = Literal["timestamp", "date", "number", "epoch", "epoch_ms"]

ZONE_JUMP = 3600.0
"""Seconds by which the clocks of a zone go back in autumn; a local time without a zone then comes twice."""

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:([ T])(\d\d:\d\d:\d\d)(\.\d+)?(.*))?")
_DAY = 86400.0
_YEAR = 365 * _DAY
_UNITS: dict[CursorType, int] = {"epoch": 1, "epoch_ms": 1000}

Family = Literal["zoned", "timestamp", "date", "number", "text", "binary", "mixed", "other", ""]
"""What a server says of a column. ``zoned``: times in UTC, or with their zone; empty: the server does not say."""

_READ_AS: dict[Family, tuple[CursorType, ...]] = {
    "zoned": ("timestamp",),
    "timestamp": ("timestamp",),
    "date": ("date",),
    "number": ("number", "epoch", "epoch_ms"),
    # A text may hold times in ISO 8601. A text of digits does not sort as its number does.
    "text": ("timestamp", "date"),
    "": ("timestamp", "date", "number", "epoch", "epoch_ms"),
}
"""The types of a cursor that a column may be read as; the first one is the default."""

_CALLED: dict[Family, str] = {
    "zoned": "a time",
    "timestamp": "a time",
    "date": "a date without a time",
    "number": "a number",
    "text": "a text",
    "binary": "bytes",
    "mixed": "numbers in some rows and texts in others",
    "other": "of a type that has no order in time",
}


class CursorOrder(ABC):
    """The order of a cursor's values. ``now`` is always the server's time in UTC and in its zone."""

    @abstractmethod
    def comparable(self, values: pl.Series) -> pl.Series:
        """Return the values (String) in a type that can be compared; null for a value of another kind."""

    @abstractmethod
    def minus_overlap(self, value: str) -> str:
        """Return the value that lies the overlap before ``value``."""

    @abstractmethod
    def settle_seconds(self, value: str) -> float:
        """Return the seconds after which no commit at or below ``value`` can follow."""

    @abstractmethod
    def without_future(self, values: pl.Series, now: tuple[str, str]) -> pl.Series:
        """Return the comparable values that are not later than ``now``."""

    @abstractmethod
    def sample(self, now: tuple[str, str]) -> str:
        """Return a value as this order has them."""

    def doubt(self, values: pl.Series, now: tuple[str, str]) -> CursorType | Literal[""]:  # noqa: ARG002  (times say what they are)
        """Return the type that the comparable values seem to be of, if it is another one; mostly empty."""
        return ""

    def text(self, value: Any) -> str:
        """Return the text of a comparable value."""
        return str(value)

    def parameter(self, value: str) -> Any:
        """Return the value, or a lower one close to it, as a statement takes it; these can be compared too."""
        return value


class Times(CursorOrder):
    """Points in time, as text in ISO 8601, which sorts by time. ``overlap``, ``grain`` and ``jump``: seconds.

    ``grain``: the least overlap. ``jump``: what is added to the overlap of a time that names no zone.
    """

    def __init__(self, overlap: float, *, grain: float = 0.0, jump: float = 0.0) -> None:
        self._overlap, self._grain, self._jump = overlap, grain, jump

    def comparable(self, values: pl.Series) -> pl.Series:
        # PostgreSQL has times without digits, "infinity"; as the greatest value, it would hide all later rows.
        return values.set(~values.str.contains(r"^\d{4}-\d\d-\d\d").fill_null(value=False), None)

    def minus_overlap(self, value: str) -> str:
        found = _MOMENT.fullmatch(value)
        if found is None:
            return value
        day, between, clock, fraction, zone = found.groups()
        try:
            moment = datetime.fromisoformat(f"{day} {clock or '00:00:00'}")
            moment -= timedelta(seconds=max(self._overlap + self._jump_of(zone), self._grain_of(clock)))
        # Not every text is a time that Python knows: 0000-00-00, or a time whose overlap begins before the year 1.
        except (ValueError, OverflowError):
            return value
        if not clock:
            return moment.date().isoformat()
        # The result has no fraction. A second less, since texts with and without a fraction sort differently.
        moment -= timedelta(seconds=1 if fraction else 0)
        return f"{moment:%Y-%m-%d}{between}{moment:%H:%M:%S}{zone}"

    def settle_seconds(self, value: str) -> float:
        found = _MOMENT.fullmatch(value)
        _, _, clock, _, zone = found.groups() if found else (None,) * 5
        return self._overlap + self._jump_of(zone) + self._grain_of(clock)

    def _grain_of(self, clock: str | None) -> float:
        # The rows of a day are written until its end.
        return self._grain if clock else _DAY

    def _jump_of(self, zone: str | None) -> float:
        return 0.0 if zone else self._jump

    def without_future(self, values: pl.Series, now: tuple[str, str]) -> pl.Series:
        utc, _ = now
        # A time without a zone may be in UTC or in the server's zone, so the later of both is allowed.
        zoned = values.str.contains(r"\d\d:\d\d.*(?:[+-]\d\d(?::?\d\d)?|Z)$")
        until = pl.when(zoned).then(pl.lit(utc)).otherwise(pl.lit(max(now)))
        seconds = values.str.replace("T", " ", literal=True).str.head(19)
        return values.filter(pl.select(seconds <= until).to_series())

    def sample(self, now: tuple[str, str]) -> str:
        return now[0]


class Numbers(CursorOrder):
    """Numbers that only grow: a sequence, a row version. ``overlap``: a difference of numbers."""

    def __init__(self, overlap: float) -> None:
        self._overlap = int(overlap)

    def comparable(self, values: pl.Series) -> pl.Series:
        return values.cast(pl.Decimal(38, 9), strict=False)

    def minus_overlap(self, value: str) -> str:
        return str(self.parameter(value) - self._overlap)

    def settle_seconds(self, value: str) -> float:  # noqa: ARG002
        # A number does not tell when it was written, so a commit may be a day late.
        return _DAY

    def without_future(self, values: pl.Series, now: tuple[str, str]) -> pl.Series:  # noqa: ARG002  (numbers have no clock)
        return values

    def sample(self, now: tuple[str, str]) -> str:  # noqa: ARG002
        return "0"

    def doubt(self, values: pl.Series, now: tuple[str, str]) -> CursorType | Literal[""]:
        for kind in _UNITS:
            low, high = near_present(kind, now)
            if values.is_between(low, high).any():
                return kind
        return ""

    def text(self, value: Any) -> str:
        return format(value.normalize(), "f")

    def parameter(self, value: str) -> Any:
        # Downwards: a read that begins a little earlier loses nothing.
        return int(Decimal(value) // 1)


class Epochs(Numbers):
    """Points in time as numbers since 1970. ``kind``: seconds or milliseconds; ``overlap``: seconds."""

    def __init__(self, kind: CursorType, overlap: float) -> None:
        super().__init__(overlap * _UNITS[kind])
        self._kind, self._seconds = kind, overlap

    def settle_seconds(self, value: str) -> float:  # noqa: ARG002
        return self._seconds

    def without_future(self, values: pl.Series, now: tuple[str, str]) -> pl.Series:
        # The whole of the server's present second.
        return values.filter(values < (_seconds(now) + 1) * _UNITS[self._kind])

    def doubt(self, values: pl.Series, now: tuple[str, str]) -> CursorType | Literal[""]:
        found = super().doubt(values, now)
        return found if found != self._kind else ""


def near_present(kind: CursorType, now: tuple[str, str]) -> tuple[int, int]:
    """Return the least and the greatest number of this type within the year before ``now`` and the day after it."""
    seconds = _seconds(now)
    return int(seconds - _YEAR) * _UNITS[kind], int(seconds + _DAY) * _UNITS[kind]


def _seconds(now: tuple[str, str]) -> int:
    return int(datetime.fromisoformat(now[0]).replace(tzinfo=UTC).timestamp())


def cursor_order(kind: CursorType, overlap: float, *, zoned: bool = False) -> CursorOrder:
    """Return the order of values of this type.

    Args:
        kind: the type of the values.
        overlap: seconds; for ``number``, a difference of numbers.
        zoned: whether the values are in UTC, or name their zone.
    """
    if kind == "number":
        return Numbers(overlap)
    if kind in _UNITS:
        return Epochs(kind, overlap)
    # The overlap of a date is at least a day.
    return Times(overlap, grain=_DAY if kind == "date" else 0.0, jump=0.0 if zoned or kind == "date" else ZONE_JUMP)


class Contradiction(ValueError):
    """The column cannot be the cursor, or not of the configured type; the message says what to write."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """The cursor's column, the type of its values, and their order."""

    column: str
    kind: CursorType
    order: CursorOrder

    def doubts(self, looks_like: str) -> tuple[str, ...]:
        """Return the warning for values of ``type: number`` that look like times; none if they do not.

        Raises:
            Contradiction: the values are times in another unit than the configured type.

        """
        if not looks_like:
            return ()
        unit = "milliseconds" if looks_like == "epoch_ms" else "seconds"
        says = f"cursor: {self.column} seems to hold times, in {unit} since 1970"
        if self.kind != "number":
            raise Contradiction(f"{says}, and type is {self.kind}: write type: {looks_like}")
        why = "with type: number, one time in the future hides every later change, and the overlap is no duration"
        return (f"{says}: write type: {looks_like}; {why}",)


def ordered(column: str, family: Family, configured: CursorType | None, overlap: float) -> Ordered:
    """Return the order of a cursor's values; ``configured``: its type in the options.

    Raises:
        Contradiction: the column is of another kind than the configured type, or cannot be a cursor.

    """
    kind = _type_of(column, family, configured)
    return Ordered(column, kind, cursor_order(kind, overlap, zoned=family == "zoned"))


def _type_of(column: str, family: Family, configured: CursorType | None) -> CursorType:
    fitting = _READ_AS.get(family, ())
    if configured in fitting:
        return configured
    says = f"cursor: {column} is {_CALLED.get(family, '')} in the database"
    if not fitting:
        raise Contradiction(f"{says}: name a column of times or numbers, or convert it with CAST in the query")
    if configured is None:
        return fitting[0]
    if family == "text":
        raise Contradiction(f"{says}, and type is {configured}: convert it to a number with CAST in the query")
    remedy = " or ".join(f"type: {kind}" for kind in fitting)
    raise Contradiction(f"{says}, and type is {configured}: write {remedy}, or leave type out")
