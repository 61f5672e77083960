"""The ledger as it will be when keys have taken over the contacts of other keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from syncd.core.columns import KEY
from syncd.core.identity import takeovers
from syncd.read.reading import Reading
from syncd.state import State


@dataclass(frozen=True, slots=True)
class Takeovers:
    """``of``: new key to the old key, which the ledger holds until :meth:`enter`."""

    of: Mapping[str, str]

    def detail(self, state: State, source: str, keys: pl.Series) -> pl.DataFrame:
        """Return :meth:`~syncd.state.ledger.Ledger.detail` of these keys."""
        return self._renamed(state.ledger.detail(source, self._asked(keys)))

    def digests(self, state: State, source: str, keys: pl.Series | None = None) -> pl.DataFrame:
        """Return :meth:`~syncd.state.ledger.Ledger.digests` of ``keys``, or of all contacts."""
        return self._renamed(state.ledger.digests(source, None if keys is None else self._asked(keys)))

    def enter(self, state: State, source: str) -> None:
        """Rename the keys in the ledger."""
        state.ledger.take_over(source, self.renamed)

    def _asked(self, keys: pl.Series) -> pl.Series:
        return keys.replace(dict(self.of)) if self.of else keys

    def _renamed(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.col(KEY).replace(self.renamed)) if self.of else frame

    @property
    def renamed(self) -> dict[str, str]:
        """Old key to new key."""
        return {old: new for new, old in self.of.items()}


NO_TAKEOVERS = Takeovers({})


def takeovers_of(reading: Reading) -> Takeovers:
    """Find the keys that take over a contact: other keys were merged into them, and they have no contact."""
    merged = reading.end.merged
    if not merged or reading.end.proof == "unchanged":
        return NO_TAKEOVERS
    asked = pl.Series(KEY, list({*merged, *merged.values()}), dtype=pl.String)
    known = reading.recall.with_keys(asked).get_column(KEY)
    return Takeovers(takeovers(merged, set(known.filter(known.is_in(asked.implode())))))


def named_gone(reading: Reading, taken: Takeovers) -> list[str] | None:
    """Return the keys that a partial read names as gone; None for a whole read: every key that it lacks is gone."""
    if reading.end.proof != "partial":
        return None
    gone = {*reading.end.deleted, *reading.end.merged} - {*taken.renamed, *taken.of}
    if reading.present is not None:
        known = reading.recall.ledger.get_column(KEY)
        here = reading.verdicts.keys()
        away = ~known.is_in(reading.present.drop_nulls().implode()) & ~known.is_in(here.implode())
        gone |= set(known.filter(away)) - set(taken.of)
    return sorted(gone)
