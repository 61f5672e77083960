"""Writes the keys that a read names as gone, or as merged, as the keys of rows are written, without forgotten keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import polars as pl

from syncd.core.columns import UNIT
from syncd.core.forgetting.marks import Marks
from syncd.core.mapping.compiler import Mapping as ContactMapping
from syncd.source import End


def as_mapped(end: End, mapping: ContactMapping) -> End:
    """Return the end of a read with its deleted and merged keys as the mapping writes keys.

    A key that no row can have, since it is no text, is left out.
    """
    # Here, for all connectors: a key that a connector has taken from its source is not trimmed, and not composed.
    deleted = frozenset(filter(_is_text, end.deleted))
    merged = {old: new for old, new in end.merged.items() if _is_text(old) and _is_text(new)}
    normal = _normal({*deleted, *merged, *merged.values()}, mapping)
    return replace(
        end,
        deleted=frozenset(normal.get(key, key) for key in deleted),
        merged={normal.get(old, old): normal.get(new, new) for old, new in merged.items()},
    )


def without_forgotten_keys(
    end: End, marks: Marks, keys_of: Callable[[pl.DataFrame], pl.Series]
) -> tuple[End, frozenset[str]]:
    """Return the end of a read without forgotten keys, and which of them it listed as ``present``.

    Nothing is asked of them, and they take nothing over. ``end``: with its keys as the mapping writes them.
    ``keys_of``: the keys of a frame with the key's columns.
    """
    if not marks.keys:
        return end, frozenset()
    listed: frozenset[str] = frozenset()
    if end.present is not None:
        keys = keys_of(end.present)
        gone = marks.forgotten_keys(keys)
        listed = frozenset(keys.filter(gone))
        end = replace(end, present=end.present.filter(~gone))
    into = pl.Series(list(end.merged.values()), dtype=pl.String)
    barred = set(into.filter(marks.forgotten_keys(into))) - end.merged.keys()
    # A key that was merged into a forgotten one is no key of the source any more.
    merged = {old: new for old, new in end.merged.items() if new not in barred}
    deleted = end.deleted | (end.merged.keys() - merged.keys())
    return replace(end, merged=merged, deleted=frozenset(deleted)), listed


def _is_text(key: str) -> bool:
    """Return whether a key has no half of a surrogate pair, which no key that is known has."""
    return key.isascii() or not any("\ud800" <= each <= "\udfff" for each in key)


def _normal(keys: set[str], mapping: ContactMapping) -> Mapping[str, str]:
    """Return each key as the mapping writes it, by the key as the source wrote it."""
    names = mapping.rules.key
    parts = [parts for key in sorted(keys) if len(parts := key.split(UNIT)) == len(names)]
    if not parts:
        return {}
    columns = dict(zip(names, zip(*parts, strict=True), strict=True))
    frame = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))
    made = zip((UNIT.join(each) for each in parts), mapping.keys(frame), strict=True)
    return {text: key for text, key in made if key is not None}
