"""Histories that the convergence machine found and that once ended wrong, each as a test with a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.reconcile import reconcile
from syncd.report.drift_report import Reconciled, SourceDrift
from syncd.report.source_report import SourceReport
from syncd.run.session import open_session
from syncd.state import State
from syncd.undo import undo_source
from tests.convergence.company import LAYOUTS, OPEN_GATES
from tests.convergence.looking_back import Convergence
from tests.convergence.shelf import Row, Tells
from tests.convergence.worlds import Opening
from tests.worlds.world import FIELDS, World, company

HEADER = "row,id,name,phone"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with company(tmp_path) as made:
        yield made


@pytest.fixture
def merging(world: World) -> World:
    """A company with ``shared_match: merge_phones``: rows of one match value become one contact with all numbers."""
    world.sources["tenants"] |= {"shared_match": "merge_phones", "key": "row"}
    return world


def test_a_number_of_a_merged_contact_that_changes_is_sent(merging: World) -> None:
    merging.write([("a", "7", "Ann", "2125550101"), ("b", "7", "Ann", "2125550102")], header=HEADER)
    merging.run()
    merging.write([("a", "7", "Ann", "2125550101"), ("b", "7", "Ann", "2125550103")], header=HEADER)
    assert merging.run().counts["update"] == 1
    assert merging.there()["7"]["Phone"] == "2125550101;2125550103"
    assert merging.run().counts["update"] == 0


def test_a_row_whose_key_another_row_has_is_not_merged(merging: World) -> None:
    rows = [("a", "7", "Ann", "2125550101"), ("b", "7", "Ann", "2125550102"), ("a", "7", "Ann", "2125550199")]
    merging.write(rows, header=HEADER)
    merging.run()
    assert merging.there()["7"]["Phone"] == "2125550101;2125550102"


def test_a_second_row_of_a_merged_key_keeps_nothing_from_being_sent(merging: World) -> None:
    merging.write([("a", "7", "Ann", "2125550101"), ("b", "7", "Ann", "2125550102")], header=HEADER)
    merging.run()
    again = ("b", "7", "Ann", "2125550199")
    merging.write([("a", "7", "Ann", "2125550103"), ("b", "7", "Ann", "2125550102"), again], header=HEADER)
    merging.run()
    assert merging.there()["7"]["Phone"] == "2125550103;2125550102"


def test_a_merged_row_that_may_not_leave_keeps_its_number_where_it_is(merging: World) -> None:
    first = {**merging.sources["tenants"], "options": {"path": "owners.csv", "settle": 0}}
    merging.sources = {"owners": first, **merging.sources}
    merging.write([("c", "9", "Owner", "2125550109")], "owners.csv", header=HEADER)
    merging.write([("a", "7", "Ann", "2125550101"), ("b", "7", "Ann", "2125550102")], header=HEADER)
    merging.run_all()
    merging.write([("a", "7", "Ann", "2125550101"), ("b", "9", "Ann", "2125550102")], header=HEADER)
    merging.run_all()
    assert merging.there()["7"]["Phone"] == "2125550101;2125550102"


def test_a_group_that_never_came_to_the_target_holds_nothing(merging: World) -> None:
    rows = [("a", "7", "Ann", "2125550101"), ("b", "7", "Ann", "2125550102")]
    merging.write(rows, header=HEADER)
    merging.sandbox.arm({"kind": "status", "status": 503, "method": "POST", "times": None})
    merging.run()
    merging.sandbox.disarm()
    with merging.state() as state:
        assert state.claims.merged("tenants") == {"7": ["a", "b"]}
        state.execute("DELETE FROM contact")  # as where the power fails before it is marked
        state.execute("DELETE FROM change")
    merging.write([rows[0], ("b", "", "Ann", "2125550102")], header=HEADER)
    merging.run()
    assert merging.there()["7"]["Phone"] == "2125550101"


def test_an_adopted_contact_is_handed_over_to_another_source(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "Ann", "Note": "VIP"})
    world.sources["owners"] = {**world.sources["tenants"], "options": {"path": "owners.csv", "settle": 0}}
    world.write([("1", "Ann", "2125550101"), ("2", "Bob", "2125550102")])
    world.write([("3", "Cy", "2125550103")], "owners.csv")
    world.run_all()
    world.write([("2", "Bob", "2125550102")])
    world.write([("3", "Cy", "2125550103"), ("1", "Ann Brown", "2125550101")], "owners.csv")
    world.run_all()
    assert world.there()["1"]["Name"] == "Ann Brown"
    assert world.there()["1"]["Note"] == "VIP"


@pytest.mark.parametrize("unchanged", ["updated", "unchanged"])
def test_a_persons_contact_that_is_just_what_a_new_row_says_is_not_deleted_with_the_row(
    world: World, unchanged: str
) -> None:
    world.sandbox.dialect("unchanged", unchanged)
    world.sandbox.store.add({"External ID": "1", "Name": "Ann", "Note": "VIP"})
    for ann in ("Ann", "Anna"):  # so that it is known that updates leave the note alone, and nothing is looked up first
        world.write([("1", ann, "")])
        world.run()
    world.sandbox.store.add({"External ID": "2", "Name": "Bob"})
    world.write([("1", "Anna", ""), ("2", "Bob", "")])
    assert world.run().counts["adopt"] == 1
    world.write([("1", "Anna", "")])
    world.run()
    assert set(world.there()) == {"1", "2"}


@pytest.mark.parametrize("revive", ["created", "updated"])
def test_a_contact_that_comes_back_under_its_old_id_is_still_ours(world: World, revive: str) -> None:
    world.sandbox.dialect("revive", revive)
    ann, bob = ("1", "Ann", "2125550101"), ("2", "Bob", "2125550102")
    for rows in ([ann, bob], [ann], [ann, bob], [ann]):
        world.write(rows)
        world.run()
    assert set(world.there()) == {"1"}


@pytest.mark.parametrize("search", ["prefix", "exact"])
def test_a_lost_create_is_found_however_the_target_searches(world: World, search: str) -> None:
    world.sandbox.dialect("search", search)
    world.sandbox.dialect("phone_us", "11")
    world.sandbox.store.set_fields(
        [{"id": 1, "name": "Name", "is_match": True}, {"id": 2, "name": "Phone", "is_phone": True, "is_match": True}]
    )
    world.sources["tenants"]["mapping"] = {"Name": "name", "Phone": ["phone"]}
    world.write([("1", "Ann", "2125550101")])
    world.run()
    world.sandbox.arm({"kind": "drop", "method": "POST", "times": None, "done": True})
    world.write([("1", "Ann", "2125550101"), ("2", "Bob", "2125550102;2125550103")])
    world.run()
    world.sandbox.disarm()
    world.write([("1", "Ann", "2125550101")])
    world.run()
    assert set(world.there("Name")) == {"Ann"}


def undo(world: World, run: str) -> SourceReport:
    report, settings = SourceReport("tenants", undoes=run), world.settings()
    with open_session(settings, sleep=lambda _: None) as session:
        undo_source(session, settings.sources["tenants"], report, ())
    return report


def runs(world: World) -> list[str]:
    with State(world.folder / "syncd.db") as state:
        return [each["run"] for each in state.history.runs()]


def test_two_runs_that_are_undone_one_after_the_other_stay_undone(world: World) -> None:
    for name in ("Ann", "Ann Brown", "Ann Brown-Smith"):
        world.write([("1", name, "2125550101")])
        world.run()
    last, one_before, _ = runs(world)
    undo(world, last)
    undo(world, one_before)
    report = world.run()
    assert [held.gate for held in report.held] == ["undone"]
    assert world.there()["1"]["Name"] == "Ann"


def test_an_undo_deletes_no_contact_that_a_moved_one_came_upon(world: World) -> None:
    world.sources["tenants"]["key"] = "row"
    world.write([("a", "7", "Ann", "2125550101")], header=HEADER)
    world.run()
    world.sandbox.store.add({"External ID": "8", "Name": "Own", "Note": "by hand"})
    world.write([("a", "8", "Ann", "2125550101")], header=HEADER)
    world.run()
    report = undo(world, runs(world)[0])
    assert [each["reason"] for each in report.kept] == [
        "the target had the contact before, and what it held then is not known"
    ]
    assert {key: fields["Note"] for key, fields in world.there().items()} == {"8": "by hand"}


def call_otherwise(world: World, old: str, new: str) -> None:
    """Rename a field at the target and in the mapping."""
    fields = [{**each, "name": new if each["name"] == old else each["name"]} for each in FIELDS]
    world.sandbox.store.set_fields(fields)
    mapping = world.sources["tenants"]["mapping"]
    world.sources["tenants"]["mapping"] = {new if name == old else name: rule for name, rule in mapping.items()}


def repaired(world: World) -> SourceDrift:
    """Repair the world's one source and return its drift."""
    found, settings = Reconciled(repair=True), world.settings()
    with open_session(settings, sleep=lambda _: None) as session:
        reconcile(session, list(settings.sources.values()), found)
    return found.sources[0]


