"""Values of a database as text, without loss, and the same text whatever driver brought them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl

JOINED = "; "
"""What stands between the elements of a list."""

_LISTED = r'^\s*\[\s*(?:"|null\b|\])'
_ANY_LIST = r"^\s*\["


class Number:
    """A number of JSON, as it is written there."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


class NotText(bytes):
    """Bytes of a text column that are not UTF-8."""


def column(name: str, values: Sequence[Any]) -> tuple[pl.Series, list[int]]:
    """The values of a column as texts, null for NULL; and the places of those that are :class:`NotText`."""
    try:
        return pl.Series(name, values, dtype=pl.String, strict=True), []
    except TypeError:
        texts = [value if value is None else text_of(value) for value in values]
        bad = [place for place, value in enumerate(values) if isinstance(value, NotText)]
        return pl.Series(name, texts, dtype=pl.String), bad


def text_of(value: Any) -> str | None:
    """One value as text: numbers in full, times as ISO 8601 with a space (UTC if they have a zone), bytes as hex."""
    if isinstance(value, NotText):
        return None
    for kinds, written in _WRITTEN:
        if isinstance(value, kinds):
            return written(value)
    return str(value)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat(sep=" ")
    return value.astimezone(UTC).isoformat(sep=" ").removesuffix(":00")


def _joined(values: Sequence[Any]) -> str:
    if any(isinstance(value, Mapping | list | tuple) for value in values):
        return json.dumps(values, ensure_ascii=False)
    return JOINED.join(text_of(value) or "" for value in values if value is not None)


_WRITTEN: Sequence[tuple[type | tuple[type, ...], Callable[[Any], str]]] = (
    (str, str),
    (bool, lambda value: "true" if value else "false"),  # before int, which it is too
    (float, _number),
    (Decimal, lambda value: format(value, "f")),
    ((bytes, bytearray, memoryview), lambda value: bytes(value).hex()),
    (datetime, _moment),  # before date
    ((date, time), lambda value: value.isoformat()),
    (Mapping, lambda value: json.dumps(value, ensure_ascii=False)),
    ((list, tuple), _joined),
)
"""How values of each type are written; the first that fits counts."""


def with_lists(frame: pl.DataFrame, is_json: Mapping[str, bool]) -> pl.DataFrame:
    """Write the JSON lists of texts as one text: ``["a", "b"]`` is ``a; b``.

    In a column of a JSON type a list of numbers counts too. Other columns are looked at since not every server has
    such a type; there it takes a list of texts, which no name or note looks like.
    """
    changed = []
    for name in frame.columns:
        series = frame.get_column(name)
        rows = series.str.contains(_ANY_LIST if is_json.get(name) else _LISTED).fill_null(value=False).arg_true()
        if len(rows):
            texts = [_unlisted(text, loose=is_json.get(name, False)) for text in series.gather(rows)]
            changed.append(series.scatter(rows, pl.Series(texts, dtype=pl.String)))
    return frame.with_columns(changed)


def _unlisted(text: str, *, loose: bool) -> str:
    try:
        found = json.loads(text, parse_float=Number, parse_int=Number)
    except ValueError:
        return text
    plain = (str, Number, bool, type(None)) if loose else (str, type(None))
    whole = isinstance(found, list) and all(isinstance(each, plain) for each in found)
    return JOINED.join(text_of(each) or "" for each in found if each is not None) if whole else text
