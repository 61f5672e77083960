"""The machine can fail: each break violates one rule of the sync, and a history that needs the rule catches it.

In a soak the machine has to find the history by itself, and the test prints how many histories it tried.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

import syncd.core.changes.left_out
import syncd.core.drift
import syncd.core.gates
import syncd.finish.record
import syncd.plan.gather
import syncd.plan.schema_check
import syncd.push.run_plan
import syncd.target.contacts
from syncd.core.change import CallOutcome, Change
from syncd.core.columns import INVALID, STATE
from syncd.core.drift import Orders, with_orders
from syncd.core.outcomes import Accepted, Outcome, Unknown
from syncd.core.plan import Held
from syncd.core.remote import texts
from syncd.core.schema import Schema
from syncd.core.verdicts import Verdicts
from syncd.report.run_outcome import report_push
from syncd.report.source_report import SourceReport
from syncd.state.entries import Entry, drafted
from syncd.state.holdings import Holdings
from syncd.state.holds import Holds
from syncd.state.journal import Journal, Settled
from syncd.state.leaving import deletions
from syncd.state.leaving.leftovers import Leftovers
from tests.convergence.company import LAYOUTS
from tests.convergence.looking_back import Convergence
from tests.convergence.shelf import Row
from tests.convergence.soak import SOAK
from tests.convergence.worlds import GATES, Edit, Opening

Break = Callable[[pytest.MonkeyPatch], None]

BOUNDED = settings(
    max_examples=3_000,
    stateful_step_count=10,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def record_only_after_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no trace in the state of a call whose outcome is unknown."""
    mark, record = Journal.mark, Journal.record
    number = count(1)
    late: dict[int, tuple[str, str, Change, dict[str, Any]]] = {}

    def unmarked(_: Journal, run: str, source: str, changes: Sequence[Change], **more: Any) -> list[Entry]:
        entries = [each._replace(id=next(number)) for each in drafted(source, changes)]
        late.update((entry.id, (run, source, each, more)) for entry, each in zip(entries, changes, strict=True))
        return entries

    def recorded(self: Journal, results: Sequence[Settled]) -> frozenset[str]:
        done = [each for each in results if each.outcome != CallOutcome.UNKNOWN]
        entries = [
            mark(self, run, source, [change], **more)
            for run, source, change, more in (late[each.entry.id] for each in done)
        ]
        return record(self, [each._replace(entry=entry) for each, [entry] in zip(done, entries, strict=True)])

    monkeypatch.setattr(Journal, "mark", unmarked)
    monkeypatch.setattr(Journal, "record", recorded)


def delete_what_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Delete an id although a contact holds it."""
    monkeypatch.setattr(deletions, "claimed", lambda *_: ({}, set()))


def forget_held_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take an invalid row for a row that is gone."""

    keyed_once = Verdicts.keyed_once

    def valid_only(verdicts: Verdicts) -> pl.DataFrame:
        return keyed_once(verdicts).filter(pl.col(STATE) != INVALID)

    monkeypatch.setattr(Verdicts, "keyed_once", valid_only)


def trust_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the answer's contacts to be in the order of the rows."""

    def in_order(keys: Sequence[Any], body: Any, _: Any) -> list[Outcome]:
        items = body.get("contacts") if isinstance(body, dict) else None
        found: list[Outcome] = []
        for item in items or []:
            contact = item.get("contact") or {}
            known = contact.get("id") is not None
            found.append(Accepted(contact["id"], texts(contact["fields"]), "updated") if known else Unknown("no id"))
        return (found + [Unknown("not named")] * len(keys))[: len(keys)]

    monkeypatch.setattr(syncd.target.contacts, "judge", in_order)


def let_one_approval_open_every_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an approval open every gate, whatever list it was given for."""

    def opened(_: pl.DataFrame, found: Sequence[Held], approved: Collection[str]) -> list[Held]:
        return [each for each in found if each.approvable and approved]

    monkeypatch.setattr(syncd.core.gates, "opened", opened)


def forget_what_was_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next run make a change again that a person has undone."""
    monkeypatch.setattr(Holds, "hold_back", lambda *_: set())