@pytest.mark.parametrize("run_between", [True, False])
def test_a_reconcile_knows_fields_by_their_former_names(world: World, run_between: bool) -> None:
    world.sources["tenants"]["reconcile"] = {"on_edit": "overwrite"}
    world.write([("1", "Ann", "2125550101"), ("2", "Bob", "2125550102")])
    world.run()
    call_otherwise(world, "External ID", "Our ID")
    if run_between:
        world.run()
    world.sandbox.store.edit(1, {"Our ID": "1x"})
    world.sandbox.store.delete(2)
    drift = repaired(world)
    assert (drift.counts["missing"], drift.counts["edited"], drift.exit_code) == (1, 1, 0)
    assert set(world.there("Our ID")) == {"1", "2"}


def test_a_lost_create_is_found_though_a_field_is_called_otherwise_since(world: World) -> None:
    world.write([("1", "Ann", "2125550101")])
    world.run()
    world.sandbox.arm({"kind": "drop", "method": "POST", "times": None, "done": True})
    world.write([("1", "Ann", "2125550101"), ("2", "Bob", "2125550102")])
    world.run()
    world.sandbox.disarm()
    call_otherwise(world, "Name", "Full name")
    world.write([("1", "Ann", "2125550101")])
    world.run()
    assert set(world.there()) == {"1"}


