"""What a partial read leaves open: who is gone, who took over whose contact, and when only the whole source can tell.

A partial read holds what changed since its cursor. Rows that are not in it are as the ledger knows them, but for those
that another contact's match value kept from being sent: of them a run notes the match values
(:mod:`syncd.plan.outranked`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from syncd.core.columns import CONTACT, KEY, MATCH, STATE
from syncd.core.identity import folded
from syncd.core.rules import SharedMatch
from syncd.plan.outranked import Losers
from syncd.read.reader import Reading
from syncd.state import State


@dataclass(frozen=True, slots=True)
class Heirs:
    """Keys that took over the contacts of others: ``of`` maps the new key to the old one, which the ledger holds.

    Until :meth:`enter` the ledger is only read as if they had.
    """

    of: Mapping[str, str]

    def detail(self, state: State, source: str, keys: pl.Series) -> pl.DataFrame:
        """:meth:`~syncd.state.ledger.Ledger.detail` of these keys."""
        return self._renamed(state.ledger.detail(source, self._asked(keys)))

    def ledger(self, state: State, source: str, keys: pl.Series | None = None) -> pl.DataFrame:
        """:meth:`~syncd.state.ledger.Ledger.ledger`, of ``keys`` or of all."""
        return self._renamed(state.ledger.digests(source, None if keys is None else self._asked(keys)))

    def enter(self, state: State, source: str) -> None:
        """Let the ledger say so."""
        state.ledger.take_over(source, {old: new for new, old in self.of.items()})

    def _asked(self, keys: pl.Series) -> pl.Series:
        return keys.replace(dict(self.of)) if self.of else keys

    def _renamed(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.col(KEY).replace(self.renamed)) if self.of else frame

    @property
    def renamed(self) -> dict[str, str]:
        """Old key to new key."""
        return {old: new for new, old in self.of.items()}


def heirs(reading: Reading) -> Heirs:
    """Find the keys that take over a contact: those that others were merged into and that have none themselves."""
    merged = reading.end.merged
    if not merged:
        return Heirs({})
    survivors = {old: _survivor(old, merged) for old in merged}
    asked = pl.Series(KEY, list({*survivors, *survivors.values()}), dtype=pl.String)
    known = reading.recall.with_keys(asked).get_column(KEY)
    here = set(known.filter(known.is_in(asked.implode())))
    found: dict[str, str] = {}
    for old, new in sorted(survivors.items()):
        if old in here and new not in here and old != new:
            found.setdefault(new, old)
    return Heirs(found)


def _survivor(key: str, merged: Mapping[str, str]) -> str:
    """Follow merges to the key that is left; a circle ends where it began."""
    seen = {key}
    while (key := merged.get(key, key)) not in seen:
        seen.add(key)
    return key


def named_gone(reading: Reading, taken: Heirs) -> list[str] | None:
    """Return the keys that the source says are gone; None where every key that was not read is."""
    if reading.end.proof != "partial":
        return None
    gone = {*reading.end.deleted, *reading.end.merged} - {*taken.renamed, *taken.of}
    if reading.present is not None:
        known = reading.recall.ledger.get_column(KEY)
        away = ~known.is_in(reading.present.drop_nulls().implode()) & ~known.is_in(_keys(reading).implode())
        gone |= set(known.filter(away)) - set(taken.of)
    return sorted(gone)


def suffices(reading: Reading, taken: Heirs, losers: Losers, others: pl.Series, policy: SharedMatch) -> bool:
    """Tell whether a partial read is enough to decide all that it touches.

    It is not when a contact shares its match value with one that was not read, or when one that kept others from being
    sent may have left its match value to them.

    Args:
        reading: the read, whose recognised rows may yet be called back.
        taken: who takes over whose contact.
        losers: contacts that were not sent, when last all were known.
        others: the match values by which other sources keep contacts from being sent.
        policy: what becomes of contacts that share one.
    """
    gone = named_gone(reading, taken)
    if gone is None:
        return True
    read = _keys(reading)
    absent = pl.concat([read, pl.Series(KEY, gone, dtype=pl.String)])
    mine = reading.lean.filter(pl.col(STATE) == CONTACT).get_column(MATCH)
    unread = reading.recall.unread(pl.concat([mine, _series(losers.values())]), absent)
    if _meet(mine, unread):
        return False
    waiting = {key: match for key, match in losers.items() if key not in set(absent)}
    if policy != "first" and (len(waiting) < len(losers) or _meet(mine, _series(waiting.values()))):
        return False
    return _still_lost(waiting, pl.concat([unread, mine, reading.recall.seen_matches(), others]), policy)


def _still_lost(waiting: Losers, owned: pl.Series, policy: SharedMatch) -> bool:
    values = list(waiting.values())
    held = _series(values)
    free = held.filter(~folded(held).is_in(folded(owned.drop_nulls()).implode())) if values else held
    return all(policy == "hold" and values.count(match) > 1 for match in free)


def _meet(some: pl.Series, others: pl.Series) -> bool:
    some = some.drop_nulls()
    return bool(len(some) and len(others) and folded(others).is_in(folded(some).implode()).any())


def _series(values: Iterable[str]) -> pl.Series:
    return pl.Series(MATCH, list(values), dtype=pl.String)


def _keys(reading: Reading) -> pl.Series:
    return reading.lean.get_column(KEY).drop_nulls()


def still_invalid(standing: Mapping[str, Any], reading: Reading, gone: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the invalid rows of earlier reads that a partial one says nothing of."""
    if gone is None:
        return []
    read = {*_keys(reading), *gone}
    return [each for each in standing.get("invalid", []) if each["key"] not in read]
