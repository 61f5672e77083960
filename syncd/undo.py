"""``syncd undo``: the changes of an earlier run turned around, as a plan that is carried out like any other.

What is undone is held back afterwards: as long as a source asks for the very thing that was undone, its runs hold that
change and say so, until the source changes or a person lets it go on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl

from syncd.core.columns import KEY, MATCH
from syncd.core.compare import ID
from syncd.core.field_history import called_now
from syncd.core.gates import Read, gate
from syncd.core.identity import folded
from syncd.core.plan import Plan
from syncd.core.undo import Entry, Undoing, World, since, undo, wanted_matches
from syncd.core.wording import counted
from syncd.finish.record import reported
from syncd.plan.field_history import renames, schema_changed
from syncd.plan.schema_check import usable_schema
from syncd.push.run_plan import push_plan
from syncd.report.run_outcome import report_begin, report_push
from syncd.report.source_report import SourceReport
from syncd.target.lookup import Index

if TYPE_CHECKING:
    from syncd.config import Source
    from syncd.core.schema import Schema
    from syncd.run.session import Session

_MOVING = {"move", "delete"}
"""Kinds whose undoing gives a contact match values that it does not have now: the target is listed first."""


def undo_source(session: Session, source: Source, report: SourceReport, approved: Collection[str]) -> None:
    """Undo what the run ``report.undoes`` did to one source's contacts.

    ``approved``: digests of held lists that may pass their gates this once.

    Raises:
        AccessDenied, StateError, Stopped: no source can go on.
    """
    with session.leased(source.name), reported(session, source, report, kind="undo", undoes=report.undoes):
        schema = usable_schema(session.target, source, session.state)
        since = session.state.journal.newest_change()
        names = renames(session.state, schema)
        entries = [_called_now(entry, names) for entry in session.state.history.entries(report.undoes, source.name)]
        index = Index(session.target.contacts, schema)
        undoing = undo(entries, _world(session, source, report, entries, index, schema), schema, _fields(source))
        plan = _gated(session, source, undoing, schema, approved)
        _tell(report, session, undoing, plan, schema)
        if not session.dry_run:
            _carry_out(session, source, report, undoing, plan, schema, highest=index.highest, since=since)


def _fields(source: Source) -> Sequence[str]:
    return list(source.rules.mapping)


def _called_now(entry: Entry, names: Mapping[str, str]) -> Entry:
    """The entry with its fields as the target calls them now."""
    before, after = (None if each is None else called_now(each, names) for each in (entry.before, entry.after))
    return replace(entry, before=before, after=after)


def _world(
    session: Session, source: Source, report: SourceReport, entries: Sequence[Entry], index: Index, schema: Schema
) -> World:
    state, matches, names = session.state, wanted_matches(entries, schema), renames(session.state, schema)
    there = _there(index, matches) if any(entry.kind in _MOVING for entry in entries) else {}
    later, already = since(report.undoes, state.history.later_changes(report.undoes, source.name))
    return World(
        source=source.name,
        known={
            key: replace(known, fields=called_now(known.fields, names))
            for key, known in state.ledger.known_now(source.name, {entry.key for entry in entries}).items()
        },
        later=later,
        already=already,
        begun=state.history.begun_by_undo(report.undoes, source.name),
        holders=state.holdings.by_match(matches),
        there=there,
        ours=frozenset(state.holdings.known_ids(chain.from_iterable(there.values()))),
        taken_from=state.holdings.sharing_an_id(source.name, {entry.key for entry in entries}),
    )


def _there(index: Index, matches: Collection[str]) -> dict[str, list[int]]:
    wanted = folded(pl.Series(MATCH, list(matches), dtype=pl.String))
    remotes = index.read().select(folded(index.read().get_column(MATCH)), ID)
    return dict(remotes.filter(pl.col(MATCH).is_in(wanted.implode())).group_by(MATCH).agg(ID).iter_rows())


def _gated(session: Session, source: Source, undoing: Undoing, schema: Schema, approved: Collection[str]) -> Plan:
    state = session.state
    return gate(
        undoing.changes,
        read=Read(proved=True, rows=len(undoing.changes), whole=False),
        rules=source.gates,
        known=state.ledger.known(source.name),
        missing_for=pl.DataFrame(schema={KEY: pl.String, "seconds": pl.Float64}),
        approved=approved,
        schema_changed=schema_changed(state, source.name, schema, source.rules.mapping),
    )


def _tell(report: SourceReport, session: Session, undoing: Undoing, plan: Plan, schema: Schema) -> None:
    report.read = "history"
    report.rows = undoing.changes.height + len(undoing.kept)
    report.known = session.state.ledger.known(report.source)
    report.plan, report.phones, report.digest = plan, schema.phones, plan.digest()
    report.planned = plan.requests()
    report.seconds = session.budget.forecast(report.planned)
    report.kept = [{"key": each.key, "kind": each.kind, "reason": each.reason} for each in undoing.kept]
    report.warnings = [
        f"the company has no field {name!r} any more: what it held is not restored" for name in undoing.dropped
    ]
    report.counts.update(plan.counts())
    report.counts["held"] = plan.waiting.height


def _carry_out(
    session: Session,
    source: Source,
    report: SourceReport,
    undoing: Undoing,
    plan: Plan,
    schema: Schema,
    *,
    highest: int,
    since: int,
) -> None:
    """Hold back what the source asks for, push, and let go of what was not undone after all."""
    state = session.state
    keys = plan.todo.get_column(KEY).to_list()
    noted = state.holds.hold_back(session.run, source.name, {key: undoing.asked[key] for key in keys})
    state.cursors.drop(source.name)  # else a source that does not change would not be looked at
    report_begin(report)
    pushed = push_plan(session, source.name, plan, schema, highest=highest, since=since)
    state.holds.let_go(source.name, noted - state.history.begun_keys(session.run, source.name))
    report_push(report, session, source, pushed)
    report.rejected = pushed.rejected
    report.counts["rejected"] = len(pushed.rejected)
    done = sum(report.counts[kind] for kind in plan.counts())
    if done:
        report.warnings.append(
            f"{counted(done, 'contact')} will be left as they are now until the source changes what it says of them: "
            "each run holds them back and says so"
        )
    if pushed.failure:
        raise pushed.failure
