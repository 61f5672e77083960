"""Writes the keys that a read names as gone, or as merged, as the keys of rows are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from syncd.core.columns import UNIT
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
