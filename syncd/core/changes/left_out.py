"""Leaves out the changes that a source's rules do not let a run make: its mode, adopted contacts, refused contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from syncd.core.change import Kind, Status
from syncd.core.columns import KEY, MATCH
from syncd.core.compare import ID, KIND, OLD_MATCH, SPARES, WHY
from syncd.core.settings.rules import GateRules, Mode

_BARRED: Mapping[Mode, Sequence[Kind]] = {
    "mirror": (),
    "upsert": ("delete",),
    "update_only": ("create", "delete"),
    "create_only": ("update", "move", "delete", "adopt"),
}
"""The changes that each mode does not make."""


def in_mode(changes: pl.DataFrame, mode: Mode) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the changes that the source's mode makes, and the changes that it does not make."""
    if not _BARRED[mode]:
        return changes, changes.clear()
    barred = pl.col(KIND).is_in(_BARRED[mode])
    return changes.filter(~barred), changes.filter(barred)


def deletes_in(mode: Mode) -> bool:
    """Return whether the mode deletes the contacts of rows that left the source."""
    return "delete" not in _BARRED[mode]


def without_adopted(changes: pl.DataFrame, detail: pl.DataFrame, rules: GateRules) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the changes without the deletes of adopted contacts, which stay at the target, and these deletes."""
    if rules.deletes.adopted or changes.is_empty():
        return changes, changes.clear()
    # An adopted contact was at the target before syncd, so it may be of use to others.
    kept = (pl.col(KIND) == "delete") & pl.col(KEY).is_in(_adopted(detail).implode())
    return changes.filter(~kept), changes.filter(kept)


def without_unreleased(changes: pl.DataFrame, unreleased: Sequence[str]) -> pl.DataFrame:
    """Return the changes without the deletes of these keys, which no row may delete."""
    if not unreleased:
        return changes
    return changes.filter((pl.col(KIND) != "delete") | ~pl.col(KEY).is_in(unreleased))


def barred_refusals(refused: pl.DataFrame, mode: Mode) -> pl.Series:
    """Return the keys of refused contacts (``DETAIL_SCHEMA``) that a source with this mode does not send."""
    kind = pl.when(pl.col(ID).is_null()).then(pl.lit("create")).otherwise(pl.lit("update"))
    return refused.filter(kind.is_in(_BARRED[mode])).get_column(KEY)


def sparing_adopted(changes: pl.DataFrame, detail: pl.DataFrame, rules: GateRules) -> pl.DataFrame:
    """Let each move of an adopted contact leave that contact at the target, and say so in ``@why``."""
    if rules.deletes.adopted or changes.is_empty():
        return changes
    spares = (pl.col(KIND) == "move") & pl.col(KEY).is_in(_adopted(detail).implode())
    if changes.filter(spares).is_empty():
        return changes
    already = pl.col(SPARES).fill_null(value=False) if SPARES in changes.columns else pl.lit(value=False)
    # Another key of this plan may get the contact, and the target may take both match values for one.
    taken = pl.col(OLD_MATCH).is_in(changes.filter(pl.col(KIND) != "delete").get_column(MATCH).implode())
    same = pl.col(OLD_MATCH).str.to_lowercase() == pl.col(MATCH).str.to_lowercase()
    says = pl.format("leaves adopted contact {}", ID)
    why = pl.concat_str(WHY, says, separator="; ", ignore_nulls=True)
    return changes.with_columns(
        (spares | already).alias(SPARES), pl.when(spares & ~taken & ~same).then(why).otherwise(WHY).alias(WHY)
    )


def _adopted(detail: pl.DataFrame) -> pl.Series:
    return detail.filter(pl.col("@origin_kind") == "adopted").get_column(KEY)


def without_refused(changes: pl.DataFrame, detail: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Return the changes without the deletes of contacts that never came to the target, and the keys of these.

    The target refused each call for such a contact, so there is nothing to delete.
    """
    never = detail.filter((pl.col("@status") == Status.REJECTED) & pl.col(ID).is_null()).get_column(KEY)
    if never.is_empty():
        return changes, []
    kept = (pl.col(KIND) == "delete") & pl.col(KEY).is_in(never.implode())
    return changes.filter(~kept), changes.filter(kept).get_column(KEY).to_list()
