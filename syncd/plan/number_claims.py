"""Gathers who claims which number: of a read, of the ledger, and of the other sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from syncd.core.callers import policy
from syncd.core.callers.numbers import NUMBER, numbers_in, numbers_of
from syncd.core.callers.policy import ASSIGNED, CHANGED, CLAIMS, FIXED, GETS, NAMED, RANK, SOURCE
from syncd.core.columns import CONTACT, DIGEST, EXCLUDED, INVALID, KEY, REASON, ROW, STATE
from syncd.core.compare import decoded
from syncd.core.field_history import renamed
from syncd.plan.field_history import renames
from syncd.plan.world import PlanRequest, World
from syncd.state.numbers.shared import CLAIMED, HAS, SENT, WANTED

DECIDED = {**CLAIMS, HAS: pl.Boolean, GETS: pl.Boolean, REASON: pl.String}
"""A claim with what is decided of it. ``@has`` is null if the claim is of a contact that was read."""

_KNOWN: Mapping[str, Any] = {
    SOURCE: pl.String,
    KEY: pl.String,
    NAMED: pl.Boolean,
    CHANGED: pl.Float64,
    FIXED: pl.List(pl.String),
}


def gone(world: World) -> pl.Series:
    """Return the keys whose contacts the source does not ask for any more."""
    rows = world.verdicts.rows
    stays = rows.filter(pl.col(STATE).is_in([CONTACT, INVALID])).get_column(KEY).drop_nulls()
    if world.named_gone is None:
        known = world.reading.recall.rest()
    else:
        excluded = rows.filter(pl.col(STATE) == EXCLUDED).get_column(KEY).drop_nulls()
        known = pl.concat([pl.Series(KEY, world.named_gone, dtype=pl.String), excluded])
    return known.filter(~known.is_in(stays.implode())).unique()


def made(world: World) -> pl.DataFrame:
    """Return ``@row``, ``@key``, ``@digest`` of the contacts whose fields the read gives."""
    rows, others = world.verdicts.contacts().select(ROW, KEY, DIGEST), world.verdicts.made
    pages = [*world.reading.spool.pages(()), *([] if others is None else [others.select(ROW)])]
    return rows.join(pl.concat(pages), on=ROW, how="semi") if pages else rows.clear()


def wants(world: World) -> pl.DataFrame:
    """Return ``number``, ``@source``, ``@key`` of the numbers that contacts want whose fields the read gives."""
    phones, others = world.schema.phones, world.verdicts.made
    rows = world.verdicts.contacts().select(ROW, KEY)
    rest = rows if others is None else rows.join(others, on=ROW, how="anti")
    # Page by page: of all contacts, only their numbers are in memory at once.
    pages = [rest.join(page, on=ROW, how="inner") for page in world.reading.spool.pages(phones)]
    pages += [] if others is None else [rows.join(others, on=ROW, how="inner")]
    found = [numbers_of(page, [KEY], phones) for page in pages]
    both = pl.concat([pl.DataFrame(schema={KEY: pl.String, NUMBER: pl.String}), *found])
    return both.select(NUMBER, pl.lit(world.name).alias(SOURCE), KEY)


def before(world: World, away: pl.Series) -> pl.DataFrame:
    """Return ``@key``, ``number`` that contacts claimed before this read: those that changed, and those ``away``."""
    here = made(world)
    # So few contacts are looked up one by one: that is quicker than to read the whole ledger again.
    few = world.named_gone is not None or here.height * 4 < world.reading.recall.height
    ledger = world.digests(here.get_column(KEY) if few else None)
    both = here.join(ledger.select(KEY, pl.col(DIGEST).alias("@was")), on=KEY, how="inner")
    changed = both.filter(pl.col(DIGEST).ne_missing(pl.col("@was"))).get_column(KEY)
    known = contacts_now(world, whose(world, pl.concat([changed, away])))
    found = [numbers_in(known, [KEY], pl.col(each), world.schema.phones) for each in (SENT, WANTED)]
    return pl.concat(found).unique()


def known(world: World, numbers: pl.Series, read: pl.Series, stuck: pl.Series) -> pl.DataFrame:
    """Return the ledger's claims (``CLAIMED``) on these numbers, without the keys of the source that were ``read``.

    Contacts that are ``stuck`` claim only what they have.
    """
    without, ours = whose(world, world.old_keys(read)), pl.col(SOURCE) == world.name
    found = world.state.shared.claims(numbers, world.schema.phones, without)
    own = world.with_new_keys(found.filter(ours)).filter(~pl.col(KEY).is_in(read.implode()))
    own = own.filter(pl.col(HAS) | ~pl.col(KEY).is_in(stuck.implode()))
    others = found.filter(~ours & pl.col(SOURCE).is_in(list(world.order)))
    return pl.concat([others, own.select(*CLAIMED)])


def in_question(claims: pl.DataFrame) -> pl.DataFrame:
    """Leave out numbers that one contact claims alone, and has or gets by this read."""
    alone = pl.len().over(NUMBER) == 1
    return claims.filter(~(alone & pl.col(HAS).fill_null(value=True)))


def judged(world: World, claims: pl.DataFrame, now: float) -> pl.DataFrame:
    """Return claims (``CLAIMED``) with what is decided of them (``DECIDED``); those of the read have no ``@has``."""
    read = claims.filter(pl.col(HAS).is_null()).get_column(KEY).unique()
    others = contacts_now(world, claims.filter(pl.col(HAS).is_not_null()).select(SOURCE, KEY).unique())
    about = pl.concat([_of_read(world, read, now), of_ledger(world, others)])
    assigned, ours = world.state.shared.assigned(), pl.col(SOURCE) == world.name
    assigned = pl.concat([assigned.filter(~ours), world.with_new_keys(assigned.filter(ours)).select(*ASSIGNED)])
    return decided(world, claims, about, assigned)


def decided(request: PlanRequest, claims: pl.DataFrame, about: pl.DataFrame, assigned: pl.DataFrame) -> pl.DataFrame:
    """Return claims with what the policy decides (``DECIDED``); ``about``: as :func:`of_ledger` returns it."""
    places = {name: place for place, name in enumerate(request.order)}
    both = claims.join(about, on=[SOURCE, KEY], how="inner").with_columns(
        pl.col(SOURCE).replace_strict(places, return_dtype=pl.Int32).alias(RANK),
        pl.col(FIXED).list.contains(pl.col(NUMBER)).alias(FIXED),
    )
    found = policy.decided(both.select(*CLAIMS), request.source.shared_numbers, assigned)
    return found.join(claims, on=[NUMBER, SOURCE, KEY], how="left").select(*DECIDED)


def of_ledger(request: PlanRequest, contacts: pl.DataFrame) -> pl.DataFrame:
    """Return what a policy asks of contacts of the ledger (``CONTACTS``): name, time of change, fixed numbers."""
    names = request.schema.names
    return _described(contacts.select(SOURCE, KEY, CHANGED, decoded(pl.col(WANTED), names)).unnest(WANTED), request)


def _of_read(world: World, keys: pl.Series, now: float) -> pl.DataFrame:
    """Return the same of contacts of the read: a contact that differs from what the ledger knows has changed now."""
    if keys.is_empty():
        return pl.DataFrame(schema=dict(_KNOWN))
    contacts, phones = world.reading.fetch(world.verdicts, keys), world.schema.phones
    names = [name for name in contacts.columns if not name.startswith("@")]
    ledger = contacts_now(world, whose(world, keys))
    # As it would be with the numbers that it goes without: to lose one or to get it back is no change of its row.
    was = ledger.select(KEY, CHANGED, decoded(pl.col(WANTED), names)).unnest(WANTED)
    was = was.select(KEY, CHANGED, policy.content(was, names, phones).alias("@was"))
    both = contacts.with_columns(policy.content(contacts, names, phones).alias("@is")).join(was, on=KEY, how="left")
    same = (pl.col("@is") == pl.col("@was")).fill_null(value=False)
    since = pl.when(same).then(CHANGED).otherwise(now).alias(CHANGED)
    return _described(both.with_columns(since, pl.lit(world.name).alias(SOURCE)), world)


def _described(contacts: pl.DataFrame, request: PlanRequest) -> pl.DataFrame:
    schema = request.schema
    named = policy.is_named_so(contacts, request.display, policy.company_field(schema)).alias(NAMED)
    fixed = numbers_of(contacts, [SOURCE, KEY], schema.phones.intersection(schema.match))
    fixed = fixed.group_by(SOURCE, KEY).agg(pl.col(NUMBER).alias(FIXED))
    about = contacts.select(SOURCE, KEY, named, CHANGED).join(fixed, on=[SOURCE, KEY], how="left")
    return about.with_columns(pl.col(FIXED).fill_null([])).select(*_KNOWN)


def contacts_now(world: World, who: pl.DataFrame) -> pl.DataFrame:
    """Return contacts of the ledger (``@source``, ``@key``) under the keys and with the field names of now."""
    ours = pl.col(SOURCE) == world.name
    own = who.filter(ours)
    asked = pl.concat([who.filter(~ours), own.with_columns(world.old_keys(own.get_column(KEY)))])
    found = world.state.shared.contacts(asked)
    found = pl.concat([found.filter(~ours), world.with_new_keys(found.filter(ours))])
    return renamed(found, renames(world.state, world.schema), SENT, WANTED)


def whose(world: World, keys: pl.Series) -> pl.DataFrame:
    """Return ``@source``, ``@key`` of keys of the source."""
    return keys.alias(KEY).to_frame().select(pl.lit(world.name).alias(SOURCE), KEY)
