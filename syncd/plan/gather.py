"""Gathers what :mod:`syncd.core` needs to decide what a read means for the target, and returns its plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import polars as pl

from syncd.core import warnings
from syncd.core.callers.shared import sharing_a_number
from syncd.core.columns import CONTACT, INVALID, KEY, RAW, ROW, STATE
from syncd.core.compare import KIND, Same
from syncd.core.gates import EMPTY_GATE, Read, gate, missing_parts
from syncd.core.plan import Plan
from syncd.core.takeover.decide import KeyChanges
from syncd.core.verdicts import Verdicts
from syncd.plan.claims import Granted, grant
from syncd.plan.comparing import Compared, compared_with_ledger
from syncd.plan.number_gates import number_gates_of
from syncd.plan.shared_numbers import Shares, share, share_again, staying
from syncd.plan.takeovers import with_takeovers
from syncd.plan.world import World
from syncd.target.lookup import Index


@dataclass(frozen=True, slots=True)
class Record:
    """What a run records beside its changes.

    ``newest_change``: the newest change of any source that the plan knows of. ``same``: digests of contacts that the
    target holds, though their digests differ (in the order of numbers). ``links``: ``@key``, ``@raw`` of contacts that
    stay as they are and are made of another row now. ``granted``: what the resolver granted. ``gone``: keys whose
    contacts are deleted, now or when a gate opens. ``missing``: those that have surely left the source and wait for a
    gate. ``released``: adopted contacts that have surely left the source, and stay at the target. ``forgotten``:
    refused contacts that the source does not ask for any more. ``ambiguous``: how many contacts are not sent since
    several contacts at the target have their match value. ``settled``: a later run of the same source decides the same.
    ``changed_since``: undone keys whose source has changed since. ``shares``: who gets the numbers that contacts share.
    """

    newest_change: int
    same: Same
    links: pl.DataFrame
    granted: Granted
    gone: list[str]
    missing: list[str]
    released: list[str]
    forgotten: list[str]
    ambiguous: int
    settled: bool
    changed_since: list[str]
    shares: Shares


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, with what the run reports and what it records beside it.

    ``world``: the world in which rows have taken over the contacts that they are. ``keys``: what becomes of rows under
    new keys. ``verdicts``: what each row is. ``unchanged``: how many contacts are as they were sent. ``rejected``: key
    and reason of contacts that the target refused and that are not sent again. ``news``: what the run does once, which
    no later run tells again.

    When an older plan is applied, ``whole`` is the plan with the changes that are not made; ``unfinished`` says that
    the next run has something of this read to do.
    """

    plan: Plan
    world: World
    keys: KeyChanges
    verdicts: Verdicts
    unchanged: int
    rejected: list[tuple[str, str]]
    news: list[str]
    warnings: list[str]
    record: Record
    whole: Plan | None = None
    unfinished: bool = False


def plan_changes(world: World, index: Index, now: float) -> Planned:
    """Compare what was read with the ledger and put the changes through the gates; ``now``: Unix seconds."""
    # Read first: a change that another process makes after this may be missing below, so the push looks at it again.
    newest_change = world.state.journal.newest_change()
    read = _read(world)
    taken, keys = with_takeovers(world, read)
    world, granted = grant(taken)
    world, shares = share(world, now)
    world, compared, read, undone, plan = _planned(world, index, keys, now)
    # A contact that stays as it is has the numbers that it has, whatever its row wants.
    if again := share_again(shares, now, staying(shares, world, plan, compared.same, compared.let_go)):
        world, shares = again
        world, compared, read, undone, plan = _planned(world, index, keys, now)
    lacks = read.keyless or read.missing or read.missing_parts
    sure = read.proved and (read.rows > 0 or not read.whole) and not lacks
    # A person who approves an empty source also lets its adopted contacts go.
    empty = read.proved and any(each.gate == EMPTY_GATE for each in plan.opened)
    released = compared.let_go.get_column(KEY).to_list() if sure or empty else []
    # An empty source is believed as well: at worst, a contact is sent once more and refused once more.
    forgotten = [*compared.refused_barred, *(compared.refused_gone if read.proved and not lacks else ())]
    waiting = plan.waiting.filter(pl.col(KIND) == "delete").get_column(KEY).to_list()
    return Planned(
        plan=plan,
        world=taken,
        keys=keys,
        verdicts=world.verdicts,
        unchanged=world.reading.recall.unchanged + compared.unchanged,
        rejected=_still_rejected(world.state.ledger.rejected(world.name), plan, {*compared.same, *forgotten}),
        news=[*warnings.of_released(released), *warnings.of_forgotten(forgotten)],
        warnings=[*granted.warnings, *_warnings(world, compared, index)],
        record=Record(
            newest_change=newest_change,
            same=compared.same,
            links=_links(world, plan),
            granted=granted,
            gone=[*plan.deletes().get_column(KEY), *waiting],
            # The grace of a delete counts only from a read that proves that the row is gone.
            missing=waiting if sure else [],
            released=released,
            forgotten=forgotten,
            ambiguous=compared.ambiguous,
            settled=granted.settled and compared.let_go.is_empty() and not compared.ambiguous,
            changed_since=_changed_since(world, undone, plan),
            shares=shares,
        ),
    )


