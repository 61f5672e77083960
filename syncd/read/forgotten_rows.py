"""Leaves out of a read what was forgotten, before anything else looks at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from syncd.core.forgetting.marks import Marks
from syncd.source import End


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
