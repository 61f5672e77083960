"""Write the values of a database as text, without loss, and with the same text for every driver."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl

LIST_SEPARATOR = "; "
"""The text between the elements of a list."""

_LIST_OF_TEXTS = r'^\s*\[\s*(?:"|null\b|\])'
_ANY_LIST = r"^\s*\["


class JsonNumber:
    """A number with the digits that it has in the JSON text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


class NotText(bytes):
    """Bytes of a text column that are not UTF-8."""


def column(name: str, values: Sequence[Any]) -> tuple[pl.Series, list[int]]:
    """Return the values of a column as texts, null for NULL, and the places of those that are :class:`NotText`."""
    # Most columns are texts already, and Polars takes them at once; its TypeError tells of the others.
    try:
        return pl.Series(name, values, dtype=pl.String, strict=True), []
    except TypeError:
        texts = [value if value is None else text_of(value) for value in values]
        bad_places = [place for place, value in enumerate(values) if isinstance(value, NotText)]
        return pl.Series(name, texts, dtype=pl.String), bad_places


def text_of(value: Any) -> str | None:
    """Return a value as text: numbers in full, times as ISO 8601 with a space (UTC if they have a zone), bytes as hex.

    None for :class:`NotText`.
    """
    if isinstance(value, NotText):
        return None
    for kinds, written in _WRITERS:
        if isinstance(value, kinds):
            return written(value)
    return str(value)


def _number(value: float) -> str:
    # A key that a database stores as a float is still 7, not 7.0. Beyond 1e15 a float may not be exact.
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat(sep=" ")
    return value.astimezone(UTC).isoformat(sep=" ").removesuffix(":00")


def _joined(values: Sequence[Any]) -> str:
    # Nested values stay JSON: joined twice by one separator, nobody could tell the levels apart.
    if any(isinstance(value, Mapping | list | tuple) for value in values):
        return json.dumps(values, ensure_ascii=False)
    return LIST_SEPARATOR.join(text_of(value) or "" for value in values if value is not None)


# The first type that fits counts. So bool stands before int, and datetime before date, whose subclasses they are.
_WRITERS: Sequence[tuple[type | tuple[type, ...], Callable[[Any], str]]] = (
    (str, str),
    (bool, lambda value: "true" if value else "false"),
    (float, _number),
    (Decimal, lambda value: format(value, "f")),
    ((bytes, bytearray, memoryview), lambda value: bytes(value).hex()),
    (datetime, _moment),
    ((date, time), lambda value: value.isoformat()),
    (Mapping, lambda value: json.dumps(value, ensure_ascii=False)),
    ((list, tuple), _joined),
)


def with_lists(frame: pl.DataFrame, is_json: Mapping[str, bool]) -> pl.DataFrame:
    """Write each JSON list as one text: ``["a", "b"]`` becomes ``a; b``.

    ``is_json``: the columns of a JSON type, in which lists of numbers are written so too. In other columns only lists
    of texts are.
    """
    changed = []
    for name in frame.columns:
        series = frame.get_column(name)
        # Some servers have no JSON type, so all columns are searched. No name or note looks like a list of texts.
        rows = series.str.contains(_ANY_LIST if is_json.get(name) else _LIST_OF_TEXTS).fill_null(value=False).arg_true()
        if len(rows):
            texts = [_unlisted(text, is_json=is_json.get(name, False)) for text in series.gather(rows)]
            changed.append(series.scatter(rows, pl.Series(texts, dtype=pl.String)))
    return frame.with_columns(changed)


def _unlisted(text: str, *, is_json: bool) -> str:
    try:
        found = json.loads(text, parse_float=JsonNumber, parse_int=JsonNumber)
    except ValueError:
        return text
    plain = (str, JsonNumber, bool, type(None)) if is_json else (str, type(None))
    return _joined(found) if isinstance(found, list) and all(isinstance(each, plain) for each in found) else text
