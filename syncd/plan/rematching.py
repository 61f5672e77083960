"""The state when the target's fields become others: match values are worked out anew, from what was sent.

Else a contact whose row is as it was would count as moved, two sources' contacts could no longer be compared, and what
a call of unknown outcome has made would not be found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from syncd.core.columns import KEY, MATCH
from syncd.core.compare import BEFORE, ID, OLD_MATCH
from syncd.core.identity import match_value
from syncd.core.ownership import OpenCall
from syncd.core.schema import Schema
from syncd.plan.field_history import called_now, renamed, renames, settle_names
from syncd.state import State


def rematched(detail: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Give contacts at the target (``DETAIL_SCHEMA``) the match values that they have by the match fields of now."""
    now = _matches([json.loads(before) if before else {} for before in detail.get_column(BEFORE)], schema)
    known = pl.col(ID).is_not_null() & now.is_not_null()
    return detail.with_columns(pl.when(known).then(now).otherwise(pl.col(OLD_MATCH)).alias(OLD_MATCH))


def rematch(state: State, source: str, schema: Schema) -> None:
    """Write down the match values by the match fields of now for every contact of the source."""
    keys = state.ledger.digests(source).get_column(KEY)
    before = renamed(state.ledger.detail(source, keys), state, schema, BEFORE)
    after = rematched(before, schema).select(KEY, pl.col(OLD_MATCH).alias(MATCH))
    other = after.filter(after.get_column(MATCH) != before.get_column(OLD_MATCH))
    state.ledger.rematch(source, list(other.iter_rows()))


def _matches(contacts: Sequence[Mapping[str, str]], schema: Schema, *, partly: bool = False) -> pl.Series:
    fields = {name: [each.get(name) or "" for each in contacts] for name in schema.match}
    frame = pl.DataFrame(fields, schema=dict.fromkeys(schema.match, pl.String))
    return frame.select(match_value(frame, schema, partly=partly)).to_series()


def settle_fields(state: State, schema: Schema) -> None:
    """Let the state speak of the target's fields and contacts as the target does now; nothing where it is read-only."""
    if state.read_only:
        return
    settle_names(state, schema)
    calls = [each for each in open_calls(state, schema) if each.id is None]
    if calls:
        now = _matches([each.fields for each in calls], schema, partly=True)
        pairs = zip(calls, now, strict=True)
        state.field_names.rematch_calls(
            [(each.change, each.match, match) for each, match in pairs if match not in (None, each.match)]
        )


def open_calls(state: State, schema: Schema, source: str | None = None) -> list[OpenCall]:
    """Return what earlier changes (of every source: None) may have left, their fields as they are called now."""
    names = renames(state, schema)
    left = state.journal.open_calls(source)
    return [replace(each, fields=called_now(each.fields, names)) for each in left] if names else left
