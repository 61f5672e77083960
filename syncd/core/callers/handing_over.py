"""Decide which changes wait for others, if at most one contact may have a number.

A contact gets a number that another contact of the source has only together with the change that takes it away.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from syncd.core.callers.gates import number_changes
from syncd.core.callers.numbers import NUMBER, numbers_of
from syncd.core.columns import KEY
from syncd.core.compare import BEFORE, KIND, decoded


def too_early(changes: pl.DataFrame, made: pl.Series, phones: Collection[str]) -> pl.Series:
    """Return the keys of changes that would give a number to a contact while the contact that has it keeps it.

    Args:
        changes: all changes of a plan (:data:`syncd.core.compare.CHANGE_SCHEMA` and the fields).
        made: the keys of those that are made.
        phones: the names of the target's phone fields.
    """
    is_made = pl.col(KEY).is_in(made.implode())
    kept = _lost(changes.filter(~is_made), phones)
    if kept.is_empty():
        return made.clear()
    came = number_changes(changes.filter(is_made), phones).came
    return came.join(kept, on=NUMBER, how="semi").get_column(KEY).unique()


def _lost(changes: pl.DataFrame, phones: Collection[str]) -> pl.DataFrame:
    """Return ``@key``, ``number`` of the numbers that updates, moves and deletes take from their contacts."""
    names = sorted(phones)
    deletes = changes.filter((pl.col(KIND) == "delete") & pl.col(BEFORE).is_not_null())
    had = deletes.select(KEY, decoded(pl.col(BEFORE), names)).unnest(BEFORE) if names else deletes.select(KEY)
    return pl.concat([number_changes(changes, phones).went, numbers_of(had, [KEY], names)])
