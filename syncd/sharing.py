"""Contacts that share their match value, in one source or in several: who is sent, who waits, who is merged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl

from syncd.core.columns import DIGEST, INVALID, KEY, MATCH, REASON, ROW, STATE, UNIT
from syncd.core.diff import ID, OLD_MATCH
from syncd.core.matching import folded, folded_twins, sharers
from syncd.core.schema import Schema
from syncd.losers import claims
from syncd.merged import Groups, keep_merged, merged_before
from syncd.nameless import maybe_there
from syncd.partial import Heirs
from syncd.reading import Reading
from syncd.state import State
from syncd.state.journal import FOLDS

if TYPE_CHECKING:
    from syncd.changes import Wanted

MAX_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Sharing:
    """What became of contacts that share their match value; see :class:`~syncd.changes.Planned`."""

    settled: bool
    warnings: list[str]
    merged: Groups
    losers: pl.DataFrame
    lost_to_others: list[str]


def resolve_sharers(
    reading: Reading, wanted: Wanted, state: State, schema: Schema, taken: Heirs, named: Sequence[str] | None
) -> Sharing:
    """Demote or merge contacts that share their match value; ``named``: see :func:`~syncd.partial.named_gone`."""
    mine = wanted.order.index(wanted.name)
    rest = [name for name in wanted.order if name != wanted.name]
    others = claims(state, rest) if wanted.shared_match == "hold" else state.matches(rest)
    fresh = reading.contacts()
    _call_back(reading, pl.concat([fresh.get_column(MATCH), others.get_column(MATCH)]), state, wanted.name)
    grouped = merged_before(state, wanted.name)
    unusable = _unusable(reading, named, chain.from_iterable(grouped.values()))
    left = _left_alone(wanted, state, taken, unusable)
    if not left.is_empty():
        _call_back(reading, left.get_column(MATCH), state, wanted.name)
    contacts = reading.contacts()
    ranks = {name: place - mine for place, name in enumerate(wanted.order)}
    ranked = others.with_columns(
        pl.col("@source").replace_strict(ranks, default=0, return_dtype=pl.Int32).alias("@rank")
    )
    rivals = pl.concat([ranked, left])
    if state.fact(FOLDS):
        losers = sharers(_folded(contacts), _folded(rivals), wanted.shared_match)
    else:
        losers = sharers(contacts, rivals, wanted.shared_match)
    lost = contacts.select(KEY, MATCH).join(losers, on=KEY, how="inner")
    if losers.height:
        rows_ = contacts.select(ROW, KEY).join(losers, on=KEY, how="inner")
        reading.demote(rows_.select(ROW, STATE, REASON))
        contacts = reading.contacts()
    refused = losers.filter(pl.col(STATE) == INVALID).get_column(KEY)
    groups = keep_merged(reading, _at_target(grouped, wanted, state, taken), pl.concat([unusable, refused]))
    merged: dict[str, list[str]] = {}
    for key, winner in losers.filter(pl.col("@winner").is_not_null()).select(KEY, "@winner").iter_rows():
        merged.setdefault(winner, []).append(key)
    used = reading.contacts().filter(pl.col(KEY).is_in(list(merged)))
    if used.height:
        matches = dict(used.select(KEY, MATCH).iter_rows())
        reading.merge({winner: merged[winner] for winner in matches}, schema)
        groups |= {match: [winner, *merged[winner]] for winner, match in matches.items()}
    foreign = lost.filter(pl.col(REASON).str.contains(" of source ", literal=True)).get_column(MATCH)
    twins = folded_twins(contacts)
    reading.doubt(twins)
    warnings = [f"{len(twins)} contacts differ from another in the case of their match fields only: {some(twins)}"]
    return Sharing(
        settled=not rest or wanted.shared_match != "hold",
        warnings=warnings if len(twins) else [],
        merged=groups,
        losers=lost.select(KEY, MATCH),
        lost_to_others=foreign.to_list(),
    )


def _folded(contacts: pl.DataFrame) -> pl.DataFrame:
    return contacts.with_columns(folded(contacts.get_column(MATCH)))


def _call_back(reading: Reading, matches: pl.Series, state: State, source: str) -> None:
    """Look again at recognised rows that share a key with a row of this read, or one of these match values."""
    back = reading.recall.call_back(reading.lean.get_column(KEY), matches)
    if not back.is_empty():
        ledger = state.ledger(source, back.get_column(KEY).unique()).select(KEY, DIGEST)
        reading.admit(back.join(ledger, on=KEY, how="left"))


def _unusable(reading: Reading, named: Sequence[str] | None, grouped: Iterable[str]) -> pl.Series:
    """The keys of which nothing is known by this read: no row of theirs can be used, or none was found but may be."""
    keys = reading.lean.filter(pl.col(STATE) == INVALID).select(KEY).drop_nulls()
    if keys.height:
        keys = keys.join(reading.contacts().select(KEY), on=KEY, how="anti")
    return pl.concat([keys.to_series(), maybe_there(reading, named, grouped)]).unique(maintain_order=True)


def _at_target(grouped: Groups, wanted: Wanted, state: State, taken: Heirs) -> Groups:
    """Those of the groups whose contact may be at the target."""
    if not grouped:
        return grouped
    keys = pl.Series(KEY, list(chain.from_iterable(grouped.values())), dtype=pl.String)
    there = set(_may_be_there(taken.detail(state, wanted.name, keys)).get_column(KEY))
    return {match: keys for match, keys in grouped.items() if not there.isdisjoint(keys)}


def _may_be_there(detail: pl.DataFrame) -> pl.DataFrame:
    return detail.filter(pl.col(ID).is_not_null() | (pl.col("@status") == "p"))


def _left_alone(wanted: Wanted, state: State, taken: Heirs, unusable: pl.Series) -> pl.DataFrame:
    """What keys of which nothing is known have at the target: left as it is, so no other contact may take it."""
    held = _may_be_there(taken.detail(state, wanted.name, unusable))
    before = pl.lit(-1, dtype=pl.Int32).alias("@rank")
    return held.select(pl.lit(wanted.name).alias("@source"), KEY, pl.col(OLD_MATCH).alias(MATCH), before)


def some(keys: Sequence[str] | pl.Series) -> str:
    """Name a few keys, and how many more there are."""
    names = [key.replace(UNIT, "+") for key in list(keys)[:MAX_SHOWN]]
    return ", ".join(names) + (f" and {len(keys) - MAX_SHOWN:,} more" if len(keys) > MAX_SHOWN else "")
