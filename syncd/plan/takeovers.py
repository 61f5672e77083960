"""Gathers the rows under new keys and the contacts about to vanish, and lets rows take over contacts."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from syncd.core.columns import CONTACT, DIGEST, EXCLUDED, KEY, STATE
from syncd.core.compare import BEFORE, ID, decoded
from syncd.core.field_history import renamed
from syncd.core.gates import Read, doubts
from syncd.core.mapping.rules import columns_in
from syncd.core.settings.rules import KeyLimits, Value
from syncd.core.takeover.decide import KeyChanges, decide
from syncd.core.takeover.pairs import Fields, pairs_of, with_edited
from syncd.plan.field_history import renames
from syncd.plan.world import World


def with_takeovers(world: World, read: Read) -> tuple[World, KeyChanges]:
    """Let rows under new keys take over the contacts that they are; return what becomes of each of them.

    ``read``: what is known of the read.
    """
    vanishing = _vanishing(world)
    if vanishing.is_empty():
        return world, KeyChanges()
    new = _new(world)
    usable = new.filter(pl.col(STATE) == CONTACT).get_column(KEY)
    if usable.is_empty():
        return world, KeyChanges()
    contacts = world.reading.fetch(world.verdicts, usable)
    sent = _sent(world, vanishing)
    fields = _fields(world, contacts)
    pairs = pairs_of(contacts, _valued(sent, contacts), fields)
    limits, known = world.source.gates.keys, world.reading.recall.height
    keys = new.get_column(KEY).unique(maintain_order=True)
    if all(_are_many(count, limits, known) for count in (keys.len(), vanishing.len())):
        more = with_edited(pairs, keys, vanishing, exact={*fields.telling} <= {*fields.of_key})
        # A row that was edited as well takes nothing over without a question.
        pairs = more if _are_many(more.count, limits, known) else pairs
    found = decide(
        pairs,
        pl.concat([sent.select(KEY, ID, DIGEST), contacts.select(KEY, pl.lit(None, dtype=pl.Int64).alias(ID), DIGEST)]),
        known=known,
        limits=limits,
        unsure=doubts(read),
        approved=world.state.holds.approved(world.name),
    )
    return _taken_over(world, found), found


def shows_enough(world: World) -> bool:
    """Return whether a partial read shows which contacts vanish, as far as its rows under new keys need that.

    It may lack the absence of many keys that have changed: these rows would be at the target twice.
    """
    limits, known = world.source.gates.keys, world.reading.recall.height
    if world.named_gone is None or world.reading.present is not None:
        return True
    new = _new(world).filter(pl.col(STATE) == CONTACT).get_column(KEY)
    if not _are_many(new.len(), limits, known):
        return True
    contacts = world.reading.fetch(world.verdicts, new)
    ledger = world.digests().get_column(KEY)
    gone = pl.Series(KEY, world.named_gone, dtype=pl.String)
    unread = ledger.filter(~ledger.is_in(pl.concat([world.verdicts.keys(), gone]).implode()))
    pairs = pairs_of(contacts, _valued(_sent(world, unread), contacts), _fields(world, contacts))
    return not _are_many(pairs.count, limits, known)


def _are_many(count: int, limits: KeyLimits, known: int) -> bool:
    return count > limits.free and count > limits.share * known


def _new(world: World) -> pl.DataFrame:
    """Return ``@key``, ``@state`` of the rows, usable or not, whose keys the ledger does not hold."""
    rows = world.verdicts.rows.filter((pl.col(STATE) != EXCLUDED) & pl.col(KEY).is_not_null()).select(KEY, STATE)
    recall = world.reading.recall
    # The rows that were not recognised are few, and mostly of keys whose contacts were not recognised either.
    known = recall.rest() if world.named_gone is None else recall.with_keys(rows.get_column(KEY)).get_column(KEY)
    new = rows.filter(~pl.col(KEY).hash().is_in(known.hash().implode()))
    if new.is_empty() or world.named_gone is not None:
        return new
    return new.filter(~pl.col(KEY).is_in(recall.ledger.get_column(KEY).implode()))


def _vanishing(world: World) -> pl.Series:
    """Return the keys of the ledger whose contacts the source does not ask for any more."""
    rows = world.verdicts.rows
    if world.named_gone is None:
        known = world.reading.recall.rest()
    else:
        excluded = rows.filter(pl.col(STATE) == EXCLUDED).get_column(KEY).drop_nulls()
        named = pl.concat([pl.Series(KEY, world.named_gone, dtype=pl.String), excluded]).unique()
        held = world.reading.recall.with_keys(named).get_column(KEY)
        known = named.filter(named.is_in(held.implode()))
    here = rows.filter(pl.col(STATE) != EXCLUDED).get_column(KEY).drop_nulls()
    away = known.filter(~known.hash().is_in(here.hash().implode())) if known.len() else known
    # A key that has just taken over a contact, as its source reports, does not vanish.
    return away.filter(~away.is_in(list(world.takeovers.values()))) if world.takeovers else away


def _sent(world: World, keys: pl.Series) -> pl.DataFrame:
    """Return what was sent last for these keys: ``@key``, ``@id``, ``@digest``, ``@before`` (a JSON object)."""
    sent = world.sent(keys)
    return renamed(sent, renames(world.state, world.schema), BEFORE)


def _valued(sent: pl.DataFrame, contacts: pl.DataFrame) -> pl.DataFrame:
    """Return ``@key`` and the fields of ``contacts`` as they were sent, null where a field was not sent."""
    names = [name for name in contacts.columns if not name.startswith("@")]
    return sent.select(KEY, decoded(pl.col(BEFORE), names)).unnest(BEFORE)


def _fields(world: World, contacts: pl.DataFrame) -> Fields:
    rules = world.source.rules
    names = [name for name in contacts.columns if not name.startswith("@")]
    return Fields(
        names=names,
        phones=world.schema.phones,
        of_key=[name for name in names if not set(rules.key).isdisjoint(columns_in(rules.mapping[name].origin))],
        telling=[name for name in names if not isinstance(rules.mapping[name].origin, Value)],
    )


def _taken_over(world: World, found: KeyChanges) -> World:
    """Return the world in which the rows have taken over their contacts."""
    takes = found.takes()
    if not takes:
        return world
    world.reading.recall.rename(takes)
    gone = None if world.named_gone is None else [key for key in world.named_gone if key not in takes]
    return replace(world, takeovers={**world.takeovers, **takes}, named_gone=gone)
