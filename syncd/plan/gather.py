"""Gathers what :mod:`syncd.core` needs to decide what a read means for the target, and returns its plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import polars as pl

from syncd.core import compare, warnings
from syncd.core.callers.shared import sharing_a_number
from syncd.core.change import Status
from syncd.core.changes import left_out
from syncd.core.columns import CONTACT, DIGEST, EXCLUDED, INVALID, KEY, MATCH, RAW, REASON, ROW, STATE
from syncd.core.compare import BEFORE, ID, INDEX_SCHEMA, KIND, Same
from syncd.core.field_history import rematched, renamed
from syncd.core.gates import EMPTY_GATE, Read, gate, missing_parts
from syncd.core.plan import BATCH, Plan
from syncd.core.schema import Schema
from syncd.core.settings.rules import Mode
from syncd.core.takeover.decide import KeyChanges
from syncd.core.takeover.key_forms import WAS
from syncd.core.verdicts import Verdicts
from syncd.plan.claims import Granted, grant
from syncd.plan.field_history import comparable, renames, schema_changed
from syncd.plan.number_gates import number_gates_of
from syncd.plan.shared_numbers import Shares, share, share_again, staying
from syncd.plan.takeovers import with_takeovers
from syncd.plan.world import World
from syncd.target.lookup import Index

NOT_LOOKED_UP = pl.DataFrame(schema={**INDEX_SCHEMA, "many": pl.UInt32})
"""The contacts at the target, if nothing has to be known of them."""


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

    @property
    def not_made(self) -> pl.Series:
        """The keys of planned changes that this run does not make."""
        todo, waiting = self.plan.todo.get_column(KEY), self.plan.waiting.get_column(KEY)
        every = todo if self.whole is None else self.whole.todo.get_column(KEY)
        return pl.concat([waiting, every.filter(~every.is_in(todo.implode()))])


@dataclass(frozen=True, slots=True)
class _Compared:
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
) -> tuple[World, _Compared, Read, pl.DataFrame, Plan]:
    """Return how the read differs from the ledger, and what of that the gates let through."""
    world, compared = _compared(world, index, keys)
    # Other rows may have been called back meanwhile, and count now.
    read, undone = _read(world), world.undone()
    return world, compared, read, undone, _gated(world, compared, read, undone, keys, now)


def _compared(world: World, index: Index, keys: KeyChanges) -> tuple[World, _Compared]:
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
    changes, never_there = left_out.without_refused(changes, detail)
    changes, barred = left_out.in_mode(changes, world.source.gates.mode)
    changes, let_go = left_out.without_adopted(changes, detail, world.source.gates)
    changes = left_out.sparing_adopted(changes, detail, world.source.gates)
    refused = barred.join(detail.filter(pl.col("@status") == Status.REJECTED), on=KEY, how="semi")
    stays = pl.col(KIND) != "delete"
    # A contact that waits for its row under a new key is not let go.
    let_go = let_go.join(keys.waiting.select(pl.col(WAS).alias(KEY)), on=KEY, how="anti", maintain_order="left")
    verdicts = _without_ambiguous(world.verdicts, ambiguous)
    return world.with_verdicts(_without_barred(verdicts, barred, world.source.gates.mode)), _Compared(
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


def _gated(world: World, compared: _Compared, read: Read, undone: pl.DataFrame, keys: KeyChanges, now: float) -> Plan:
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


def _warnings(world: World, compared: _Compared, index: Index) -> Iterator[str]:
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
