"""What runs note of the target's fields and of a source's load, for later runs to notice that it is not so any more."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from syncd.core.change import Status
from syncd.core.columns import DIGEST
from syncd.core.schema import Schema
from syncd.plan.field_history import exchanged, learn_names, learn_numbers, renames
from syncd.plan.rematching import rematch
from syncd.state import State


def learn_match(state: State, source: str, schema: Schema) -> None:
    """Note by which match fields the contacts of this source are known at the target."""
    if schema_changed(state, source, schema, ()):
        rematch(state, source, schema)
    state.facts.match_fields(source).set(sorted(schema.match))


def learn_loaded(state: State, source: str, run: str) -> None:
    """Note that every contact of the source was sent once: the target need not be listed any more."""
    if state.facts.first_load(source).get() is None:
        state.facts.first_load(source).set(run)


def learn_fields(state: State, source: str, schema: Schema, mapped: Iterable[str]) -> None:
    """Note the target's fields that the source's contacts were sent with, how each is called, and which are mapped."""
    state.facts.fields(source).set(schema.described())
    learn_numbers(state, source, schema, mapped)
    learn_names(state, schema)


def with_rejected_again(ledger: pl.DataFrame, state: State, source: str, schema: Schema) -> pl.DataFrame:
    """Forget what was refused under other fields of the target: it may be accepted now."""
    if state.facts.fields(source).get() in (None, schema.described()):
        return ledger
    refused = pl.col("@status") == Status.REJECTED
    return ledger.with_columns(pl.when(refused).then(None).otherwise(pl.col(DIGEST)).alias(DIGEST))


def schema_changed(state: State, source: str, schema: Schema, mapped: Iterable[str]) -> str:
    """What is new about the target's fields, since the source's contacts were last sent, that no run may pass over.

    These are other match fields, and names in the mapping that mean other fields now; "" for nothing.
    """
    fact = state.facts.match_fields(source).get()
    new = renames(state, schema)
    known, now = {new.get(name, name) for name in fact or []}, set(schema.match)
    found = exchanged(state, source, schema, mapped)
    if fact is not None and known != now:
        were = f"the target's match fields were {_named(known)} and are now {_named(now)}"
        found.append(f"{were}, so that it may take the same contacts for others than before")
    return "; ".join(found)


def _named(names: set[str]) -> str:
    return ", ".join(sorted(names))
