"""Find the type of a cursor's values: the column's own, which a configured type may not contradict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from connectors.sql_query.cursor_order import CursorOrder, CursorType, cursor_order

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
