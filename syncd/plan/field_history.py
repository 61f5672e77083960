"""Keeps the state in step with the target's fields: their names, their match fields, and which of them are mapped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl

from syncd.core import field_history as history
from syncd.core.change import Status
from syncd.core.columns import DIGEST, KEY, MATCH
from syncd.core.compare import BEFORE, OLD_MATCH
from syncd.core.field_history import called_now, match_values, rematched, taken_over
from syncd.core.ownership import OpenCall
from syncd.core.schema import Schema
from syncd.state import State


def renames(state: State, schema: Schema) -> dict[str, str]:
    """Return the former names of fields, and how those fields are called now."""
    return history.renames(state.facts.field_names.get(), schema)


def phones_ever(state: State, schema: Schema | None) -> frozenset[str]:
    """Return the names under which the state may hold values of phone fields: those of now, and their former names.

    ``schema``: None if the target's fields were not read; then the last runs knew them.
    """
    now = state.history.phone_fields() | (schema.phones if schema else frozenset())
    # What was sent gets the names of now with the next run; what the target answered keeps its former names.
    ever = (names for names in state.facts.field_names.get().values() if not now.isdisjoint(names))
    return now.union(*ever)


def detail_now(detail: pl.DataFrame, state: State, source: str, schema: Schema) -> pl.DataFrame:
    """Return contacts (``DETAIL_SCHEMA``) with the names and match values of the target's fields of now."""
    detail = history.renamed(detail, renames(state, schema), BEFORE)
    # Without this, a contact whose row is as it was would count as moved.
    return rematched(detail, schema) if schema_changed(state, source, schema, ()) else detail


def schema_changed(state: State, source: str, schema: Schema, mapped: Iterable[str]) -> str:
    """Return what has changed about the target's fields since the source's contacts were sent; "" for nothing.

    Another set of match fields counts, and names in the mapping that mean other fields now. No run may pass over it.
    """
    facts = state.facts
    new = history.renames(facts.field_names.get(), schema)
    found = [
        *history.exchanged(facts.field_numbers(source).get(), schema, mapped),
        *history.other_match_fields(facts.match_fields(source).get(), new, schema),
    ]
    return "; ".join(found)


def settle_fields(state: State, schema: Schema) -> None:
    """Rename stored fields to the current names, and give open calls the match values of now."""
    # A dry run may not write. It renames what it reads instead.
    if state.read_only:
        return
    if moved := taken_over(state.facts.field_names.get(), schema):
        names: dict[str, Sequence[str]] = {number: [name] for number, name in history.numbered(schema).items()}
        state.field_names.rename(moved, {state.facts.field_names.name: state.facts.field_names.dump(names)})
    # The contact that a call without an id may have made is found at the target by its match value only.
    calls = [each for each in open_calls(state, schema, given_up=True) if each.id is None]
    if calls:
        pairs = zip(calls, match_values([each.fields for each in calls], schema, partly=True), strict=True)
        state.field_names.rematch_calls(
            [(each.change, each.match, match) for each, match in pairs if match not in (None, each.match)]
        )


def open_calls(state: State, schema: Schema, source: str | None = None, *, given_up: bool = False) -> list[OpenCall]:
    """Return what earlier changes (of every source: None) may have left at the target, with the names of now.

    ``given_up``: as of :meth:`syncd.state.journal.Journal.open_calls`.
    """
    names = renames(state, schema)
    left = state.journal.open_calls(source, given_up=given_up)
    return [replace(each, fields=called_now(each.fields, names)) for each in left] if names else left


def comparable(ledger: pl.DataFrame, state: State, source: str, schema: Schema) -> pl.DataFrame:
    """Forget the digests that say nothing under the fields of now.

    These are the digests of contacts that were refused under other fields, since the target may accept them now; and if
    names changed hands, all of them, as long as the state is not settled (:func:`settle_fields`).
    """
    if taken_over(state.facts.field_names.get(), schema):
        return ledger.with_columns(pl.lit(None, dtype=ledger.schema[DIGEST]).alias(DIGEST))
    if state.facts.fields(source).get() in (None, schema.described()):
        return ledger
    refused = pl.col("@status") == Status.REJECTED
    return ledger.with_columns(pl.when(refused).then(None).otherwise(pl.col(DIGEST)).alias(DIGEST))


def learn_match(state: State, source: str, schema: Schema) -> None:
    """Note by which match fields the target knows the contacts of this source."""
    if schema_changed(state, source, schema, ()):
        detail = state.ledger.detail(source, state.ledger.digests(source).get_column(KEY))
        after = detail_now(detail, state, source, schema).select(KEY, pl.col(OLD_MATCH).alias(MATCH))
        other = after.filter(after.get_column(MATCH) != detail.get_column(OLD_MATCH))
        state.ledger.rematch(source, list(other.iter_rows()))
    state.facts.match_fields(source).set(sorted(schema.match))


def learn_loaded(state: State, source: str, run: str) -> None:
    """Note that every contact of the source was sent once."""
    # From now on the ledger tells which contacts are at the target, so the target need not be listed any more.
    if state.facts.first_load(source).get() is None:
        state.facts.first_load(source).set(run)


def learn_fields(state: State, source: str, schema: Schema, mapped: Iterable[str]) -> None:
    """Note the fields with which the source's contacts were sent, their names, and which of them are mapped."""
    facts = state.facts
    facts.fields(source).set(schema.described())
    facts.field_numbers(source).set(history.field_numbers(schema, mapped))
    # Names change seldom, and a write would wait for whoever else writes to the state.
    before = facts.field_names.get()
    if (names := history.names_ever(before, schema)) != before:
        facts.field_names.set(names)
