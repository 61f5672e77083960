"""The ledger's match values when the target's match fields become others: they are worked out anew, from what was sent.

Else a contact whose row is as it was would count as moved, and two sources' contacts could no longer be compared.
"""

from __future__ import annotations

import json

import polars as pl

from syncd.core.columns import KEY, MATCH
from syncd.core.diff import BEFORE, ID, OLD_MATCH
from syncd.core.matching import match_value
from syncd.core.schema import Schema
from syncd.naming import renamed
from syncd.state import State


def rematched(detail: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Give contacts at the target (``DETAIL_SCHEMA``) the match values that they have by the match fields of now."""
    held = [json.loads(before) if before else {} for before in detail.get_column(BEFORE)]
    fields = {name: [each.get(name) or "" for each in held] for name in schema.match}
    frame = pl.DataFrame(fields, schema=dict.fromkeys(schema.match, pl.String))
    now = frame.select(match_value(frame, schema)).to_series()
    known = pl.col(ID).is_not_null() & now.is_not_null()
    return detail.with_columns(pl.when(known).then(now).otherwise(pl.col(OLD_MATCH)).alias(OLD_MATCH))


def rematch(state: State, source: str, schema: Schema) -> None:
    """Write down the match values by the match fields of now for every contact of the source."""
    keys = state.ledger(source).get_column(KEY)
    before = renamed(state.detail(source, keys), state, schema)
    after = rematched(before, schema).select(KEY, pl.col(OLD_MATCH).alias(MATCH))
    other = after.filter(after.get_column(MATCH) != before.get_column(OLD_MATCH))
    state.rematch(source, list(other.iter_rows()))