def repair_what_people_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a repair overwrite a person's edit, whatever the policy is."""

    def ordered(judged: pl.DataFrame, orders: Orders, schema: Schema) -> pl.DataFrame:
        return with_orders(judged, replace(orders, on_edit="overwrite"), schema)

    monkeypatch.setattr(syncd.core.drift, "with_orders", ordered)


def trust_every_company(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the state file for whatever company the key shows."""
    for module in (syncd.plan.schema_check, syncd.push.run_plan):
        monkeypatch.setattr(module, "prove_company", lambda *_: None)


def say_nothing_of_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no report name the contacts that stay at the target."""
    monkeypatch.setattr(Leftovers, "news", lambda *_: [])


def count_deletes_without_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count a delete as done though there was nothing to delete, or though the contact stays."""

    def reported(report: SourceReport, *about: Any) -> None:
        report_push(report, *about)
        report.counts["delete"] += report.without_call

    monkeypatch.setattr(syncd.finish.record, "report_push", reported)


def count_takeovers_as_creates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count a contact that a key took over from another key as one that was made."""
    monkeypatch.setattr(Holdings, "held", lambda *_: {})


def delete_what_a_move_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Delete the contact of a person when its row moves on."""
    monkeypatch.setattr(syncd.core.changes.left_out, "sparing_adopted", lambda changes, *_: changes)


def give_calls_up_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never look again at a call whose contact was not found."""
    monkeypatch.setattr(deletions, "give_up", lambda *_: None)


def a_create_is_lost_and_its_row_leaves(machine: Convergence) -> None:
    machine.clean_run([])
    lost = {"kind": "drop", "method": "POST", "times": None, "done": True}
    machine.troubled_run([_edit("add", 0, Row("3", "C", "x", "Cy", ""))], [lost], None, None, True)
    machine.clean_run([_edit("remove", 2)])


def a_row_takes_anothers_place(machine: Convergence) -> None:
    machine.clean_run([])
    machine.clean_run([_edit(column, 0, Row("9", "A", "x", "Zoe", "")) for column in ("key", "name")])


def a_row_takes_a_place_that_nobody_looks_at(machine: Convergence) -> None:
    machine.clean_run([])
    machine.people_note(0)
    for key, name in (("9", "Zoe"), ("8", "Yan")):  # the first shows that updates leave the note alone
        machine.clean_run([_edit(column, 0, Row(key, "A", "x", name, "")) for column in ("key", "name")])


def a_row_becomes_unusable(machine: Convergence) -> None:
    machine.clean_run([])
    machine.clean_run([_edit("spoil", 0)])


def an_answer_is_in_another_order(machine: Convergence) -> None:
    machine.world.backend.dialects.choose("contacts", "shuffled")
    machine.clean_run([])


def a_list_changes_after_its_approval(machine: Convergence) -> None:
    machine.clean_run([_edit("add", 0, Row(key, one, "x", "Cy", "")) for key, one in ("3C", "4D", "5E")])
    machine.approve_another_list([], leaving=2, late=1)


def a_run_is_undone(machine: Convergence) -> None:
    machine.clean_run([])
    machine.undo_what_was_done([[_edit("name", 0, Row("", "", "", "Cy", ""))]])


def somebody_edits_a_contact(machine: Convergence) -> None:
    machine.clean_run([])
    machine.people_edit(0, Row("", "", "", "Cy", ""), False)
    machine.repair("report")


def the_key_of_another_company_is_used(machine: Convergence) -> None:
    machine.clean_run([])
    machine.use_the_key_of_another_company(
        ("key",), [_edit("name", 0, Row("", "", "", "Cy", "")), _edit("remove", 1)], []
    )


def somebody_writes_on_a_lost_create(machine: Convergence) -> None:
    machine.clean_run([])
    lost = {"kind": "drop", "method": "POST", "times": None, "done": True}
    machine.troubled_run([_edit("add", 0, Row("3", "C", "x", "Cy", ""))], [lost], None, None, True)
    machine.people_note(2)
    machine.clean_run([_edit("remove", 2)])


def the_row_of_an_adopted_contact_moves(machine: Convergence) -> None:
    machine.people_add(0, ANN, False)
    machine.clean_run([])
    machine.clean_run([_edit("one", 0, Row("", "E", "", "", ""))])


def a_call_is_carried_out_late(machine: Convergence) -> None:
    machine.clean_run([])
    lost = {"kind": "drop", "method": "POST", "times": None, "done": False}
    machine.troubled_run([_edit("add", 0, Row("3", "C", "x", "Cy", ""))], [lost], None, None, True)
    del machine.company.tables["one"].rows[2]
    machine._approve(machine.world.run())
    machine.world.run()
    machine.witness.created.add(machine.world.store.add({"External ID": "C", "Name": "Cy"}))
    machine.clean_run([])


ANN = Row("1", "A", "x", "Ann", "")


def _edit(kind: str, place: int, row: Row = ANN) -> Edit:
    return Edit(kind, 0, 0, place, 0, row)


BROKEN: Sequence[tuple[Break, Callable[[Convergence], None]]] = (
    (record_only_after_success, a_create_is_lost_and_its_row_leaves),
    (delete_what_is_claimed, a_row_takes_anothers_place),
    (forget_held_keys, a_row_becomes_unusable),
    (trust_positions, an_answer_is_in_another_order),
    (let_one_approval_open_every_gate, a_list_changes_after_its_approval),
    (forget_what_was_undone, a_run_is_undone),
    (repair_what_people_made, somebody_edits_a_contact),
    (trust_every_company, the_key_of_another_company_is_used),
    (say_nothing_of_what_is_left, somebody_writes_on_a_lost_create),
    (count_deletes_without_a_call, a_row_takes_anothers_place),
    (count_takeovers_as_creates, a_row_takes_a_place_that_nobody_looks_at),
    (delete_what_a_move_leaves, the_row_of_an_adopted_contact_moves),
    (give_calls_up_for_good, a_call_is_carried_out_late),
)


def _play(history: Callable[[Convergence], None]) -> None:
    machine = Convergence()
    try:
        rows = (ANN, Row("2", "B", "x", "Bob", ""))
        machine.begin(Opening(LAYOUTS[0], "first", ("one",), {}, (rows,), (), gates=GATES[2]))
        history(machine)
    finally:
        if machine.plant:
            machine.plant.close()


@pytest.mark.parametrize("history", [history for _, history in BROKEN], ids=lambda history: history.__name__)
def test_the_history_is_right_as_long_as_nothing_is_broken(history: Callable[[Convergence], None]) -> None:
    _play(history)


@pytest.mark.parametrize(("break_it", "history"), BROKEN, ids=lambda part: part.__name__)
def test_a_broken_rule_is_caught(
    break_it: Break, history: Callable[[Convergence], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it(monkeypatch)
    with pytest.raises(AssertionError):
        _play(history)


@pytest.mark.skipif(not SOAK, reason="SYNCD_SOAK is not set: make soak")
@pytest.mark.parametrize("break_it", [broken for broken, _ in BROKEN], ids=lambda broken: broken.__name__)
def test_the_machine_finds_what_is_broken(
    break_it: Break, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    break_it(monkeypatch)
    before, begun = Convergence.companies, time.monotonic()
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Convergence, settings=BOUNDED)
    tried, seconds = Convergence.companies - before - 1, time.monotonic() - begun  # the last one is shown again
    with capsys.disabled():
        print(f"\n{break_it.__name__}: caught by company {tried}, after {seconds:.0f} s")  # noqa: T201