@pytest.mark.parametrize("tells", ["whole", "changes", "present"])
def test_what_a_row_without_a_key_may_have_is_not_taken_over(tells: Tells) -> None:
    gone, moved = Row("1", "A", "x", "Ann", ""), Row("2", "B", "x", "Bob", "")
    machine = Convergence()
    try:
        machine.begin(Opening(LAYOUTS[0], "first", ("one",), {}, ((gone, moved),), (), tells=tells))
        machine.clean_run([])
        table = machine.company.tables["one"]
        table.rows = [replace(gone, key=""), replace(moved, one="A")]
        machine.clean_run([])
        assert names(machine) == {"A": "Ann", "B": "Bob"}
        table.rows = [replace(moved, one="A")]
        machine.clean_run([])
        assert names(machine) == {"A": "Bob"}
    finally:
        machine.teardown()


@pytest.mark.parametrize("tells", ["whole", "changes", "present"])
def test_a_merged_contact_keeps_the_numbers_that_a_row_without_a_key_may_have(tells: Tells) -> None:
    first, second = Row("1", "A", "x", "Ann", "2125550101"), Row("2", "A", "x", "Ann", "2125550102")
    machine = Convergence()
    try:
        machine.begin(Opening(LAYOUTS[0], "merge_phones", ("one",), {}, ((first, second),), (), tells=tells))
        machine.clean_run([])
        table = machine.company.tables["one"]
        for rows, numbers in (
            ([first, replace(second, key="")], {"2125550101", "2125550102"}),
            ([first], {"2125550101"}),
            ([first, second], {"2125550101", "2125550102"}),
            ([replace(first, key=""), second], {"2125550101", "2125550102"}),
            ([second], {"2125550102"}),
        ):
            table.rows = rows
            machine.clean_run([])
            [contact] = machine.world.store.contacts()
            assert set(contact["fields"]["Phone"].split(";")) == numbers
    finally:
        machine.teardown()


