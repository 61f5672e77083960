"""Gathers what :mod:`syncd.core` needs to decide what a read means for the target, and returns its plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from syncd.core import warnings
from syncd.core.change import Status
from syncd.core.claims import Groups
from syncd.core.columns import CONTACT, DIGEST, EXCLUDED, INVALID, KEY, MATCH, RAW, REASON, ROW, STATE
from syncd.core.compare import (
    BEFORE,
    ID,
    INDEX_SCHEMA,
    KIND,
    Same,
    classify,
    diff,
    in_mode,
    without_adopted,
    without_same,
)
from syncd.core.field_history import rematched, renamed
from syncd.core.gates import EMPTY_GATE, Read, gate
from syncd.core.plan import BATCH, Plan
from syncd.core.schema import Schema
from syncd.core.settings.rules import GateRules
from syncd.core.shared_numbers import sharing_a_number
from syncd.core.verdicts import Verdicts
from syncd.plan.claims import grant
from syncd.plan.field_history import renames, schema_changed, with_rejected_again
from syncd.plan.request import PlanRequest
from syncd.plan.takeovers import Takeovers, named_gone
from syncd.read.reading import Reading
from syncd.state import State
from syncd.target.lookup import Index


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what the run reports and records beside it.

    ``verdicts``: what each row is. ``unchanged``: how many contacts are as they were sent. ``same``: digests of
    contacts that the target holds, though their digests differ (in the order of numbers). ``links``: ``@key``, ``@raw``
    of contacts that stay as they are and are made of another row now. ``rejected``: key and reason of contacts that the
    target refused and that are not sent again. ``gone``: keys whose contacts are deleted, now or when a gate opens.
    ``sure``: a key that is not in the read has surely left the source. ``released``: adopted contacts that have surely
    left the source, and stay at the target. ``ambiguous``: how many contacts are not sent since several contacts at the
    target have their match value. ``named``: keys that a partial read names as gone; None for a whole read.
    ``settled``: a later run of the same source would not decide otherwise. ``merged``, ``outranked`` and ``to_others``:
    see :class:`syncd.plan.claims.Granted`. ``since``: the newest change of any source that the plan knows of.
    ``changed_since``: undone keys whose source has changed since.
    """

    plan: Plan
    verdicts: Verdicts
    unchanged: int
    same: Same
    links: pl.DataFrame
    rejected: list[tuple[str, str]]
    warnings: list[str]
    gone: list[str]
    settled: bool
    released: list[str]
    sure: bool
    ambiguous: int
    merged: Groups
    outranked: pl.DataFrame
    to_others: Sequence[str]
    named: list[str] | None
    since: int
    changed_since: list[str]


