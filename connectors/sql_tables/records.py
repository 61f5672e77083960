"""The fields of calls and messages as rows of the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from connectors.sql_tables.tables import SHAPES, WIDTHS

Fields = Mapping[str, Any]
Row = tuple[Any, ...]
Rows = dict[str, list[Row]]
"""Rows by their table."""

CHILDREN: Mapping[str, tuple[tuple[str, str], ...]] = {
    "call": (("segments", "segments"), ("contacts", "contacts")),
    "message": (("attachments", "attachments"), ("contacts", "contacts")),
}
"""The lists of a call and of a message, each with the table of its rows."""

PARENTS = {"call": "calls", "message": "messages"}

_COLUMNS = {role: tuple(shape.columns) for role, shape in SHAPES.items()}
_GET: Mapping[str, Callable[[Fields], Row]] = {role: itemgetter(*columns) for role, columns in _COLUMNS.items()}
_PARTS: Mapping[str, Callable[[Fields], Row]] = {
    role: itemgetter(*columns[len(SHAPES[role].key) :])
    for role, columns in _COLUMNS.items()
    if role not in PARENTS.values()
}
_NARROW = {
    role: [(place, WIDTHS[kind]) for place, kind in enumerate(shape.columns.values()) if kind in WIDTHS]
    for role, shape in SHAPES.items()
}
_TIMES = {
    role: [place for place, kind in enumerate(shape.columns.values()) if kind == "time"]
    for role, shape in SHAPES.items()
}


def rows_of(fields: Fields) -> Rows:
    """Return the rows of an activity by their table: its own row, and those of its lists."""
    kind = fields["kind"]
    found: Rows = {PARENTS[kind]: [_GET[PARENTS[kind]](fields)]}
    key = key_of(fields)
    for name, role in CHILDREN[kind]:
        begin, get = parent_key(role, key), _PARTS[role]
        found[role] = [(*begin, place, *get(part)) for place, part in enumerate(fields[name], 1)]
    return found


def key_of(fields: Fields) -> Row:
    """Return the values of an activity's primary key."""
    return (fields["id"],) if fields["kind"] == "call" else (fields["channel"], fields["id"])


def parent_key(role: str, key: Sequence[Any]) -> Row:
    """Return the first columns of the keys of an activity's rows in a table; ``key``: the activity's own."""
    if role != "contacts":
        return tuple(key)
    return ("call", "", *key) if len(key) == 1 else ("message", *key)


def too_wide(rows: Rows) -> str | None:
    """Say which text of an activity is longer than a server holds; None if there is none."""
    for role, of_role in rows.items():
        for row in of_role:
            for place, width in _NARROW[role]:
                if row[place] is not None and len(row[place]) > width:
                    return f"{_COLUMNS[role][place]} has more than {width} characters"
    return None


def with_times(role: str, rows: Sequence[Row], written: Callable[[datetime], str]) -> Sequence[Row]:
    """Return the rows with their times as a server takes them; ``written``: a time in UTC, without its zone, as a text.

    Raises:
        ValueError: a text is no time.
    """
    places = _TIMES[role]
    if not places:
        return rows
    found = []
    for row in rows:
        cells = list(row)
        for place in places:
            if (text := cells[place]) is not None:
                cells[place] = written(datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None))
        found.append(tuple(cells))
    return found
