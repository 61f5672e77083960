"""Rows whose keys cannot be read: each may be that of any contact that the read lacks, which is left as it is then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from syncd.core.columns import CONTACT, EXCLUDED, INVALID, KEY, STATE
from syncd.read.reader import Reading


def nameless(reading: Reading) -> int:
    """Count the rows of a read that have no readable key."""
    present = 0 if reading.present is None else reading.present.null_count()
    without = reading.lean.filter(pl.col(KEY).is_null() & (pl.col(STATE) == INVALID)).height
    return present + len(reading.malformed) + without


def maybe_there(reading: Reading, named: Sequence[str] | None, known: Iterable[str] = ()) -> pl.Series:
    """Return the keys of the ledger, and those of ``known``, that would count as gone if no row were nameless.

    ``named``: keys that a partial read says are gone; None for a whole one.
    """
    if not nameless(reading):
        return pl.Series(KEY, dtype=pl.String)
    states = reading.lean.select(KEY, STATE).drop_nulls(KEY)
    if named is None:
        away = pl.concat([reading.recall.rest(), pl.Series(KEY, list(known), dtype=pl.String)]).unique()
    else:
        excluded = states.filter(pl.col(STATE) == EXCLUDED).get_column(KEY)
        away = pl.concat([pl.Series(KEY, named, dtype=pl.String), excluded]).unique()
    return away.filter(~away.is_in(states.filter(pl.col(STATE) == CONTACT).get_column(KEY).implode()))