@pytest.mark.parametrize("tells", ["whole", "changes", "present"])
def test_a_key_whose_row_is_merged_into_another_contact_keeps_none_though_a_second_row_has_it(tells: Tells) -> None:
    bob, cy = Row("5", "A", "x", "Bob", ""), Row("6", "D", "x", "Cy", "")
    machine = Convergence()
    try:
        machine.begin(Opening(LAYOUTS[0], "merge_phones", ("one",), {}, ((bob, cy),), (), tells=tells))
        machine.clean_run([])
        assert names(machine) == {"A": "Bob", "D": "Cy"}
        machine.company.tables["one"].rows = [bob, replace(cy, one="D", status="former"), replace(cy, one="")]
        machine.clean_run([])
        assert names(machine) == {"A": "Bob", "D": "Cy"}
        machine.company.tables["one"].rows = [bob, replace(cy, one="A"), replace(cy, one="E")]
        machine.clean_run([])
        assert names(machine) == {"A": "Bob"}
    finally:
        machine.teardown()


def test_a_contact_that_moves_onto_one_of_another_case_is_still_there_under_its_old_match_value() -> None:
    rows = Row("5", "A", "x", "Ann", ""), Row("6", "b", "x", "Bob", "")
    machine = Convergence()
    try:
        machine.begin(Opening(LAYOUTS[0], "first", ("one",), {"match_case": "fold"}, (rows,), ()))
        machine.clean_run([])
        table = machine.company.tables["one"]
        table.rows[1] = replace(rows[1], one="a")
        machine.clean_run([])
        assert names(machine) == {"A": "Ann", "b": "Bob"}
        table.rows[1] = replace(rows[1], one="c")
        machine.clean_run([])
        assert names(machine) == {"A": "Ann", "c": "Bob"}
        table.rows[1] = replace(rows[1], one="a")
        machine.clean_run([])
        assert names(machine) == {"A": "Ann", "c": "Bob"}
    finally:
        machine.teardown()


def names(machine: Convergence) -> dict[str, str]:
    fields = [each["fields"] for each in machine.world.store.contacts()]
    return {each["External ID"]: each["Name"] for each in fields}


def test_an_undo_restores_no_contact_of_a_key_that_took_over_another_one() -> None:
    ann, bob = Row("1", "A", "x", "Ann", ""), Row("6", "D", "x", "Bob", "")
    machine = Convergence()
    try:
        machine.begin(Opening(LAYOUTS[0], "first", ("one",), {}, ((ann,),), ()))
        table = machine.company.tables["one"]
        for rows in ([ann], [bob], [bob, replace(bob, key="1")]):
            table.rows = rows
            if len(rows) == 2:
                table.merge(0, 1)
            machine.clean_run([])
        with machine.world.state() as state:
            [run] = state.column("SELECT run FROM change WHERE kind = 'delete'")
        [report] = machine.world.undo(run)
        assert [each["key"] for each in report.kept] == ["1", "6"]
        assert names(machine) == {"D": "Bob"}
    finally:
        machine.teardown()


def test_a_restored_state_file_lets_adopted_contacts_go_where_that_is_allowed() -> None:
    gates = replace(OPEN_GATES, deletes=replace(OPEN_GATES.deletes, adopted=True))
    rows = Row("1", "A", "x", "Ann", ""), Row("2", "B", "x", "Bob", "")
    machine = Convergence()
    try:
        machine.begin(Opening(LAYOUTS[0], "first", ("one",), {}, (rows,), rows, gates))
        machine.clean_run([])
        machine.copy_state()
        machine.company.tables["one"].rows.pop()
        machine.restore_state([])
        assert names(machine) == {"A": "Ann"}
    finally:
        machine.teardown()