def _planned(
    world: World, index: Index, keys: KeyChanges, now: float
) -> tuple[World, Compared, Read, pl.DataFrame, Plan]:
    """Return how the read differs from the ledger, and what of that the gates let through."""
    world, compared = compared_with_ledger(world, index, keys)
    # Other rows may have been called back meanwhile, and count now.
    read, undone = _read(world), world.undone()
    return world, compared, read, undone, _gated(world, compared, read, undone, keys, now)


def _read(world: World) -> Read:
    """Return what is known of the read."""
    reading, canaries = world.reading, world.source.gates.canaries
    keys, present = world.verdicts.rows.get_column(KEY), reading.present
    if present is not None:
        keys = pl.concat([keys, present.alias(KEY)])
    # A partial read that lists all present keys tells who is there, as a whole read does.
    whole = reading.end.proof != "partial" or present is not None
    # A canary that was forgotten warns of nothing any more.
    there = {*keys.filter(keys.is_in(list(canaries))), *reading.recall.has_read(canaries), *reading.left_out}
    return Read(
        proved=reading.end.proof in ("complete", "partial"),
        rows=reading.count(world.verdicts) if present is None else len(present) + len(reading.left_out),
        why=reading.end.why,
        keyless=reading.keyless,
        missing=tuple(key for key in canaries if key not in there) if whole else (),
        whole=whole,
        missing_parts=missing_parts(world.state.facts.parts(world.name).get(), reading.end.parts),
        remedy=reading.end.remedy,
    )


def _gated(world: World, compared: Compared, read: Read, undone: pl.DataFrame, keys: KeyChanges, now: float) -> Plan:
    seconds = (pl.lit(now) - pl.col("@missing_since")).fill_null(0.0).alias("seconds")
    numbers = number_gates_of(world.name, compared.changes, world.numbers, world.state, world.schema)
    plan = gate(
        compared.changes,
        read=read,
        rules=world.source.gates,
        known=world.reading.recall.height,
        missing_for=compared.detail.select(KEY, seconds),
        approved=world.state.holds.approved(world.name),
        schema_changed=compared.schema_changed,
        undone=undone,
        keys=keys,
        let_go=compared.let_go,
        numbers=numbers,
        case_insensitive=world.state.facts.case_insensitive.get(),
    )
    return replace(plan, origins=world.verdicts.origins)


def _warnings(world: World, compared: Compared, index: Index) -> Iterator[str]:
    reading, schema, verdicts = world.reading, world.schema, world.verdicts
    yield from reading.end.warnings
    yield from warnings.of_fields(schema, compared.changed.columns)
    if world.source.shared_numbers == "warn":
        yield from warnings.of_shared_numbers(sharing_a_number(compared.changed, schema.phones))
    yield from warnings.of_entities(reading.entities)
    yield from warnings.of_rows(reading.warnings.join(verdicts.rows, on=ROW, how="inner"), verdicts.origins)
    # The list costs a request for every 500 contacts: its gaps are noticed only if the plan needed it anyway.
    if index.ids is not None:
        yield from warnings.of_list(len(world.state.holdings.accepted_ids(world.name) - index.ids), world.name)


def _still_rejected(rejected: list[tuple[str, str]], plan: Plan, same: Iterable[str]) -> list[tuple[str, str]]:
    """Leave out contacts that this run sends again, or that are again what the target holds."""
    keys = pl.Series([key for key, _ in rejected], dtype=pl.String)
    again = {*plan.todo.get_column(KEY).filter(plan.todo.get_column(KEY).is_in(keys.implode())), *same}
    return [each for each in rejected if each[0] not in again]


def _links(world: World, plan: Plan) -> pl.DataFrame:
    """Return which row each contact that is not sent is made of."""
    busy = pl.concat([plan.todo.get_column(KEY), plan.waiting.get_column(KEY)])
    used = world.verdicts.keyed_once().filter(~pl.col(KEY).is_in(busy.implode()))
    # A row that is no contact, or is doubted, is linked to none: the next run looks at it again.
    found = used.select(KEY, pl.when(pl.col(STATE) == CONTACT).then(RAW).alias(RAW))
    known = world.reading.recall.with_keys(used.get_column(KEY)).select(KEY, pl.col(RAW).alias("@was"))
    return found.join(known, on=KEY, how="inner").filter(pl.col(RAW).ne_missing(pl.col("@was"))).select(KEY, RAW)


def _changed_since(world: World, undone: pl.DataFrame, plan: Plan) -> list[str]:
    """Return the undone keys whose source has changed since."""
    if undone.is_empty():
        return []
    invalid = world.verdicts.rows.filter(pl.col(STATE) == INVALID).select(KEY).drop_nulls()
    if world.named_gone is not None:
        # A partial read says nothing of the keys that it lacks.
        read = pl.concat([plan.todo.select(KEY), world.verdicts.contacts().select(KEY)])
        undone = undone.join(read, on=KEY, how="semi")
    rest = undone.join(plan.waiting.select(KEY), on=KEY, how="anti").join(invalid, on=KEY, how="anti")
    return rest.get_column(KEY).to_list()
