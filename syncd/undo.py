"""Undoes the changes of an earlier run, by a plan that is carried out like any other.

Undone changes are held back afterwards: as long as a source asks for exactly the same change, its runs hold the change
and say so, until the source changes or a person approves it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import polars as pl

from syncd.config import Source
from syncd.core.changes.left_out import sparing_adopted
from syncd.core.columns import KEY, MATCH
from syncd.core.compare import ID
from syncd.core.field_history import called_now
from syncd.core.gates import Read, gate
from syncd.core.identity import folded
from syncd.core.plan import Plan
from syncd.core.schema import Schema
from syncd.core.undo.changes import Undoing, undo, wanted_matches
from syncd.core.undo.forgotten import without_forgotten
from syncd.core.undo.standing import since
from syncd.core.undo.world import Entry, Fields, World
from syncd.core.wording import counted
from syncd.finish.forgetting import phones_of, sweep
from syncd.finish.record import carry_out, reported
from syncd.plan.field_history import renames, schema_changed
from syncd.plan.number_gates import number_gates_of, number_rules
from syncd.plan.schema_check import usable_schema
from syncd.push.result import PushResult
from syncd.report.run_outcome import report_callers
from syncd.report.source_report import SourceReport
from syncd.run.session import Session
from syncd.state.leaving.forgotten import Forgotten
from syncd.target.lookup import Index


def undo_source(session: Session, source: Source, report: SourceReport, approved: Collection[str]) -> None:
    """Undo what the run ``report.undoes`` did to one source's contacts.

    ``approved``: digests of held lists that may pass their gates this once.

    Raises:
        AccessDenied, StateError, Stopped: no source can go on.
    """
    with session.leased(source.name), reported(session, source, report, kind="undo", undoes=report.undoes):
        schema = usable_schema(session, source)
        # A state from a backup may know of what was forgotten since, and must not bring it back.
        sweep(session, source.name, source.rules.mapping, schema)
        # Before the history is read: the push looks at every change that is newer than this one.
        newest_change = session.state.journal.newest_change()
        names = renames(session.state, schema)
        entries = [
            replace(entry, before=_called_now(entry.before, names), after=_called_now(entry.after, names))
            for entry in session.state.history.entries(report.undoes, source.name)
        ]
        # A call that was open when its number was forgotten still had the number to tell.
        marks, parting = Forgotten(session.settings.state).of(source.name), session.state.facts.parting(source.name)
        phones = phones_of(session.state, schema)
        entries, barred = without_forgotten(entries, marks, phones, parting.get())
        index = Index(session.target.contacts, schema)
        world = replace(_world(session, source, report.undoes, entries, index, schema), barred=barred)
        undoing = undo(entries, world, schema, list(source.rules.mapping))
        plan = _gated(session, source, undoing, schema, approved)
        _report_plan(report, session, undoing, plan, schema)
        if not session.dry_run:
            held_back = _hold_back(session, source, undoing, plan)
            pushed = carry_out(session, source, report, plan, index, since=newest_change)
            begun = session.state.history.begun_keys(session.run, source.name)
            session.state.holds.let_go(source.name, held_back - begun)
            _report_push(report, pushed)
            if pushed.failure:
                raise pushed.failure


def _called_now(fields: Fields | None, names: Mapping[str, str]) -> Fields | None:
    return None if fields is None else called_now(fields, names)


def _world(
    session: Session, source: Source, undoes: str, entries: Sequence[Entry], index: Index, schema: Schema
) -> World:
    state, name, keys = session.state, source.name, {entry.key for entry in entries}
    names, matches = renames(state, schema), wanted_matches(entries, schema)
    # Only the undoing of these gives a contact match values that it does not have now. Else no list is needed.
    there = _there(index, matches) if any(entry.kind in {"move", "delete"} for entry in entries) else {}
    known = state.ledger.known_now(name, keys)
    later, already = since(undoes, state.history.later_changes(undoes, name))
    return World(
        source=name,
        known={key: replace(each, fields=called_now(each.fields, names)) for key, each in known.items()},
        later=later,
        already=already,
        begun=state.history.begun_by_undo(undoes, name),
        holders=state.holdings.by_match(matches),
        there=there,
        ours=frozenset(state.holdings.known_ids(chain.from_iterable(there.values()))),
        taken_from=state.holdings.sharing_an_id(name, keys),
    )


def _there(index: Index, matches: Collection[str]) -> dict[str, list[int]]:
    """Return the ids at the target of the contacts that have one of these match values, by match value without case."""
    wanted = folded(pl.Series(MATCH, list(matches), dtype=pl.String))
    remotes = index.read().select(folded(index.read().get_column(MATCH)), ID)
    return dict(remotes.filter(pl.col(MATCH).is_in(wanted.implode())).group_by(MATCH).agg(ID).iter_rows())


def _gated(session: Session, source: Source, undoing: Undoing, schema: Schema, approved: Collection[str]) -> Plan:
    changes, rules = undoing.changes, number_rules(source, session.settings)
    return gate(
        sparing_adopted(changes, session.state.ledger.detail(source.name, changes.get_column(KEY)), source.gates),
        # An undo names its contacts, as a partial read does: no contact is missing from it.
        read=Read(proved=True, rows=len(undoing.changes), whole=False),
        rules=source.gates,
        known=session.state.ledger.known(source.name),
        approved=approved,
        schema_changed=schema_changed(session.state, source.name, schema, source.rules.mapping),
        numbers=number_gates_of(source.name, changes, rules, session.state, schema),
    )


def _report_plan(report: SourceReport, session: Session, undoing: Undoing, plan: Plan, schema: Schema) -> None:
    report.read = "history"
    report.rows = undoing.changes.height + len(undoing.kept)
    report.known = session.state.ledger.known(report.source)
    report.take_plan(plan, schema.phones, session.budget.forecast)
    report_callers(report, session, schema)
    report.kept = [{"key": each.key, "kind": each.kind, "reason": each.reason} for each in undoing.kept]
    report.warnings = [
        f"the company has no field {name!r} any more: what it held is not restored" for name in undoing.dropped
    ]


def _hold_back(session: Session, source: Source, undoing: Undoing, plan: Plan) -> set[str]:
    """Hold back what the source asks for of the contacts to undo; return the keys that were not held back before."""
    asked = {key: undoing.asked[key] for key in plan.todo.get_column(KEY)}
    # Before the push: if that is broken off, the next run must not send again what was undone.
    held_back = session.state.holds.hold_back(session.run, source.name, asked)
    # Else a source that does not change would not be read, and its runs would not say what they hold.
    session.state.cursors.drop(source.name)
    return held_back


def _report_push(report: SourceReport, pushed: PushResult) -> None:
    # Contacts that earlier runs were refused are no concern of an undo.
    report.rejected = pushed.rejected
    report.counts["rejected"] = len(pushed.rejected)
    if report.made:
        report.warnings.append(
            f"{counted(report.made, 'contact')} will be left as they are now until the source changes what it says of "
            "them: each run holds them back and says so"
        )
