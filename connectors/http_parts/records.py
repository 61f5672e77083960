"""JSON records as rows of text; pure.

Nested values become columns by dotted path: ``address.city``. A list of plain values is joined by ``;``, which is a
list of numbers to a phone field, and a list of objects gives a column for each of their keys: ``phones.value`` is
``2125550100;2125550101``. Numbers stay as the server wrote them, null is an absent value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from connectors.http_parts.paths import find, finder

DEEPEST = 6
"""Levels that are laid out as columns; what is nested deeper is one column of JSON."""


def text_of(value: Any) -> str | None:
    """One value as text; None for null."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ";".join(text for each in value if (text := text_of(each)))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return str(value)


def flat(record: Any) -> dict[str, str | None]:
    """A record's columns, by dotted path, in its own order."""
    found: dict[str, str | None] = {}
    if isinstance(record, Mapping):
        for name, value in record.items():
            _lay_out(name, value, found, 1)
    return found


def _lay_out(path: str, value: Any, found: dict[str, str | None], depth: int) -> None:
    if isinstance(value, dict) and depth < DEEPEST:
        for name, inner in value.items():
            _lay_out(f"{path}.{name}", inner, found, depth + 1)
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value) and depth < DEEPEST:
        for name, text in _gathered(value, depth + 1).items():
            found[f"{path}.{name}"] = text
    else:
        found[path] = text_of(value)


def _gathered(items: Sequence[Any], depth: int) -> dict[str, str | None]:
    """The values that the objects of a list have under each key, joined."""
    gathered: dict[str, list[str]] = {}
    for item in items:
        inner: dict[str, str | None] = {}
        for name, value in item.items() if isinstance(item, dict) else ():
            _lay_out(name, value, inner, depth)
        for name, text in inner.items():
            gathered.setdefault(name, []).extend([text] if text else [])
    return {name: ";".join(texts) for name, texts in gathered.items()}


def columns_of(records: Iterable[Any]) -> list[str]:
    """Every column of these records, in the order they are met."""
    return list(dict.fromkeys(name for record in records for name in flat(record)))


def table(records: Sequence[Any], columns: Sequence[str], paths: Mapping[str, str]) -> pl.DataFrame:
    """The records as a frame of text columns.

    A column is found at its path in ``paths`` (JMESPath), else by its own dotted name.
    """
    series = [pl.Series(name, _column(records, paths[name]), pl.String) for name in columns if name in paths]
    plain = [name for name in columns if name not in paths]
    if plain:
        heads = {head for name in plain for head in _heads(name)}
        rows = [flat({key: record[key] for key in heads & record.keys()}) for record in map(_object, records)]
        series += [pl.Series(name, [row.get(name) for row in rows], pl.String) for name in plain]
    return pl.DataFrame(series).select(columns)


def _heads(name: str) -> list[str]:
    """The keys of a record under which a column of this dotted name may stand: ``a``, ``a.b`` and so on."""
    steps = name.split(".")
    return [".".join(steps[: count + 1]) for count in range(len(steps))]


def _object(record: Any) -> Mapping[str, Any]:
    return record if isinstance(record, dict) else {}


def _column(records: Sequence[Any], path: str) -> list[str | None]:
    search = finder(path)
    return [text_of(search(record)) for record in records]


def ids_of(records: Sequence[Any], path: str) -> list[str | None]:
    """The id of each record as text; None where it has none."""
    return [text_of(find(path, record)) or None for record in records]
