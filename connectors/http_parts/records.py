"""Turn JSON records into rows of text. Pure.

Nested values become columns by dotted path: ``address.city``. A list of plain values is joined by ``;``, which a phone
field reads as a list of numbers. A list of objects gives a column for each of their keys: ``phones.value`` is
``2125550100;2125550101``. Whole numbers are written as whole numbers, other numbers keep their digits. Null and NaN are
absent values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Sized
from decimal import Decimal
from typing import Any

import polars as pl

from connectors.http_parts.paths import find, finder
from syncd.source import Malformed, Rows

MOST_ZEROS = 40
"""The most digits before or behind the point of a number that is written without an exponent."""

DEEPEST = 6
"""The deepest level whose keys become columns; a value below it is one column of JSON."""

MOST_COLUMNS = 10_000
"""The most columns of a record, or of the records whose columns are asked for."""

LONGEST_NAME = 1000
"""The most characters of a column's name: a longer path is no column."""


class TooWide(Exception):
    """There are more than :data:`MOST_COLUMNS` columns."""


def text_of(value: Any) -> str | None:
    """Return one value as text, or None for null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | Decimal):
        return _number(value)
    if isinstance(value, list):
        return ";".join(text for each in value if (text := text_of(each)))
    if isinstance(value, dict):
        # Sorted keys: a server may write them in another order each time, which is no change of the contact.
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return str(value)


def _number(value: float | Decimal) -> str | None:
    """Return a number as text: 7 for 7.0, 1000 for 1e3, None for NaN and Infinity."""
    # The shortest text of a float is the text that the server wrote, or another text of the same number.
    number = Decimal(str(value))
    if not number.is_finite():
        return None
    # A number with a huge exponent would be a text of a million digits.
    if abs(number.adjusted()) > MOST_ZEROS:
        return str(value)
    if number == number.to_integral_value():
        return str(int(number))
    return format(number, "f")


def flat(record: Any) -> dict[str, str | None]:
    """Return a record's columns by dotted path, in the record's own order.

    Raises:
        TooWide: there are more than :data:`MOST_COLUMNS`.

    """
    columns: dict[str, str | None] = {}
    if isinstance(record, Mapping):
        for name, value in record.items():
            _flatten(name, value, columns, 1)
    return columns


def _flatten(path: str, value: Any, columns: dict[str, str | None], depth: int) -> None:
    """Add the columns of ``value`` to ``columns``."""
    # A long key above many others would make many long names of few bytes.
    if len(path) > LONGEST_NAME:
        return
    if isinstance(value, dict) and depth < DEEPEST:
        for name, inner in value.items():
            _flatten(f"{path}.{name}", inner, columns, depth + 1)
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value) and depth < DEEPEST:
        for name, text in _joined(value, depth + 1).items():
            columns[f"{path}.{name}"] = text
    else:
        columns[path] = text_of(value)
    require_narrow(columns)


def _joined(items: Sequence[Any], depth: int) -> dict[str, str | None]:
    """Return the values of the objects in a list by key, joined."""
    texts_of: dict[str, list[str]] = {}
    for item in items:
        inner: dict[str, str | None] = {}
        for name, value in item.items() if isinstance(item, dict) else ():
            _flatten(name, value, inner, depth)
        for name, text in inner.items():
            # A key without a value in any object is a column too: a check must find its name.
            texts_of.setdefault(name, []).extend([text] if text else [])
        require_narrow(texts_of)
    return {name: ";".join(texts) for name, texts in texts_of.items()}


def require_narrow(columns: Sized) -> None:
    """Raise TooWide if there are more columns than allowed."""
    if len(columns) > MOST_COLUMNS:
        raise TooWide


def columns_of(records: Iterable[Any]) -> list[str]:
    """Return every column of these records, in the order in which they first come.

    Raises:
        TooWide: there are more than :data:`MOST_COLUMNS`.

    """
    found: dict[str, None] = {}
    for record in records:
        found |= dict.fromkeys(name for name in flat(record) if is_whole(name))
        require_narrow(found)
    return list(found)


Damage = dict[int, str]
"""The column of each record (by its position) that holds half of a surrogate pair, which no text can hold."""


def text_series(name: str, values: Sequence[str | None], damage: Damage | None = None) -> pl.Series:
    """Return a String column; a value with half of a surrogate pair becomes null and is noted in ``damage``."""
    try:
        return pl.Series(name, values, pl.String)
    except UnicodeEncodeError:
        whole = [value if value is None or is_whole(value) else None for value in values]
        for row, value in enumerate(values):
            if damage is not None and value is not None and whole[row] is None:
                damage.setdefault(row, name)
        return pl.Series(name, whole, pl.String)


def is_whole(text: str) -> bool:
    """Return whether a text has no half of a surrogate pair."""
    return text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text)


def rows_of(frame: pl.DataFrame, origin: str, lines: pl.Series, damage: Damage, key: Sequence[str]) -> Rows:
    """Return a page whose damaged rows are malformed; ``key``: the columns of the key."""
    if not damage:
        return Rows(frame, origin, lines)
    known = [name for name in key if name in frame.columns]
    malformed = [
        Malformed(
            lines[row],
            f"the column {damage[row]} holds half of a character (of a surrogate pair)",
            dict(zip(known, frame.select(known).row(row), strict=True)),
        )
        for row in sorted(damage)
    ]
    whole = pl.Series([row not in damage for row in range(frame.height)], dtype=pl.Boolean)
    return Rows(frame.filter(whole), origin, lines.filter(whole), malformed)


def table(
    records: Sequence[Any], columns: Sequence[str], paths: Mapping[str, str], damage: Damage | None = None
) -> pl.DataFrame:
    """Return the records as a frame of String columns.

    A column's value is found by its JMESPath in ``paths``, or else by the column's own dotted name.
    """
    series = [text_series(name, _column(records, paths[name]), damage) for name in columns if name in paths]
    plain = [name for name in columns if name not in paths]
    if plain:
        # Flatten only the keys that are asked for: a CRM's record may have hundreds.
        keys = {key for name in plain for key in _possible_keys(name)}
        rows = [flat({key: record[key] for key in keys & record.keys()}) for record in map(_object, records)]
        series += [text_series(name, [row.get(name) for row in rows], damage) for name in plain]
    return pl.DataFrame(series).select(columns)


def _possible_keys(column: str) -> list[str]:
    """Return the keys of a record that may hold the column ``a.b.c``: ``a``, ``a.b``, ``a.b.c``."""
    # A key may hold dots itself, such as "@odata.etag".
    names = column.split(".")
    return [".".join(names[: count + 1]) for count in range(len(names))]


def _object(record: Any) -> Mapping[str, Any]:
    return record if isinstance(record, dict) else {}


def _column(records: Sequence[Any], path: str) -> list[str | None]:
    search = finder(path)
    return [text_of(search(record)) for record in records]


def ids_of(records: Iterable[Any], path: str) -> list[str | None]:
    """Return the id of each record as text, or None for a record without an id."""
    return [text_of(find(path, record)) or None for record in records]
