"""An application that was broken off goes on, and no read is passed over that an application did not finish."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.state import State
from tests.worlds.commands import PEOPLE, Command, environment
from tests.worlds.patience import until
from tests.worlds.planning import Desk, renamed
from tests.worlds.runs import last_run
from tests.worlds.sql_sqlite_file import SqliteFile
from tests.worlds.tenants import LOST_DELETES, LOST_POSTS
from tests.worlds.world import World

ANN, BOB, CY, DEE, EVE = PEOPLE[:5]


@pytest.fixture
def desk(company: World, syncd: Command) -> Desk:
    return Desk(company, syncd)


def test_what_was_made_before_the_target_failed_is_told_when_the_plan_is_applied_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.push.upserts.BATCH", 10)
    desk.company.target["in_flight"] = 1
    desk.plan(*PEOPLE)
    desk.company.sandbox.arm({"kind": "status", "status": 503, "method": "POST", "after": 2, "times": None})
    assert desk.apply()[0] == 4
    made = set(desk.names())
    assert len(made) == 20
    desk.company.sandbox.disarm()
    code, refused = desk.refused()
    assert (code, refused) == (3, dict.fromkeys(made, "already made"))
    assert len(desk.names()) == 40
    assert desk.syncd("apply", "the.plan")[0] == 2


def test_changes_of_unknown_outcome_are_made_again_as_they_were_planned(desk: Desk) -> None:
    desk.company.sandbox.store.add({"External ID": "3", "Name": "By hand", "Phone": "2125550003"})
    desk.run(ANN, BOB)
    desk.run(ANN, BOB)
    desk.plan(renamed(ANN), CY, DEE)
    desk.company.sandbox.arm(LOST_POSTS)
    desk.company.sandbox.arm(LOST_DELETES)
    assert desk.apply()[0] == 4
    desk.company.sandbox.disarm()
    code, report = desk.apply()
    [source] = report["sources"]
    assert (code, source["refused"]) == (0, [])
    assert desk.names() == {"1": "Renamed", "3": CY[1], "4": DEE[1]}
    assert desk.syncd("run", "--dry-run", "--exit-code")[0] == 0


def test_a_killed_application_goes_on(desk: Desk) -> None:
    people = [(f"{n}", f"Person {n}", f"917555{n:04}") for n in range(3_000)]
    desk.company.target["in_flight"] = 1
    desk.plan(*people)
    command = [sys.executable, "-m", "syncd", "apply", "the.plan"]
    with subprocess.Popen(command, env=environment(), cwd=desk.company.folder, stderr=subprocess.DEVNULL) as process:
        until(lambda: desk.company.posts() >= 2 or process.poll() is not None)
        process.kill()
    made = len(desk.company.there())
    assert 0 < made < len(people)
    code, refused = desk.refused()
    assert code in {0, 3}
    assert set(refused.values()) <= {"already made"}
    assert len(desk.company.there()) == len(people)


@pytest.fixture
def people(desk: Desk) -> SqliteFile:
    """A table that is read from where the last read ended; two people are at the target."""
    server = SqliteFile(desk.company.folder / "people.db")
    server.run("CREATE TABLE people (id TEXT, name TEXT, changed INT)")
    desk.company.sources["tenants"] |= {
        "connector": "sql",
        "options": {"url": server.url, "table": "people", "cursor": {"column": "changed", "type": "number"}},
        "mapping": {"External ID": "id", "Name": "name"},
    }
    desk.company.settings()
    server.run("INSERT INTO people VALUES ('1', 'Ann', 1), ('2', 'Bob', 1)")
    assert desk.syncd("run")[0] == 0
    return server


def test_rows_that_an_application_does_not_send_are_read_again(desk: Desk, people: SqliteFile) -> None:
    people.run("UPDATE people SET name = 'Anna', changed = 2 WHERE id = '1'")
    assert desk.plan()["read"] == "partial"
    people.run("UPDATE people SET name = 'Bert', changed = 3 WHERE id = '2'")
    code, report = desk.apply()
    assert (code, report["sources"][0]["read"]) == (0, "partial")
    assert desk.names() == {"1": "Anna", "2": "Bob"}
    assert desk.syncd("run")[0] == 0
    assert desk.names() == {"1": "Anna", "2": "Bert"}


def test_an_application_that_makes_everything_moves_the_cursor_as_a_run_does(desk: Desk, people: SqliteFile) -> None:
    people.run("INSERT INTO people VALUES ('3', 'Cy', 5)")
    desk.plan()
    assert desk.apply()[0] == 0
    report = json.loads(desk.syncd("run", "--json")[1])["sources"][0]
    assert (report["read"], report["counts"]["unchanged"]) == ("partial", 0)
    assert desk.names() == {"1": "Ann", "2": "Bob", "3": "Cy"}


def test_a_first_load_of_which_a_part_is_applied_still_looks_for_what_is_there(desk: Desk) -> None:
    desk.plan(ANN, BOB)
    desk.company.sandbox.store.add({"External ID": "5", "Name": "By hand"})
    desk.export(ANN, BOB, EVE)
    assert desk.apply()[0] == 0
    with desk.company.state() as state:
        assert state.facts.first_load("tenants").get() is None
    report = json.loads(desk.syncd("run", "--dry-run", "--json")[1])["sources"][0]
    assert (report["counts"]["adopt"], report["counts"]["create"]) == (1, 0)


def test_an_adopted_contact_is_let_go_by_a_run_and_not_by_a_plan(desk: Desk) -> None:
    desk.company.sandbox.store.add({"External ID": "2", "Name": "By hand"})
    desk.run(ANN, BOB, CY)
    desk.plan(renamed(ANN), CY)
    code, report = desk.apply()
    assert (code, report["sources"][0]["warnings"]) == (0, [])
    warnings = json.loads(desk.syncd("run", "--json")[1])["sources"][0]["warnings"]
    assert any("adopted" in each for each in warnings)


def test_an_approval_that_came_after_the_plan_is_not_used_up(desk: Desk) -> None:
    desk.company.sources["tenants"]["deletes"] = {"at_most": {"free": 0, "count": 1}}
    desk.run(ANN, BOB, CY)
    desk.export(renamed(ANN))
    assert desk.syncd("run", "--dry-run", "--plan", "the.plan")[0] == 3
    digest = json.loads(desk.syncd("run", "--json")[1])["sources"][0]["held"][0]["digest"]
    assert desk.syncd("approve", "tenants", digest)[0] == 0
    code, refused = desk.refused()
    assert (code, refused) == (3, {"1": "already made"})
    assert set(desk.names()) == {"1", "2", "3"}
    assert desk.syncd("run")[0] == 0
    assert set(desk.names()) == {"1"}


def test_a_restored_backup_keeps_the_name_of_the_state_file(desk: Desk, tmp_path: Path) -> None:
    desk.run(ANN)
    with desk.company.state() as state:
        name = state.plans.identity()
    assert name is not None
    (tmp_path / "backup.db").write_bytes((desk.company.folder / "syncd.db").read_bytes())
    with State(tmp_path / "backup.db") as restored:
        assert restored.plans.identity() == name


def test_a_number_that_moves_between_contacts_is_one_contacts_after_the_next_run(desk: Desk) -> None:
    desk.company.sources["tenants"]["phones"] = {"shared": "first"}
    desk.run(ANN, BOB, CY)
    # The plan gives Bob another number; then a row comes that goes before his.
    desk.plan(ANN, (BOB[0], BOB[1], f"{BOB[2]}, {EVE[2]}"), CY)
    desk.export(ANN, (BOB[0], BOB[1], f"{BOB[2]}, {EVE[2]}"), CY, DEE, ("0", "Zed", EVE[2]))
    code, refused = desk.refused()
    assert code in {0, 3}
    assert desk.syncd("run")[0] == 0
    assert desk.syncd("run")[0] == 0
    there = {key: fields.get("Phone", "") for key, fields in desk.company.there().items()}
    assert [key for key, phone in there.items() if EVE[2] in phone] == ["0"], refused


def test_an_undone_change_stays_undone_while_the_change_that_follows_it_is_not_made(desk: Desk) -> None:
    desk.company.sources["tenants"]["updates"] = {"at_most": {"share": "100%"}}
    desk.run(ANN, BOB)
    desk.run(renamed(ANN), BOB)
    assert desk.syncd("undo", last_run(desk.company))[0] == 0
    desk.export(renamed(ANN), renamed(BOB))
    assert desk.syncd("run", "--dry-run", "--plan", "the.plan")[0] == 3
    # Ann's row asks for something new now, which the plan does not have.
    desk.export(renamed(ANN, "Other"), renamed(BOB))
    assert desk.apply()[0] == 0
    desk.export(renamed(ANN), renamed(BOB))
    assert desk.syncd("run")[0] == 3
    assert desk.names() == {"1": ANN[1], "2": "Renamed"}


def test_an_application_that_makes_the_change_after_an_undo_lets_the_undo_go(desk: Desk) -> None:
    desk.run(ANN)
    desk.run(renamed(ANN))
    assert desk.syncd("undo", last_run(desk.company))[0] == 0
    desk.plan(renamed(ANN, "Other"))
    assert desk.apply()[0] == 0
    desk.run(renamed(ANN))
    assert desk.names() == {"1": "Renamed"}


def test_an_undo_whose_row_is_as_the_target_again_is_let_go_by_a_run_and_not_by_a_plan(desk: Desk) -> None:
    desk.run(ANN, BOB)
    desk.run(renamed(ANN), BOB)
    assert desk.syncd("undo", last_run(desk.company))[0] == 0
    desk.plan(ANN, renamed(BOB))
    assert desk.apply()[0] == 0
    with desk.company.state() as state:
        assert state.holds.undone("tenants").get_column("@key").to_list() == ["1"]
    assert desk.syncd("run")[0] == 0
    with desk.company.state() as state:
        assert state.holds.undone("tenants").is_empty()
