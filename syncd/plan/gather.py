"""Gathers what :mod:`syncd.core` needs to decide what a read means for the target, and returns its plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from syncd.core.columns import CONTACT, DIGEST, EXCLUDED, INVALID, KEY, MATCH, RAW, REASON, ROW, STATE
from syncd.core.compare import (
    BEFORE,
    ID,
    INDEX_SCHEMA,
    KIND,
    REFUSED,
    WHY,
    classify,
    diff,
    field_changes,
    rows,
    values_before,
    values_differ,
)
from syncd.core.plan import BATCH, EMPTY_GATE, Plan, Read, gate
from syncd.core.rules import GateRules, SharedMatch, SharedNumbers
from syncd.core.schema import Schema
from syncd.plan import warnings as warned
from syncd.plan.field_history import renamed
from syncd.plan.learned import schema_changed, with_rejected_again
from syncd.plan.merged import Groups
from syncd.plan.partial import Heirs, named_gone
from syncd.plan.rematching import rematched
from syncd.plan.sharing import resolve_sharers
from syncd.read.keyless import nameless
from syncd.read.reader import Reading, keyed_once
from syncd.state import State
from syncd.target.lookup import Index


@dataclass(frozen=True, slots=True)
class Wanted:
    """A source's part of the configuration, as far as planning needs it; ``order``: all sources' names in order."""

    name: str
    gates: GateRules
    shared_match: SharedMatch
    order: tuple[str, ...]
    shared_numbers: SharedNumbers = "warn"


@dataclass(slots=True)
class Planned:
    """A plan and what is said beside it. ``released``: adopted contacts that surely left the source, and stay.

    ``since``: the newest change of any source that the plan knows of.
    ``ambiguous``: contacts that are not sent since several at the target could be theirs.
    ``sure``: a key that is not in the read has surely left the source.
    ``same``: digests of contacts that are what the ledger says, though their digests differ (order of numbers).
    ``changed_since``: keys of which something was undone, and whose source now asks for something else.
    ``links``: ``@key``, ``@raw`` of contacts that stay as they are, where the ledger has another row for them.
    ``settled``: the read and the other sources leave nothing that a later run of the same file would see otherwise.
    ``merged``: the keys whose numbers one contact holds, by its match value.
    ``losers``: ``@key``, ``@match`` of contacts that are not sent since another has their match value;
    ``lost_to_others``: those match values that another source has. ``named``: keys that a partial read says are gone,
    or None.
    """

    plan: Plan
    unchanged: int
    same: dict[str, int]
    links: pl.DataFrame
    rejected: list[tuple[str, str]]
    warnings: list[str]
    gone: list[str]
    settled: bool
    released: list[str]
    sure: bool
    ambiguous: int
    merged: Groups
    losers: pl.DataFrame
    lost_to_others: list[str]
    named: list[str] | None
    since: int
    changed_since: list[str]


def plan_changes(
    reading: Reading, wanted: Wanted, state: State, index: Index, schema: Schema, now: float, taken: Heirs
) -> Planned:
    """Compare what was read with the ledger and put the changes through the gates.

    ``taken``: which keys took over the contacts of others.
    """
    since = state.journal.newest_change()
    named = named_gone(reading, taken)
    sharing = resolve_sharers(reading, wanted, state, schema, taken, named)
    warnings = sharing.warnings
    ledger = with_rejected_again(_rest_of_ledger(reading, wanted, state, taken, named), state, wanted.name, schema)
    found = diff(keyed_once(reading), ledger, whole=named is None, deleted=named or ())
    changed = reading.fetch(found.changed)
    said_of_contacts = [*warned.of_the_contacts(changed, schema, shared=wanted.shared_numbers == "warn")]
    detail = renamed(taken.detail(state, wanted.name, pl.concat([found.changed, found.gone])), state, schema, BEFORE)
    listless = wanted.gates.mode in {"mirror", "upsert"} and state.facts.first_load(wanted.name).get() is not None
    replaces = state.facts.update_semantics.get() != "merge" and _leaves_out(changed, schema)
    other_match = schema_changed(state, wanted.name, schema, changed.columns)
    if other_match:
        detail = rematched(detail, schema)
    pages = sum(map(state.ledger.known, wanted.order)) // BATCH if replaces and listless else 0
    here = _index_for(index, changed, detail, loaded=listless, replaces=replaces, pages=pages)
    clear = _without_ambiguous(reading, changed, detail, here)
    again = ledger.filter((pl.col("@status") == REFUSED) & (pl.col(DIGEST).fill_null(0) == 0)).get_column(KEY)
    changes, same = _without_same(classify(clear, found.gone, detail, here.drop("many")), again, schema)
    changes = _in_mode(reading, changes, wanted.gates)
    changes, let_go = _without_adopted(changes, detail, wanted.gates)
    undone = state.holds.undone(wanted.name)
    plan = gate(
        changes,
        read=_read(reading, wanted.gates),
        rules=wanted.gates,
        known=reading.recall.height,
        emptied=emptied(changes),
        missing_for=_missing_for(detail, now),
        approved=state.holds.approved(wanted.name),
        schema_changed=other_match,
        undone=undone,
        let_go=let_go,
        folds=state.facts.case_insensitive.get(),
    )
    sure = _tells_who_left(reading, wanted.gates)
    released = let_go.get_column(KEY).to_list() if sure or _may_be_empty(reading, wanted.gates, plan) else []
    warnings += [
        *warned.of_those_who_stay(released),
        *warned.of_the_fields(schema, changed.columns),
        *said_of_contacts,
        *warned.of_the_rows(reading),
        *warned.of_the_list(index, state, wanted.name),
    ]
    gone = plan.deletes().get_column(KEY).to_list() + plan.waiting.filter(pl.col(KIND) == "delete")[KEY].to_list()
    rejected = _still_rejected(state.ledger.rejected(wanted.name), plan, same)
    return Planned(
        plan=plan,
        unchanged=reading.recall.unchanged + found.unchanged + len(same),
        same=same,
        links=_links(reading, plan),
        rejected=rejected,
        warnings=warnings,
        gone=gone,
        settled=sharing.settled and let_go.is_empty() and clear.height == changed.height,
        released=released,
        sure=sure,
        ambiguous=changed.height - clear.height,
        merged=sharing.merged,
        losers=sharing.losers,
        lost_to_others=sharing.lost_to_others,
        named=named,
        since=since,
        changed_since=_no_longer_asked(undone, plan, reading, whole=named is None),
    )


def _no_longer_asked(undone: pl.DataFrame, plan: Plan, reading: Reading, *, whole: bool) -> list[str]:
    """The keys of which something was undone that the source does not ask for any more, as far as this read tells."""
    invalid = reading.lean.filter(pl.col(STATE) == INVALID).select(KEY).drop_nulls()
    if not whole:
        read = pl.concat([plan.todo.select(KEY), reading.contacts().select(KEY)])
        undone = undone.join(read, on=KEY, how="semi")
    rest = undone.join(plan.waiting.select(KEY), on=KEY, how="anti").join(invalid, on=KEY, how="anti")
    return rest.get_column(KEY).to_list()


def _still_rejected(rejected: list[tuple[str, str]], plan: Plan, same: Iterable[str]) -> list[tuple[str, str]]:
    """Leave out those that this run sends again, or that are again what the target holds."""
    keys = pl.Series([key for key, _ in rejected], dtype=pl.String)
    again = {*plan.todo.get_column(KEY).filter(plan.todo.get_column(KEY).is_in(keys.implode())), *same}
    return [each for each in rejected if each[0] not in again]


def _tells_who_left(reading: Reading, rules: GateRules) -> bool:
    """Whether a key that is not in the read, or that it names as gone, has surely left the source."""
    read = _read(reading, rules)
    return read.proved and (read.rows > 0 or not read.whole) and not read.keyless and not read.missing


def _may_be_empty(reading: Reading, rules: GateRules, plan: Plan) -> bool:
    """Whether a person has approved what follows from it that the source is empty."""
    return _read(reading, rules).proved and any(each.gate == EMPTY_GATE for each in plan.opened)


def _rest_of_ledger(
    reading: Reading, wanted: Wanted, state: State, taken: Heirs, named: Sequence[str] | None
) -> pl.DataFrame:
    """The ledger without the contacts whose rows were recognised; of a partial read, what it touches."""
    if named is not None:
        touched = pl.concat([reading.lean.get_column(KEY).drop_nulls(), pl.Series(KEY, named, dtype=pl.String)])
        return taken.ledger(state, wanted.name, touched.unique(maintain_order=True))
    rest, whole = reading.recall.rest(), reading.recall.ledger.height
    if len(rest) * 4 < whole:  # so few are looked up one by one
        return taken.ledger(state, wanted.name, rest)
    ledger = taken.ledger(state, wanted.name)
    return ledger if len(rest) == whole else ledger.join(rest.to_frame(), on=KEY, how="semi", maintain_order="left")


def _links(reading: Reading, plan: Plan) -> pl.DataFrame:
    """Tell which row each contact that is not sent is made of: none, where its row is no contact or in doubt."""
    busy = pl.concat([plan.todo.get_column(KEY), plan.waiting.get_column(KEY)])
    used = keyed_once(reading).filter(~pl.col(KEY).is_in(busy.implode()))
    found = used.select(KEY, pl.when(pl.col(STATE) == CONTACT).then(RAW).alias(RAW))
    known = reading.recall.with_keys(used.get_column(KEY)).select(KEY, pl.col(RAW).alias("@was"))
    return found.join(known, on=KEY, how="inner").filter(pl.col(RAW).ne_missing(pl.col("@was"))).select(KEY, RAW)


def _leaves_out(contacts: pl.DataFrame, schema: Schema) -> bool:
    """Whether one of these contacts does not speak of every field of the target."""
    return not set(schema.names) <= set(contacts.columns) or any(contacts[name].null_count() for name in schema.names)


def _index_for(
    index: Index, changed: pl.DataFrame, detail: pl.DataFrame, *, loaded: bool, replaces: bool, pages: int
) -> pl.DataFrame:
    """List the target if there are contacts whose ids are not known; that takes so many ``pages`` at least.

    Once the source's first load is through (``loaded``) it is not needed, unless the mode bars creates or adoptions, or
    an update ``replaces`` fields that the contact leaves out, or may: then what is there must be seen first.
    """
    known = detail.filter(pl.col(ID).is_not_null()).select(KEY)
    new = changed.join(known, on=KEY, how="anti")
    if not new.is_empty() and not loaded:
        return index.read()
    if not new.is_empty() and replaces:
        return index.look_for(new.get_column(MATCH).to_list(), pages)
    return pl.DataFrame(schema={**INDEX_SCHEMA, "many": pl.UInt32})


def _without_ambiguous(
    reading: Reading, changed: pl.DataFrame, detail: pl.DataFrame, index: pl.DataFrame
) -> pl.DataFrame:
    """Leave contacts alone that several contacts at the target could be: which one a push would hit is unknown."""
    known = detail.filter(pl.col(ID).is_not_null()).select(KEY)
    several = index.filter(pl.col("many") > 1).select(MATCH, "many")
    bad = changed.join(known, on=KEY, how="anti").join(several, on=MATCH, how="inner")
    reading.demote(
        bad.select(
            ROW,
            pl.lit(INVALID, dtype=pl.UInt8).alias(STATE),
            pl.format("{} contacts at the target have its match values; delete all but one there", "many").alias(
                REASON
            ),
        )
    )
    return changed.join(bad.select(ROW), on=ROW, how="anti", maintain_order="left")


def _without_same(changes: pl.DataFrame, again: pl.Series, schema: Schema) -> tuple[pl.DataFrame, dict[str, int]]:
    """Leave out updates that change no field: only the order of numbers differs, or the way digests are made.

    What the target refused and is to have ``again`` is none of these: it may have lost the contact meanwhile.
    """
    updates = changes.filter((pl.col(KIND) == "update") & pl.col(WHY).is_null() & pl.col(BEFORE).is_not_null())
    updates = updates.filter(~pl.col(KEY).is_in(again.implode()))
    same = {
        change[KEY]: change[DIGEST]
        for change in rows(updates.filter(~values_differ(updates, schema.phones)))
        if change["before"] and not field_changes(change["before"], change["after"], schema.phones)
    }
    if not same:
        return changes, same
    kept = ~((pl.col(KIND) == "update") & pl.col(KEY).is_in(pl.Series(list(same)).implode()))
    return changes.filter(kept), same


def _in_mode(reading: Reading, changes: pl.DataFrame, rules: GateRules) -> pl.DataFrame:
    """Leave out what the source's mode does not do."""
    barred = {
        "mirror": [],
        "upsert": ["delete"],
        "update_only": ["create", "delete"],
        "create_only": ["update", "move", "delete", "adopt"],
    }[rules.mode]
    has = pl.when(pl.col(KIND) == "create").then(pl.lit("does not have it")).otherwise(pl.lit("has it already"))
    left = changes.filter(pl.col(KIND).is_in(barred) & (pl.col(KIND) != "delete"))
    rows_ = reading.contacts().select(ROW, KEY).join(left.select(KEY, KIND), on=KEY, how="inner")
    reading.demote(
        rows_.select(
            ROW,
            pl.lit(EXCLUDED, dtype=pl.UInt8).alias(STATE),
            pl.format(f"mode: {rules.mode}, and the target {{}}", has).alias(REASON),
        )
    )
    return changes.filter(~pl.col(KIND).is_in(barred))


