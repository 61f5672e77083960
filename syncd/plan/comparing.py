"""Compares a read with the ledger, and with the contacts at the target where that matters."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from syncd.core import compare
from syncd.core.change import Status
from syncd.core.changes import left_out
from syncd.core.columns import DIGEST, EXCLUDED, INVALID, KEY, MATCH, REASON, ROW, STATE
from syncd.core.compare import BEFORE, ID, INDEX_SCHEMA, KIND, Same
from syncd.core.field_history import rematched, renamed
from syncd.core.plan import BATCH
from syncd.core.schema import Schema
from syncd.core.settings.rules import Mode
from syncd.core.takeover.decide import KeyChanges
from syncd.core.takeover.key_forms import WAS
from syncd.core.verdicts import Verdicts
from syncd.plan.field_history import comparable, renames, schema_changed
from syncd.plan.world import World
from syncd.target.lookup import Index

NOT_LOOKED_UP = pl.DataFrame(schema={**INDEX_SCHEMA, "many": pl.UInt32})
"""The contacts at the target, if nothing has to be known of them."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How the read differs from the ledger.

    ``changed``: the contacts whose rows differ, with their fields. ``detail``: the ledger (``DETAIL_SCHEMA``) of these
    and of the contacts that are gone. ``changes``: as :func:`syncd.core.compare.classify` makes them. ``let_go``:
    deletes of adopted contacts, which are not made. ``refused_gone``: keys of refused contacts that are gone
    and have nothing to delete. ``refused_barred``: keys of refused contacts that the mode does not send any more.
    ``schema_changed``: what is new about the match fields, or "".
    """

    changed: pl.DataFrame
    detail: pl.DataFrame
    changes: pl.DataFrame
    let_go: pl.DataFrame
    refused_gone: list[str]
    refused_barred: list[str]
    same: Same
    unchanged: int
    ambiguous: int
    schema_changed: str


def compared_with_ledger(world: World, index: Index, keys: KeyChanges) -> tuple[World, Compared]:
    """Return how the read differs from the ledger, and the world without the contacts that must not be sent."""
    state, name, schema, deleted = world.state, world.name, world.schema, world.named_gone
    ledger = _with_barred_again(world, comparable(_rest_of_ledger(world), state, name, schema))
    found = compare.diff(world.verdicts.keyed_once(), ledger, whole=deleted is None, deleted=deleted or ())
    changed = world.reading.fetch(world.verdicts, found.changed)
    detail = world.detail(pl.concat([found.changed, found.gone]))
    detail = renamed(detail, renames(state, schema), BEFORE)
    if other_match := schema_changed(state, name, schema, changed.columns):
        detail = rematched(detail, schema)
    known = detail.filter(pl.col(ID).is_not_null()).select(KEY)
    # A row that waits for its contact is not looked for: a list takes many requests, in every run in which it waits.
    waiting = pl.Series(keys.held.keys if keys.held else (), dtype=pl.String)
    new = changed.select(ROW, KEY, MATCH).join(known, on=KEY, how="anti").filter(~pl.col(KEY).is_in(waiting.implode()))
    there = _at_target(world, index, changed, new)
    ambiguous = new.join(there.filter(pl.col("many") > 1).select(MATCH, "many"), on=MATCH, how="inner")
    clear = changed.join(ambiguous.select(ROW), on=ROW, how="anti", maintain_order="left")
    # A contact that the target refused is sent again even if no field has changed: the target may have lost it.
    again = ledger.filter((pl.col("@status") == Status.REJECTED) & (pl.col(DIGEST).fill_null(0) == 0)).get_column(KEY)
    changes = compare.classify(clear, found.gone, detail, there.drop("many"))
    changes, same = compare.without_same(changes, again, schema)
    changes = left_out.without_unreleased(changes, state.facts.unreleased(name).get())
    changes, never_there = left_out.without_refused(changes, detail)
    changes, barred = left_out.in_mode(changes, world.source.gates.mode)
    changes, let_go = left_out.without_adopted(changes, detail, world.source.gates)
    changes = left_out.sparing_adopted(changes, detail, world.source.gates)
    refused = barred.join(detail.filter(pl.col("@status") == Status.REJECTED), on=KEY, how="semi")
    stays = pl.col(KIND) != "delete"
    # A contact that waits for its row under a new key is not let go.
    let_go = let_go.join(keys.waiting.select(pl.col(WAS).alias(KEY)), on=KEY, how="anti", maintain_order="left")
    verdicts = _without_ambiguous(world.verdicts, ambiguous)
    return world.with_verdicts(_without_barred(verdicts, barred, world.source.gates.mode)), Compared(
        changed=changed,
        detail=detail,
        changes=keys.explained(changes),
        let_go=let_go,
        refused_gone=[*never_there, *refused.filter(~stays).get_column(KEY)],
        refused_barred=refused.filter(stays).get_column(KEY).to_list(),
        same=same,
        unchanged=found.unchanged + len(same),
        ambiguous=ambiguous.height,
        schema_changed=other_match,
    )


def _rest_of_ledger(world: World) -> pl.DataFrame:
    """Return the ledger without the contacts whose rows were recognised; of a partial read, what it touches."""
    if world.named_gone is not None:
        touched = pl.concat([world.verdicts.keys(), pl.Series(KEY, world.named_gone, dtype=pl.String)])
        return world.digests(touched.unique(maintain_order=True))
    rest, whole = world.reading.recall.rest(), world.reading.recall.ledger.height
    if len(rest) * 4 < whole:
        # So few contacts are looked up one by one: that is quicker than to read the whole ledger again.
        return world.digests(rest)
    ledger = world.digests()
    return ledger if len(rest) == whole else ledger.join(rest.to_frame(), on=KEY, how="semi", maintain_order="left")


def _with_barred_again(world: World, ledger: pl.DataFrame) -> pl.DataFrame:
    """Compare refused contacts anew that the mode does not send: else they would be called refused for ever."""
    mode = world.source.gates.mode
    refused = ledger.filter(pl.col("@status") == Status.REJECTED).get_column(KEY)
    if refused.is_empty() or mode in {"mirror", "upsert"}:
        return ledger
    barred = left_out.barred_refusals(world.detail(refused), mode)
    return ledger.with_columns(pl.when(pl.col(KEY).is_in(barred.implode())).then(None).otherwise(DIGEST).alias(DIGEST))


def _at_target(world: World, index: Index, changed: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Return the contacts at the target that ``new`` contacts may meet: those of ``changed`` without an id."""
    if new.is_empty():
        return NOT_LOOKED_UP
    # Until the first load is through, the ledger lacks contacts that are there. If the mode bars creates or adoptions,
    # the list alone tells them apart.
    if world.source.gates.mode not in {"mirror", "upsert"} or world.state.facts.first_load(world.name).get() is None:
        return index.read()
    # Later the target is only looked at before an update that may replace fields that the contact leaves out.
    if world.state.facts.update_semantics.get() != "merge" and _leaves_out(changed, world.schema):
        pages = sum(map(world.state.ledger.known, world.order)) // BATCH
        return index.look_for(new.get_column(MATCH).to_list(), pages)
    return NOT_LOOKED_UP


