"""``syncd undo``: it takes back a run's changes, keeps them back, and lets them go if the source changes."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from syncd.report.source_report import SourceReport
from syncd.state import State
from syncd.state.glance import Glance
from tests.worlds.runs import changes_of, last_run, undo
from tests.worlds.tenants import ANN, BOB, CY, LOST_POSTS, MANY, holds, refs
from tests.worlds.world import FIELDS, World


def test_what_a_dry_run_logs_is_marked_as_such(edited: World) -> None:
    with capture_logs() as logs:
        edited.run(dry_run=True)
        undo(edited, dry_run=True)
        edited.run()
    assert [each.get("dry_run") for each in logs if each["event"] == "run ended"] == [True, True, None]


ROBERT = ("2", "Robert Jones", "2125550102;2125550199")


def approve(world: World, digest: str) -> None:
    with State(world.folder / "syncd.db") as state:
        assert state.holds.approve("tenants", digest)


def reasons(report: SourceReport) -> dict[str, str]:
    return {each["key"]: each["reason"] for each in report.kept}


@pytest.fixture
def edited(world: World) -> World:
    """A run created Ann and Bob; a second one created Cy, updated Bob and deleted Ann."""
    world.write([ANN, BOB])
    world.run()
    world.sandbox.store.edit(1, {"Note": "VIP"})
    world.write([("1", "Ann S.", "2125550101"), BOB])
    world.run()
    world.write([ROBERT, CY])
    assert world.run().exit_code == 0
    return world


def test_what_a_run_changed_deleted_and_created_is_as_it_was(edited: World) -> None:
    report = undo(edited)
    assert report.exit_code == 0
    assert {kind: report.counts[kind] for kind in ("create", "update", "delete")} == {
        "create": 1,
        "update": 1,
        "delete": 1,
    }
    assert holds(edited) == {"1": ("Ann S.", "2125550101"), "2": (*BOB[1:2], "2125550102")}
    assert edited.there()["1"]["Note"] == "VIP"


def test_a_dry_run_of_it_writes_nothing(edited: World) -> None:
    before, writes = (edited.folder / "syncd.db").read_bytes(), edited.writes()
    planned = changes_of(undo(edited, dry_run=True))
    assert [change["kind"] for change in planned] == ["create", "update", "delete"]
    assert planned[1]["fields"] == {
        "Name": {"old": "Robert Jones", "new": "Bob Jones"},
        "Phone": {"old": "2125550102;2125550199", "new": "2125550102"},
    }
    assert (edited.writes(), (edited.folder / "syncd.db").read_bytes()) == (writes, before)
    assert changes_of(undo(edited)) == planned


def test_the_next_runs_hold_what_was_undone_and_say_so(edited: World) -> None:
    undo(edited)
    there, writes = holds(edited), edited.writes()
    for _ in range(2):
        report = edited.run()
        assert report.exit_code == 3
        [held] = report.held
        assert (held.gate, held.kind, held.keys) == ("undone", "all", ("3", "2", "1"))
    assert (holds(edited), edited.writes()) == (there, writes)
    with State(edited.folder / "syncd.db") as state:
        assert [hold["gate"] for hold in state.holds.of("tenants")] == ["undone"]


def test_an_approval_lets_the_source_have_its_way_again(edited: World) -> None:
    undo(edited)
    approve(edited, edited.run().held[0].digest)
    assert edited.run().exit_code == 0
    assert set(edited.there()) == {"2", "3"}
    assert edited.there()["2"]["Name"] == "Robert Jones"
    assert edited.run().same_as_before


def test_what_the_source_says_anew_goes_on(edited: World) -> None:
    undo(edited)
    edited.run()
    edited.write([ANN, ("2", "Bobby Jones", "2125550102"), CY])
    report = edited.run()
    assert [held.keys for held in report.held] == [("3",)]
    assert holds(edited) == {"1": ("Ann Smith", "2125550101"), "2": ("Bobby Jones", "2125550102")}


def test_a_source_that_is_mended_needs_no_approval(edited: World) -> None:
    undo(edited)
    edited.write([("1", "Ann S.", "2125550101"), BOB])
    report = edited.run()
    assert (report.exit_code, report.counts["unchanged"]) == (0, 2)
    edited.write([ROBERT, CY])
    assert edited.run().exit_code == 0
    assert edited.there()["2"]["Name"] == "Robert Jones"


def test_an_undo_can_be_undone(edited: World) -> None:
    undo(edited)
    assert undo(edited).exit_code == 0
    assert set(edited.there()) == {"2", "3"}
    assert edited.there()["2"]["Name"] == "Robert Jones"
    assert edited.run().exit_code == 0
    assert edited.run().same_as_before


def test_what_a_later_run_changed_is_named_and_left_alone(edited: World) -> None:
    run = last_run(edited)
    edited.write([("2", "Bobby Jones", "2125550102"), CY])
    edited.run()
    later = last_run(edited)
    report = undo(edited, run)
    assert reasons(report) == {"2": f"changed again by run {later}: undo that one first"}
    assert report.exit_code == 3
    assert edited.there()["2"]["Name"] == "Bobby Jones"
    assert undo(edited, later).exit_code == 0
    assert edited.there()["2"]["Name"] == "Robert Jones"


def test_undoing_twice_does_nothing_more(edited: World) -> None:
    run = last_run(edited)
    undo(edited, run)
    writes = edited.writes()
    by = last_run(edited)
    report = undo(edited, run)
    assert reasons(report) == dict.fromkeys(("1", "2", "3"), f"undone already, by run {by}")
    assert edited.writes() == writes


def test_an_adopted_contact_gets_its_old_values_back_and_is_not_deleted(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "ANN", "Phone": "2125550188", "Note": "VIP"})
    world.write([ANN, BOB])
    world.run()
    assert undo(world).exit_code == 0
    assert world.there() == {"1": {"External ID": "1", "Name": "ANN", "Phone": "2125550188", "Note": "VIP"}}
    assert world.run().counts["held"] == 2


def test_a_contact_that_was_at_the_target_before_without_our_knowing_is_named_and_stays(world: World) -> None:
    # An adopted contact with a note teaches the run that updates keep unmapped fields, so it looks up no new row.
    world.sandbox.store.add({"External ID": "1", "Note": "VIP"})
    world.write([ANN])
    world.run()
    world.sandbox.store.add({"External ID": "2", "Name": "By hand"})
    world.write([ANN, BOB])
    world.run()
    report = undo(world)
    assert "the target had the contact before" in reasons(report)["2"]
    assert set(world.there()) == {"1", "2"}


def test_a_deleted_contact_is_not_made_again_over_one_that_is_not_ours(edited: World) -> None:
    edited.sandbox.store.add({"External ID": "1", "Name": "By hand"})
    report = undo(edited)
    assert reasons(report) == {"1": "the target has a contact with its match fields that is not syncd's"}
    assert edited.there()["1"]["Name"] == "By hand"


@pytest.fixture
def renamed(world: World) -> World:
    """The target ignores case, and a run changed the match value of its only contact from ``ann`` to ``bob``."""
    world.sandbox.dialect("match_case", "fold")
    world.sources["tenants"]["key"] = "row"
    for id_ in ("ann", "bob"):
        world.write([("a", id_, "Ann", "2125550101")], header="row,id,name,phone")
        world.run()
    return world


def test_a_contact_does_not_go_back_to_where_another_differs_in_case_only(renamed: World) -> None:
    renamed.sandbox.store.add({"External ID": "ANN", "Name": "By hand"})
    report = undo(renamed)
    assert reasons(report) == {"a": "the target has a contact with its match fields that is not syncd's"}
    assert {id_: fields["Name"] for id_, fields in renamed.there().items()} == {"bob": "Ann", "ANN": "By hand"}


def test_a_contact_does_not_go_back_to_where_another_sources_differs_in_case_only(renamed: World) -> None:
    renamed.sources["guests"] = {**renamed.sources["tenants"], "options": {"path": "guests.csv", "settle": 0}}
    run = last_run(renamed)
    renamed.write([("g", "ANN", "Guest", "2125550102")], "guests.csv", header="row,id,name,phone")
    renamed.run("guests")
    assert reasons(undo(renamed, run)) == {"a": "g of source guests has its match fields now"}
    assert {id_: fields["Name"] for id_, fields in renamed.there().items()} == {"bob": "Ann", "ANN": "Guest"}


def test_moves_swaps_and_chains_are_taken_back(by_phone: World) -> None:
    by_phone.write([("1", "A", "2125550101"), ("2", "A", "2125550102"), ("3", "A", "2125550103")])
    by_phone.run()
    by_phone.write([("1", "A", "2125550102"), ("2", "A", "2125550101"), ("3", "A", "2125550199")])
    assert by_phone.run().counts["move"] == 3
    assert undo(by_phone).exit_code == 0
    assert refs(by_phone) == {"1": "2125550101", "2": "2125550102", "3": "2125550103"}


def test_a_contact_whose_former_place_is_taken_stays(by_phone: World) -> None:
    by_phone.write([("1", "A", "2125550101"), ("2", "A", "2125550102")])
    by_phone.run()
    by_phone.write([("1", "A", "2125550199"), ("2", "A", "2125550102")])
    by_phone.run()
    run = last_run(by_phone)
    by_phone.write([("1", "A", "2125550199"), ("2", "A", "2125550101")])
    by_phone.run()
    assert reasons(undo(by_phone, run)) == {"1": "2 has its match fields now"}
    assert refs(by_phone) == {"1": "2125550199", "2": "2125550101"}


def test_gates_hold_an_undo_as_they_hold_a_run(world: World) -> None:
    world.write(MANY)
    world.run()
    report = undo(world)
    assert [(held.gate, held.count) for held in report.held] == [("deletes.share", 30)]
    assert (report.exit_code, len(world.there())) == (3, 30)
    assert world.run().exit_code == 0
    report = undo(world, report.undoes, approve=[report.held[0].digest])
    assert (report.exit_code, report.counts["delete"]) == (0, 30)
    assert world.there() == {}


def test_an_undo_whose_answer_was_lost_is_finished_by_another_try(edited: World) -> None:
    run = last_run(edited)
    edited.sandbox.arm(LOST_POSTS)
    assert undo(edited, run).exit_code == 4
    edited.sandbox.disarm()
    there = holds(edited)
    assert edited.run().counts["held"] > 0
    assert holds(edited)["1"] == there["1"]
    assert undo(edited, run).exit_code == 0
    assert holds(edited) == {"1": ("Ann S.", "2125550101"), "2": ("Bob Jones", "2125550102")}


def test_what_was_not_undone_after_all_is_not_held_back(edited: World) -> None:
    edited.sandbox.arm({"kind": "poison", "field": "Name", "value": "Bob Jones"})
    report = undo(edited)
    assert [each["key"] for each in report.rejected] == ["2"]
    edited.sandbox.disarm()
    assert [held.keys for held in edited.run().held] == [("3", "1")]


def test_a_field_that_the_company_lacks_now_is_named(edited: World) -> None:
    edited.sandbox.store.set_fields([field for field in FIELDS if field["name"] != "Note"])
    report = undo(edited)
    assert any("no field 'Note' any more" in warning for warning in report.warnings)
    assert holds(edited)["1"] == ("Ann S.", "2125550101")


def test_an_undo_is_no_read_of_the_source(edited: World) -> None:
    good = last_run(edited)
    undo(edited)
    with Glance(edited.folder / "syncd.db") as glance:
        runs = glance.ended_run("tenants"), glance.good_run("tenants")
    assert [run and run["run"] for run in runs] == [good, good]


def test_a_contact_that_was_another_rows_before_is_left_alone_if_its_values_are_not_known(world: World) -> None:
    world.sources["tenants"]["key"] = "row"
    world.sandbox.store.set_fields(FIELDS[:3])  # all fields are mapped, so no contact is looked up before an update
    header = "row,id,name,phone"
    world.write([("b", "7", "Bob", "2125550102")], header=header)
    world.run()
    world.sandbox.arm(LOST_POSTS)
    world.write([("b", "7", "Bobby", "2125550102")], header=header)
    world.run()
    world.sandbox.disarm()
    world.write([("a", "7", "Ann", "2125550101"), ("b", "7", "Bob", "2125550102")], header=header)
    world.run()
    assert holds(world) == {"7": ("Ann", "2125550101")}
    report = undo(world)
    assert reasons(report) == {"a": "it took over the contact of b, whose values are not there any more"}
    assert holds(world) == {"7": ("Ann", "2125550101")}
