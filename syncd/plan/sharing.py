"""Contacts that share their match value, in one source or in several: who is sent, who waits, who is merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from syncd.core.columns import DIGEST, INVALID, KEY, MATCH, REASON, ROW, STATE, UNIT
from syncd.core.identity import folded, folded_twins, sharers
from syncd.core.rules import SharedMatch
from syncd.core.schema import Schema
from syncd.plan.learned import schema_changed
from syncd.plan.left_alone import LeftAlone, matches_now
from syncd.plan.merged import Groups
from syncd.plan.outranked import claims, losers_of
from syncd.plan.partial import Heirs
from syncd.read.reader import Reading
from syncd.state import State

if TYPE_CHECKING:
    from syncd.plan.gather import Wanted

MAX_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Sharing:
    """What became of contacts that share their match value; see :class:`~syncd.plan.gather.Planned`."""

    settled: bool
    warnings: list[str]
    merged: Groups
    losers: pl.DataFrame
    lost_to_others: list[str]


def resolve_sharers(
    reading: Reading, wanted: Wanted, state: State, schema: Schema, taken: Heirs, named: Sequence[str] | None
) -> Sharing:
    """Demote or merge contacts that share their match value; ``named``: see :func:`~syncd.plan.partial.named_gone`."""
    mine = wanted.order.index(wanted.name)
    rest = [name for name in wanted.order if name != wanted.name]
    others = _others(state, rest, schema, wanted.shared_match)
    had = _what_losers_have(state, rest if wanted.shared_match == "hold" else [], schema)
    asked = [frame.get_column(MATCH) for frame in (reading.contacts(), others, had)]
    _call_back(reading, pl.concat(asked), state, wanted.name)
    ranks = {name: place - mine for place, name in enumerate(wanted.order)}
    rank = pl.col("@source").replace_strict(ranks, default=0, return_dtype=pl.Int32).alias("@rank")
    left = LeftAlone(reading, wanted, state, schema, taken, named)
    folds = state.facts.case_insensitive.get()
    while True:
        alone = left.claims()
        if not alone.is_empty():
            _call_back(reading, alone.get_column(MATCH), state, wanted.name)
        contacts = reading.contacts()
        rivals = pl.concat([others.with_columns(rank), alone])
        rivals = _with_those_who_stay(rivals, contacts, had.with_columns(rank), folds=folds)
        losers = _sharers(contacts, rivals, wanted.shared_match, folds=folds)
        lost = contacts.select(KEY, MATCH).join(losers, on=KEY, how="inner")
        if not left.add(lost.filter(pl.col(STATE) == INVALID).select(KEY, MATCH)):
            break
        left.follow(contacts)
    if losers.height:
        rows_ = contacts.select(ROW, KEY).join(losers, on=KEY, how="inner")
        reading.demote(rows_.select(ROW, STATE, REASON))
        contacts = reading.contacts()
    groups = dict(left.groups)
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


def _others(state: State, sources: Sequence[str], schema: Schema, policy: SharedMatch) -> pl.DataFrame:
    """``@source``, ``@key``, ``@match`` of what other sources' contacts have, or ask for, by the match fields of now.

    A source that has not run since the match fields became others is as it was sent: whom it would not send now is
    unknown.
    """
    late = [source for source in sources if schema_changed(state, source, schema, ())]
    settled = [source for source in sources if source not in late]
    found = [claims(state, settled) if policy == "hold" else state.ledger.matches(settled)]
    for source in late:
        detail = state.ledger.detail(source, state.ledger.digests(source).get_column(KEY))
        found.append(matches_now(detail, state, source, schema).select(pl.lit(source).alias("@source"), KEY, MATCH))
    return pl.concat(found)


def _what_losers_have(state: State, sources: Sequence[str], schema: Schema) -> pl.DataFrame:
    """``@source``, ``@key``, ``@match`` of what contacts of these sources that are not sent have at the target.

    With ``@asked``: the other match value that they ask for.
    """
    found = [pl.DataFrame(schema={"@source": pl.String, KEY: pl.String, MATCH: pl.String, "@asked": pl.String})]
    for source in sources:
        losers = losers_of(state, source)
        asked = pl.DataFrame(list(losers.items()), schema={KEY: pl.String, "@asked": pl.String}, orient="row")
        there = matches_now(state.ledger.detail(source, asked.get_column(KEY)), state, source, schema)
        other = there.join(asked, on=KEY).filter(pl.col(MATCH) != pl.col("@asked"))
        found.append(other.select(pl.lit(source).alias("@source"), KEY, MATCH, "@asked"))
    return pl.concat(found)


def _with_those_who_stay(
    rivals: pl.DataFrame, contacts: pl.DataFrame, had: pl.DataFrame, *, folds: bool
) -> pl.DataFrame:
    """Let contacts of other sources that are not sent claim what they have (``had``), if they cannot leave it.

    That is where another one asks for what they ask for, or has it and stays: then neither is sent.
    """

    def plain(values: pl.Series) -> pl.Series:
        return folded(values) if folds else values

    if had.is_empty():
        return rivals
    had = had.with_columns(plain(had.get_column("@asked")).alias("@asked"), plain(had.get_column(MATCH)).alias("@had"))
    values = plain(contacts.get_column(MATCH))
    mine = set(values.filter(values.is_in(had.get_column("@asked").implode())))
    claimed = rivals.with_columns(plain(rivals.get_column(MATCH)))
    claimed = claimed.filter(pl.col(MATCH).is_in(had.get_column("@asked").implode()))
    owners: dict[str, set[tuple[str, str]]] = {}
    for source, key, match in claimed.select("@source", KEY, MATCH).iter_rows():
        owners.setdefault(match, set()).add((source, key))
    asking: dict[str, dict[tuple[str, str], str]] = {}
    for source, key, match, asked in had.select("@source", KEY, "@had", "@asked").iter_rows():
        asking.setdefault(asked, {})[source, key] = match
    stay: set[tuple[str, str]] = set()
    look = list(asking)
    while look:
        asked = look.pop()
        for owner, match in asking[asked].items():
            if owner not in stay and (asked in mine or owners.get(asked, set()) - {owner}):
                stay.add(owner)
                owners.setdefault(match, set()).add(owner)
                look += [match] if match in asking else []
    known = pl.DataFrame(list(stay), schema={"@source": pl.String, KEY: pl.String}, orient="row")
    return pl.concat([rivals, had.join(known, on=["@source", KEY], how="semi").select(rivals.columns)])


def _sharers(contacts: pl.DataFrame, rivals: pl.DataFrame, policy: SharedMatch, *, folds: bool) -> pl.DataFrame:
    """Find who is not sent; where the target ``folds`` case, by match values without it."""
    if folds:
        contacts, rivals = (
            frame.with_columns(folded(frame.get_column(MATCH))) for frame in (contacts.select(KEY, MATCH), rivals)
        )
    return sharers(contacts, rivals, policy)


def _call_back(reading: Reading, matches: pl.Series, state: State, source: str) -> None:
    """Look again at recognised rows that share a key with a row of this read, or one of these match values."""
    back = reading.recall.call_back(reading.lean.get_column(KEY), matches)
    if not back.is_empty():
        ledger = state.ledger.digests(source, back.get_column(KEY).unique()).select(KEY, DIGEST)
        reading.admit(back.join(ledger, on=KEY, how="left"))


def some(keys: Sequence[str] | pl.Series) -> str:
    """Name a few keys, and how many more there are."""
    names = [key.replace(UNIT, "+") for key in list(keys)[:MAX_SHOWN]]
    return ", ".join(names) + (f" and {len(keys) - MAX_SHOWN:,} more" if len(keys) > MAX_SHOWN else "")