def _leaves_out(contacts: pl.DataFrame, schema: Schema) -> bool:
    """Return whether one of these contacts does not speak of every field of the target."""
    return not set(schema.names) <= set(contacts.columns) or any(contacts[name].null_count() for name in schema.names)


def _without_ambiguous(verdicts: Verdicts, rows: pl.DataFrame) -> Verdicts:
    """Leave contacts alone whose match value ``many`` contacts at the target have."""
    if rows.is_empty():
        return verdicts
    # A push would hit any of these contacts, and nobody could tell which.
    reason = pl.format("{} contacts at the target have its match values; delete all but one there", "many")
    return verdicts.demoted(rows.select(ROW, pl.lit(INVALID, dtype=pl.UInt8).alias(STATE), reason.alias(REASON)))


def _without_barred(verdicts: Verdicts, barred: pl.DataFrame, mode: Mode) -> Verdicts:
    """Exclude the contacts whose changes the source's mode does not make."""
    if barred.is_empty():
        return verdicts
    has = pl.when(pl.col(KIND) == "create").then(pl.lit("does not have it")).otherwise(pl.lit("has it already"))
    reason = pl.format(f"mode: {mode}, and the target {{}}", has)
    barred = barred.filter(pl.col(KIND) != "delete")
    rows = verdicts.contacts().select(ROW, KEY).join(barred.select(KEY, KIND), on=KEY, how="inner")
    return verdicts.demoted(rows.select(ROW, pl.lit(EXCLUDED, dtype=pl.UInt8).alias(STATE), reason.alias(REASON)))
