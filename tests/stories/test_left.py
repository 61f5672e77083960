"""What a run reports is what happened: contacts that stay at the target are named, and nothing else counts as done."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.cli import main
from syncd.core.ownership import PATIENCE
from syncd.explain import explain
from syncd.report.source_report import SourceReport
from syncd.run.session import open_session
from tests.examples import crossed
from tests.worlds.tenants import ANN, BOB, POISON
from tests.worlds.world import World

HEADER = "row,id,name,phone"
LOST = {"kind": "drop", "method": "POST", "times": None, "done": True}
NEVER_ARRIVES = {**LOST, "done": False}


@pytest.fixture
def keyed(world: World) -> World:
    """The key is a column of its own, so a row can change its match value."""
    world.sources["tenants"] |= {"key": "row", "updates": {"at_most": {"share": "100%"}}}
    return world


def run(world: World, *rows: tuple[str, str, str, str], **options: Any) -> SourceReport:
    world.write(rows, header=HEADER)
    return world.run(**options)


def run_in_vain(world: World, fault: dict[str, Any], *rows: tuple[str, str, str, str]) -> None:
    world.sandbox.arm(fault)
    assert run(world, *rows).unknown
    world.sandbox.disarm()


def left(report: SourceReport) -> list[tuple[str, int | None]]:
    return [(each["key"], each["id"]) for each in report.left]


def whys(report: SourceReport) -> list[str | None]:
    return [each.get("why") for each in report.settled()]


# A move of an adopted contact.


def adopted(world: World) -> int:
    """Let the key ``a`` adopt the contact 1 of a person; return its id at the target."""
    number = world.sandbox.store.add({"External ID": "1", "Name": "Ann", "Note": "VIP"})
    run(world, ("a", "1", "Ann", ""))
    return number


def test_a_move_leaves_the_adopted_contact_and_the_plan_and_the_report_say_so(keyed: World) -> None:
    number = adopted(keyed)
    plan = run(keyed, ("a", "2", "Ann", ""), dry_run=True)
    assert whys(plan) == [f"leaves adopted contact {number}"]
    report = keyed.run()
    assert whys(report) == [f"leaves adopted contact {number}"]
    assert (left(report), report.counts["move"], report.exit_code) == ([("a", number)], 1, 0)
    assert keyed.there()["1"] == {"External ID": "1", "Name": "Ann", "Note": "VIP"}
    assert (keyed.deletes(), set(keyed.there())) == (0, {"1", "2"})
    assert left(keyed.run(full=True)) == []


def test_a_contact_that_a_move_left_is_still_a_persons_when_the_row_comes_back_and_leaves(keyed: World) -> None:
    number = adopted(keyed)
    run(keyed, ("a", "2", "Ann", ""))
    run(keyed, ("a", "1", "Ann", ""), ("b", "9", "Bob", ""))
    assert set(keyed.there()) == {"1", "9"}
    report = run(keyed, ("b", "9", "Bob", ""))
    assert (left(report), set(keyed.there())) == ([("a", number)], {"1", "9"})


def test_an_adopted_contact_is_replaced_by_a_move_where_that_is_wanted(keyed: World) -> None:
    keyed.sources["tenants"]["deletes"] = {"adopted": True}
    adopted(keyed)
    report = run(keyed, ("a", "2", "Ann", ""))
    assert (left(report), whys(report), set(keyed.there())) == ([], [None], {"2"})


def test_adopted_contacts_that_swap_leave_nothing(keyed: World) -> None:
    keyed.sandbox.store.add({"External ID": "1", "Name": "Ann"})
    keyed.sandbox.store.add({"External ID": "2", "Name": "Bob"})
    run(keyed, ("a", "1", "Ann", ""), ("b", "2", "Bob", ""))
    report = run(keyed, ("a", "2", "Ann", ""), ("b", "1", "Bob", ""))
    assert (left(report), whys(report), keyed.deletes()) == ([], [None, None], 0)


def test_a_move_whose_answer_is_lost_leaves_the_adopted_contact_too(keyed: World) -> None:
    number = adopted(keyed)
    run_in_vain(keyed, LOST, ("a", "2", "Ann", ""))
    report = keyed.run()
    assert (left(report), keyed.deletes(), set(keyed.there())) == ([("a", number)], 0, {"1", "2"})


def test_an_adopted_contact_that_leaves_its_source_is_named_with_its_id(keyed: World) -> None:
    number = adopted(keyed)
    report = run(keyed, ("b", "9", "Bob", ""))
    assert (left(report), report.counts["delete"]) == ([("a", number)], 0)


# Calls whose answers are lost.


def test_a_lost_create_on_which_a_person_writes_is_left_with_its_id_when_its_row_leaves(keyed: World) -> None:
    run(keyed, ("a", "1", "Ann", ""))
    run_in_vain(keyed, LOST, ("a", "1", "Ann", ""), ("b", "2", "Bob", ""))
    [number] = [each["id"] for each in keyed.sandbox.store.contacts() if each["fields"]["External ID"] == "2"]
    keyed.sandbox.store.edit(number, {"Note": "VIP"})
    report = run(keyed, ("a", "1", "Ann", ""))
    assert (report.counts["delete"], left(report), report.unknown) == (0, [("b", number)], 0)
    assert [each["outcome"] for each in report.settled()] == ["left"]
    assert set(keyed.there()) == {"1", "2"}
    assert (left(keyed.run(full=True)), keyed.run().exit_code) == ([], 0)


def test_a_lost_create_whose_row_asks_for_another_match_value_leaves_nothing_behind(keyed: World) -> None:
    run(keyed, ("a", "1", "Ann", ""))
    run_in_vain(keyed, LOST, ("a", "1", "Ann", ""), ("b", "2", "Bob", ""))
    report = run(keyed, ("a", "1", "Ann", ""), ("b", "3", "Bob", ""))
    assert (set(keyed.there()), left(report)) == ({"1", "3"}, [])


def test_the_same_on_which_a_person_writes_is_left_with_its_id(keyed: World) -> None:
    run(keyed, ("a", "1", "Ann", ""))
    run_in_vain(keyed, LOST, ("a", "1", "Ann", ""), ("b", "2", "Bob", ""))
    [number] = [each["id"] for each in keyed.sandbox.store.contacts() if each["fields"]["External ID"] == "2"]
    keyed.sandbox.store.edit(number, {"Note": "VIP"})
    report = run(keyed, ("a", "1", "Ann", ""), ("b", "3", "Bob", ""))
    assert (set(keyed.there()), left(report), report.unknown) == ({"1", "2", "3"}, [("b", number)], 0)


def test_a_call_that_was_given_up_is_looked_for_once_more(keyed: World) -> None:
    run(keyed, ("a", "1", "Ann", ""))
    run_in_vain(keyed, NEVER_ARRIVES, ("a", "1", "Ann", ""), ("b", "2", "Bob", ""))
    keyed.later = PATIENCE + 1
    report = run(keyed, ("a", "1", "Ann", ""))
    assert (report.counts["delete"], left(report), report.exit_code) == (0, [("b", None)], 0)
    assert [each["outcome"] for each in report.settled()] == ["not found"]
    keyed.sandbox.store.add({"External ID": "2", "Name": "Bob"})  # the call is carried out after all
    report = keyed.run()
    assert (set(keyed.there()), report.counts["delete"]) == ({"1"}, 0)
    assert "deleted 1 contact that an interrupted run had left behind" in report.news


def test_it_is_looked_for_until_the_target_has_had_time_and_no_longer(keyed: World) -> None:
    run(keyed, ("a", "1", "Ann", ""))
    run_in_vain(keyed, NEVER_ARRIVES, ("a", "1", "Ann", ""), ("b", "2", "Bob", ""))
    keyed.later = PATIENCE + 1
    run(keyed, ("a", "1", "Ann", ""))
    for later, looks in ((PATIENCE + 2, 3), (3 * PATIENCE, 3), (3 * PATIENCE + 1, 1)):
        keyed.later, before = later, len(keyed.sandbox.requests)
        assert left(keyed.run()) == []
        assert len(keyed.sandbox.requests) - before == looks


def test_a_contact_that_stands_where_a_call_was_given_up_is_named_and_stays(keyed: World) -> None:
    run(keyed, ("a", "1", "Ann", ""))
    run_in_vain(keyed, NEVER_ARRIVES, ("a", "1", "Ann", ""), ("b", "2", "Bob", ""))
    keyed.later = PATIENCE + 1
    run(keyed, ("a", "1", "Ann", ""))
    number = keyed.sandbox.store.add({"External ID": "2", "Name": "Bob", "Note": "mine"})
    report = keyed.run()
    assert (left(report), set(keyed.there())) == ([("b", number)], {"1", "2"})


def test_an_update_that_is_carried_out_after_its_contact_was_deleted_leaves_nothing(keyed: World) -> None:
    run(keyed, ("a", "1", "Ann", ""), ("b", "2", "Bob", ""))
    run_in_vain(keyed, NEVER_ARRIVES, ("a", "1", "Ann", ""), ("b", "2", "Bobby", ""))
    assert run(keyed, ("a", "1", "Ann", "")).counts["delete"] == 1
    keyed.sandbox.store.add({"External ID": "2", "Name": "Bobby"})
    keyed.run()
    assert set(keyed.there()) == {"1"}


def test_a_lost_create_that_is_found_and_deleted_is_counted_once(keyed: World) -> None:
    run(keyed, ("a", "1", "Ann", ""))
    run_in_vain(keyed, LOST, ("a", "1", "Ann", ""), ("b", "2", "Bob", ""))
    report = run(keyed, ("a", "1", "Ann", ""))
    assert (report.counts["delete"], report.warnings, keyed.deletes()) == (1, [], 1)


def test_a_delete_whose_contact_another_row_has_is_handed_over_and_not_counted(keyed: World) -> None:
    run(keyed, ("a", "1", "Ann", ""), ("b", "2", "Bob", ""))
    report = run(keyed, ("c", "1", "Ann B", ""), ("b", "2", "Bob", ""))
    assert (report.counts["delete"], keyed.deletes(), set(keyed.there())) == (0, 0, {"1", "2"})
    outcomes = {each["kind"]: each["outcome"] for each in report.settled()}
    assert outcomes["delete"] == "handed over"


# Contacts that the target refuses.


@pytest.mark.parametrize("mode", ["mirror", "upsert", "update_only", "create_only"])
def test_a_refused_contact_that_leaves_its_source_is_forgotten(world: World, mode: str) -> None:
    world.write([ANN])
    world.run()
    world.sandbox.arm(POISON)
    world.write([ANN, ("66", "Poison", "2125550166")])
    assert world.run().exit_code == 3
    world.sources["tenants"]["mode"] = mode
    world.write([ANN])
    for dry_run in (True, False):
        report = world.run(dry_run=dry_run)
        assert (report.exit_code, report.rejected, report.counts["delete"]) == (0, [], 0)
        assert report.news == ["forgot the refusal of 1 contact that the source no longer asks for: 66"]
    for full in (False, True):
        report = world.run(full=full)
        assert (report.exit_code, report.news, report.warnings, world.deletes()) == (0, [], [], 0)


@pytest.mark.parametrize("mode", ["mirror", "upsert", "update_only", "create_only"])
def test_a_refused_contact_is_forgotten_also_if_its_source_is_empty_now(world: World, mode: str) -> None:
    world.sandbox.arm(POISON)
    world.write([("66", "Poison", "2125550166")])
    assert world.run().exit_code == 3
    world.sources["tenants"]["mode"] = mode
    world.write([])
    report = world.run()
    assert (report.exit_code, report.rejected, len(report.news)) == (0, [], 1)
    world.write([("66", "Poison", "2125550166")])
    world.sources["tenants"]["mode"] = "mirror"
    assert [each["key"] for each in world.run().rejected] == ["66"]


def test_a_refused_update_whose_row_leaves_stays_as_it_was_sent_before(world: World) -> None:
    world.sources["tenants"]["mode"] = "upsert"
    world.write([ANN, BOB])
    world.run()
    world.sandbox.arm(POISON)
    world.write([ANN, ("2", "Poison", "2125550102")])
    assert world.run().exit_code == 3
    world.sandbox.disarm()
    world.write([ANN])
    assert (world.run().exit_code, world.there()["2"]["Name"]) == (0, BOB[1])
    world.write([ANN, ("2", "Bobby", "2125550102")])
    assert world.run().counts["update"] == 1


def test_a_refused_contact_that_the_mode_does_not_send_any_more_is_forgotten(world: World) -> None:
    world.sandbox.arm(POISON)
    world.write([ANN, ("66", "Poison", "2125550166")])
    world.run()
    world.sources["tenants"]["mode"] = "update_only"
    report = world.run()
    assert (report.exit_code, report.rejected) == (0, [])


def test_a_refused_contact_is_not_forgotten_by_a_read_that_may_lack_rows(world: World) -> None:
    world.sandbox.arm(POISON)
    world.sources["tenants"]["canaries"] = ["1"]
    world.write([ANN, BOB, ("66", "Poison", "2125550166")])
    world.run()
    world.write([BOB])
    assert world.run().counts["rejected"] == 1


# Takeovers that only the answer shows.


EQUAL = [("José", "Jose"), ("jose", "JOSÉ"), ("12 Main St", "12-Main-St."), ("１２", "12"), ("A  B", "A B")]
EQUAL += [("O’Hara", "O'Hara")]


@pytest.mark.parametrize(("equal", "kept"), crossed(EQUAL, ["sent", "stored"]))
def test_a_persons_contact_that_the_target_takes_for_equal_counts_as_adopted(
    world: World, equal: tuple[str, str], kept: str
) -> None:
    theirs, ours = equal
    world.sandbox.dialect("match_letters", "plain")
    world.sandbox.dialect("match_kept", kept)
    number = world.sandbox.store.add({"External ID": theirs, "Name": "By hand", "Note": "VIP"})
    world.write([(ours, "Ann", "2125550101")])
    report = world.run()
    assert (report.counts["create"], report.counts["adopt"], report.unknown) == (0, 1, 0)
    [change] = report.settled()
    assert (change["kind"], change["id"]) == ("adopt", number)
    assert change["fields"]["Name"] == {"old": "By hand", "new": "Ann"}
    assert world.run(full=True).counts["unchanged"] == 1
    with world.state() as state:
        [entry] = state.history.changes()
        assert (entry["kind"], entry["before"]["Name"]) == ("adopt", "By hand")
    world.write([("9", "Bob", "")])
    report = world.run()
    assert (left(report), len(world.there())) == ([(ours, number)], 2)


def test_a_move_onto_a_persons_contact_says_so_and_what_changed_on_it(keyed: World) -> None:
    run(keyed, ("a", "1", "Ann", ""))
    number = keyed.sandbox.store.add({"External ID": "2", "Name": "By hand"})
    with keyed.state() as state:
        state.execute("DELETE FROM fact WHERE name LIKE 'first load%'")  # so that the target is listed
    report = run(keyed, ("a", "2", "Ann", ""), ("b", "3", "Bob", ""))
    [change] = [each for each in report.settled() if each["kind"] == "move"]
    assert (change["id"], change["why"]) == (number, "it took over a contact that the target had before")
    assert change["fields"] == {"Name": {"old": "By hand", "new": "Ann"}}
    assert report.counts["move"] == 1


def test_a_takeover_of_a_contact_that_was_not_listed_says_that_its_values_are_not_known(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "Ann", "Note": "VIP"})
    for name in ("Ann", "Anna"):  # so that it is known that updates leave the note alone, and nothing is looked up
        world.write([("1", name, "")])
        world.run()
    world.sandbox.store.add({"External ID": "2", "Name": "By hand"})
    world.write([("1", "Anna", ""), ("2", "Bob", "")])
    report = world.run()
    assert (report.counts["create"], report.counts["adopt"]) == (0, 1)
    [change] = report.settled()
    assert (change["kind"], change["why"]) == ("adopt", "the target had it before; what it held then is not known")


def test_explain_lists_what_was_left(keyed: World) -> None:
    number = adopted(keyed)
    run(keyed, ("a", "2", "Ann", ""))
    settings = keyed.settings()
    with open_session(settings, dry_run=True) as session:
        found = explain(session, settings.sources["tenants"], "a")
    assert [(each["id"], each["why"]) for each in found.left] == [(number, "adopted")]
    run(keyed, ("b", "9", "Bob", ""))
    with open_session(settings, dry_run=True) as session:
        assert [each["id"] for each in explain(session, settings.sources["tenants"], "a").left] == [number]


def test_the_screen_and_the_json_of_a_run_name_what_is_left(keyed: World, capsys: pytest.CaptureFixture[str]) -> None:
    number = adopted(keyed)
    keyed.write([("a", "2", "Ann", "")], header=HEADER)
    config = keyed.folder / "syncd.yaml"
    for options in (["--dry-run"], []):
        assert main(["run", "--config", str(config), *options]) == 0
        assert f"leaves adopted contact {number}" in capsys.readouterr().out
    assert main(["explain", "--config", str(config), "tenants", "a"]) == 0
    assert f"left      id {number}, since" in capsys.readouterr().out
    assert main(["explain", "--config", str(config), "tenants", "a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["left"][0]["id"] == number
    keyed.write([("a", "3", "Ann", ""), ("b", "1", "Bob", "")], header=HEADER)
    assert main(["run", "--config", str(config), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sources"][0]["left"] == []