def plan_changes(
    reading: Reading,
    request: PlanRequest,
    state: State,
    index: Index,
    schema: Schema,
    now: float,
    taken: Takeovers,
) -> Planned:
    """Compare what was read with the ledger and put the changes through the gates.

    ``taken``: which keys took over the contacts of other keys.
    """
    name, gates = request.name, request.gates
    since = state.journal.newest_change()
    named = named_gone(reading, taken)
    granted = grant(reading, request, state, schema, taken, named)
    verdicts = granted.verdicts
    ledger = _rest_of_ledger(reading, verdicts, name, state, taken, named)
    ledger = with_rejected_again(ledger, state, name, schema)
    found = diff(verdicts.keyed_once(), ledger, whole=named is None, deleted=named or ())
    changed = reading.fetch(verdicts, found.changed)
    detail = taken.detail(state, name, pl.concat([found.changed, found.gone]))
    detail = renamed(detail, renames(state, schema), BEFORE)
    if other_match := schema_changed(state, name, schema, changed.columns):
        detail = rematched(detail, schema)
    here = _index_for(index, changed, detail, request, state, schema)
    clear, verdicts = _without_ambiguous(verdicts, changed, detail, here)
    again = ledger.filter((pl.col("@status") == Status.REJECTED) & (pl.col(DIGEST).fill_null(0) == 0)).get_column(KEY)
    changes, same = without_same(classify(clear, found.gone, detail, here.drop("many")), again, schema)
    changes, barred = in_mode(changes, gates.mode)
    verdicts = _without_barred(verdicts, barred, gates)
    changes, let_go = without_adopted(changes, detail, gates)
    shared = sharing_a_number(changed, schema.phones) if request.shared_numbers == "warn" else []
    undone, read = state.holds.undone(name), _read(reading, verdicts, gates)
    plan = gate(
        changes,
        read=read,
        rules=gates,
        known=reading.recall.height,
        missing_for=_missing_for(detail, now),
        approved=state.holds.approved(name),
        schema_changed=other_match,
        undone=undone,
        let_go=let_go,
        case_insensitive=state.facts.case_insensitive.get(),
    )
    sure = read.proved and (read.rows > 0 or not read.whole) and not read.keyless and not read.missing
    # A person who approves an empty source also lets its adopted contacts go.
    empty = read.proved and any(each.gate == EMPTY_GATE for each in plan.opened)
    released = let_go.get_column(KEY).to_list() if sure or empty else []
    return Planned(
        plan=plan,
        verdicts=verdicts,
        unchanged=reading.recall.unchanged + found.unchanged + len(same),
        same=same,
        links=_links(reading, verdicts, plan),
        rejected=_still_rejected(state.ledger.rejected(name), plan, same),
        warnings=[
            *granted.warnings,
            *warnings.of_released(released),
            *warnings.of_fields(schema, changed.columns),
            *warnings.of_shared_numbers(shared),
            *warnings.of_rows(reading.warnings.join(verdicts.rows, on=ROW, how="inner"), verdicts.origins),
            *warnings.of_list(_lost(index, state, name), name),
        ],
        gone=[*plan.deletes().get_column(KEY), *plan.waiting.filter(pl.col(KIND) == "delete").get_column(KEY)],
        settled=granted.settled and let_go.is_empty() and clear.height == changed.height,
        released=released,
        sure=sure,
        ambiguous=changed.height - clear.height,
        merged=granted.merged,
        outranked=granted.outranked,
        to_others=granted.to_others,
        named=named,
        since=since,
        changed_since=_changed_since(undone, plan, verdicts, whole=named is None),
    )


def _changed_since(undone: pl.DataFrame, plan: Plan, verdicts: Verdicts, *, whole: bool) -> list[str]:
    """Return the undone keys whose source has changed since; a partial read says nothing of the keys that it lacks."""
    invalid = verdicts.rows.filter(pl.col(STATE) == INVALID).select(KEY).drop_nulls()
    if not whole:
        read = pl.concat([plan.todo.select(KEY), verdicts.contacts().select(KEY)])
        undone = undone.join(read, on=KEY, how="semi")
    rest = undone.join(plan.waiting.select(KEY), on=KEY, how="anti").join(invalid, on=KEY, how="anti")
    return rest.get_column(KEY).to_list()


def _still_rejected(rejected: list[tuple[str, str]], plan: Plan, same: Iterable[str]) -> list[tuple[str, str]]:
    """Leave out contacts that this run sends again, or that are again what the target holds."""
    keys = pl.Series([key for key, _ in rejected], dtype=pl.String)
    again = {*plan.todo.get_column(KEY).filter(plan.todo.get_column(KEY).is_in(keys.implode())), *same}
    return [each for each in rejected if each[0] not in again]


def _rest_of_ledger(
    reading: Reading,
    verdicts: Verdicts,
    source: str,
    state: State,
    taken: Takeovers,
    named: Sequence[str] | None,
) -> pl.DataFrame:
    """Return the ledger without the contacts whose rows were recognised; of a partial read, what it touches."""
    if named is not None:
        touched = pl.concat([verdicts.keys(), pl.Series(KEY, named, dtype=pl.String)])
        return taken.digests(state, source, touched.unique(maintain_order=True))
    rest, whole = reading.recall.rest(), reading.recall.ledger.height
    if len(rest) * 4 < whole:
        # So few contacts are looked up one by one: that is quicker than to read the whole ledger again.
        return taken.digests(state, source, rest)
    ledger = taken.digests(state, source)
    return ledger if len(rest) == whole else ledger.join(rest.to_frame(), on=KEY, how="semi", maintain_order="left")


def _links(reading: Reading, verdicts: Verdicts, plan: Plan) -> pl.DataFrame:
    """Return which row each contact that is not sent is made of: none, if its row is no contact or is doubted."""
    busy = pl.concat([plan.todo.get_column(KEY), plan.waiting.get_column(KEY)])
    used = verdicts.keyed_once().filter(~pl.col(KEY).is_in(busy.implode()))
    found = used.select(KEY, pl.when(pl.col(STATE) == CONTACT).then(RAW).alias(RAW))
    known = reading.recall.with_keys(used.get_column(KEY)).select(KEY, pl.col(RAW).alias("@was"))
    return found.join(known, on=KEY, how="inner").filter(pl.col(RAW).ne_missing(pl.col("@was"))).select(KEY, RAW)