def _without_adopted(
    changes: pl.DataFrame, detail: pl.DataFrame, rules: GateRules
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leave adopted contacts at the target when they leave the source, unless they may be deleted; return these too."""
    if rules.deletes.adopted:
        return changes, changes.clear()
    adopted = detail.filter(pl.col("@origin_kind") == "adopted").get_column(KEY)
    kept = (pl.col(KIND) == "delete") & pl.col(KEY).is_in(adopted.implode())
    return changes.filter(~kept), changes.filter(kept)


def _read(reading: Reading, rules: GateRules) -> Read:
    """What is known of the read; one that names all keys beside what changed tells who is there as a whole one does."""
    keys, present = reading.lean.get_column(KEY), reading.present
    if present is not None:
        keys = pl.concat([keys, present.alias(KEY)])
    whole = reading.end.proof != "partial" or present is not None
    there = {*keys.filter(keys.is_in(list(rules.canaries))), *reading.recall.has_read(rules.canaries)}
    canaries = tuple(key for key in rules.canaries if key not in there)
    proved = reading.end.proof in ("complete", "partial")
    return Read(
        proved=proved,
        rows=reading.rows if present is None else len(present),
        why=reading.end.why,
        keyless=nameless(reading),
        missing=canaries if whole else (),
        whole=whole,
    )


def emptied(changes: pl.DataFrame) -> dict[str, int]:
    """Count, per field, the updates that empty a value."""
    edits = changes.filter(pl.col(KIND).is_in(["update", "move"]))
    was = values_before(edits)
    found = {
        name: len(was.filter((edits.get_column(name) == "") & (was.get_column(name) != ""))) for name in was.columns
    }
    return {name: count for name, count in found.items() if count}


def _missing_for(detail: pl.DataFrame, now: float) -> pl.DataFrame:
    seconds = (pl.lit(now) - pl.col("@missing_since")).fill_null(0.0).alias("seconds")
    return detail.select(KEY, seconds)