def _leaves_out(contacts: pl.DataFrame, schema: Schema) -> bool:
    """Return whether one of these contacts does not speak of every field of the target."""
    return not set(schema.names) <= set(contacts.columns) or any(contacts[name].null_count() for name in schema.names)


def _index_for(
    index: Index, changed: pl.DataFrame, detail: pl.DataFrame, request: PlanRequest, state: State, schema: Schema
) -> pl.DataFrame:
    """Return the contacts at the target that changed contacts without an id may meet there.

    Until the source's first load is through, or if the mode bars creates or adoptions, the target is listed. Later it
    is only looked at before an update that may replace fields that the contact leaves out.
    """
    known = detail.filter(pl.col(ID).is_not_null()).select(KEY)
    new = changed.join(known, on=KEY, how="anti")
    loaded = request.gates.mode in {"mirror", "upsert"} and state.facts.first_load(request.name).get() is not None
    if not new.is_empty() and not loaded:
        return index.read()
    if not new.is_empty() and state.facts.update_semantics.get() != "merge" and _leaves_out(changed, schema):
        return index.look_for(new.get_column(MATCH).to_list(), sum(map(state.ledger.known, request.order)) // BATCH)
    return pl.DataFrame(schema={**INDEX_SCHEMA, "many": pl.UInt32})


def _without_ambiguous(
    verdicts: Verdicts, changed: pl.DataFrame, detail: pl.DataFrame, index: pl.DataFrame
) -> tuple[pl.DataFrame, Verdicts]:
    """Leave contacts alone whose match value several contacts at the target have: a push would hit any of those."""
    known = detail.filter(pl.col(ID).is_not_null()).select(KEY)
    several = index.filter(pl.col("many") > 1).select(MATCH, "many")
    bad = changed.join(known, on=KEY, how="anti").join(several, on=MATCH, how="inner")
    reason = pl.format("{} contacts at the target have its match values; delete all but one there", "many")
    verdicts = verdicts.demoted(bad.select(ROW, pl.lit(INVALID, dtype=pl.UInt8).alias(STATE), reason.alias(REASON)))
    return changed.join(bad.select(ROW), on=ROW, how="anti", maintain_order="left"), verdicts


def _without_barred(verdicts: Verdicts, barred: pl.DataFrame, rules: GateRules) -> Verdicts:
    """Exclude the contacts whose changes the source's mode does not make."""
    has = pl.when(pl.col(KIND) == "create").then(pl.lit("does not have it")).otherwise(pl.lit("has it already"))
    reason = pl.format(f"mode: {rules.mode}, and the target {{}}", has)
    rows = verdicts.contacts().select(ROW, KEY).join(barred.select(KEY, KIND), on=KEY, how="inner")
    return verdicts.demoted(rows.select(ROW, pl.lit(EXCLUDED, dtype=pl.UInt8).alias(STATE), reason.alias(REASON)))


def _read(reading: Reading, verdicts: Verdicts, rules: GateRules) -> Read:
    """Return what is known of the read; one that names all present keys tells who is there as a whole read does."""
    keys, present = verdicts.rows.get_column(KEY), reading.present
    if present is not None:
        keys = pl.concat([keys, present.alias(KEY)])
    whole = reading.end.proof != "partial" or present is not None
    there = {*keys.filter(keys.is_in(list(rules.canaries))), *reading.recall.has_read(rules.canaries)}
    return Read(
        proved=reading.end.proof in ("complete", "partial"),
        rows=reading.count(verdicts) if present is None else len(present),
        why=reading.end.why,
        keyless=reading.keyless,
        missing=tuple(key for key in rules.canaries if key not in there) if whole else (),
        whole=whole,
    )


def _lost(index: Index, state: State, source: str) -> int:
    """Return how many of the source's contacts the target's list lacks, if this run has read the list anyway."""
    return 0 if index.ids is None else len(state.holdings.accepted_ids(source) - index.ids)


def _missing_for(detail: pl.DataFrame, now: float) -> pl.DataFrame:
    seconds = (pl.lit(now) - pl.col("@missing_since")).fill_null(0.0).alias("seconds")
    return detail.select(KEY, seconds)
