"""Gates of numbers in whole runs: what they hold, what goes on, and what an approval lets through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.report.source_report import SourceReport
from syncd.run.session import open_session
from syncd.undo import undo_source
from tests.worlds.commands import Command
from tests.worlds.tenants import MANY
from tests.worlds.world import World

FRONT_DESK = "(212) 555-9000"


@pytest.fixture
def loaded(world: World) -> World:
    """Thirty contacts with a number each are at the target; gates of updates are wide open."""
    world.sources["tenants"]["updates"] = {"at_most": {"share": "100%"}}
    world.write(MANY)
    world.run()
    return world


def gates(report: SourceReport) -> dict[str, int]:
    return {held.gate: held.count for held in report.held}


def test_a_column_that_is_filled_down_changes_nobody_until_it_is_approved(loaded: World) -> None:
    loaded.write([(key, name, MANY[0][2]) for key, name, _ in MANY])
    report = loaded.run()
    assert (report.exit_code, gates(report)) == (3, {"numbers.same": 29, "numbers.lost": 29})
    assert {each["Phone"] for each in loaded.there().values()} == {phone for _, _, phone in MANY}
    with loaded.state() as state:
        for digest in {held.digest for held in report.held}:
            state.holds.approve("tenants", digest)
    assert loaded.run().counts["update"] == 29
    assert {each["Phone"] for each in loaded.there().values()} == {MANY[0][2]}


def test_numbers_that_stand_one_row_too_far_down_change_nobody(loaded: World) -> None:
    phones = ["", *(phone for _, _, phone in MANY[:-1])]
    loaded.write([(key, name, phone) for (key, name, _), phone in zip(MANY, phones, strict=True)])
    assert gates(loaded.run()) == {"numbers.lost": 30}


def test_a_first_load_with_one_number_for_many_waits_for_these_alone(world: World) -> None:
    world.write([(key, name, FRONT_DESK if int(key) <= 10 else phone) for key, name, phone in MANY])
    report = world.run()
    assert (gates(report), report.counts["create"]) == ({"numbers.same": 10}, 20)
    assert len(world.there()) == 20


def test_a_number_that_comes_to_many_contacts_waits(world: World) -> None:
    world.numbers = {"at_most": {"contacts": 5, "same": "100%"}}
    world.write([(key, name, FRONT_DESK if int(key) <= 6 else phone) for key, name, phone in MANY])
    assert gates(world.run()) == {"numbers.contacts": 6}


def test_own_and_emergency_numbers_wait_until_they_leave_the_source(loaded: World) -> None:
    loaded.numbers = {"own": ["+1 212 555 9000"]}
    loaded.write([("1", "Tenant 1", FRONT_DESK), ("2", "Tenant 2", "911"), ("3", "Renamed", MANY[2][2]), *MANY[3:]])
    report = loaded.run()
    assert (gates(report), report.counts["update"]) == ({"numbers.forbidden": 2}, 1)
    loaded.write(MANY)
    assert loaded.run().exit_code == 0


def test_a_contact_with_an_own_number_may_change_otherwise(loaded: World) -> None:
    loaded.numbers = {"own": [MANY[0][2]]}
    loaded.write([("1", "Renamed", MANY[0][2]), *MANY[1:]])
    assert loaded.run().counts["update"] == 1


def test_the_known_numbers_are_those_of_the_source_whether_or_not_an_index_is_there(loaded: World) -> None:
    with loaded.state() as state:
        assert state.holders.count("tenants", {"Phone"}) == 30
        state.holders.refresh({"Phone"})
    loaded.write([("1", "Tenant 1", "2125550001, 2125550901"), *MANY[1:], ("99", "New", "2125550999")])
    loaded.run()
    with loaded.state() as state:
        assert state.holders.count("tenants", {"Phone"}) == 32
        state.holders.refresh({"Phone"})
        assert (state.holders.count("tenants", {"Phone"}), state.holders.count("other", {"Phone"})) == (32, 0)


def test_an_undo_that_brings_an_own_number_back_waits_too(loaded: World) -> None:
    loaded.write([("1", "Tenant 1", "2125550777"), *MANY[1:]])
    loaded.run()
    loaded.numbers = {"own": [MANY[0][2]]}
    loaded.settings()
    with loaded.state() as state:
        run = next(state.history.runs())["run"]
    assert undone(loaded, run) == {"numbers.forbidden": 1}
    assert loaded.there()["1"]["Phone"] == "2125550777"


def undone(world: World, run: str) -> dict[str, int]:

    settings = world.settings()
    with open_session(settings) as session:
        report = SourceReport("tenants", undoes=run)
        undo_source(session, settings.sources["tenants"], report, ())
        return gates(report)


def test_the_commands_show_and_approve_a_gate_of_numbers_without_its_number(company: World, syncd: Command) -> None:
    company.write([(str(n), f"Person {n}", FRONT_DESK) for n in range(1, 11)])
    code, out, err = syncd("run", "--json")
    report: dict[str, Any] = json.loads(out)
    [held] = report["sources"][0]["held"]
    assert (code, held["gate"], held["count"]) == (3, "numbers.same", 10)
    assert "2125559000" not in held["detail"] + err
    out = syncd("run", "--dry-run")[1]
    assert "keys 1, 10, 2, 3, 4 and 5 more; --changes FILE shows their numbers" in out
    assert "numbers.same" in syncd("status")[1]
    assert syncd("approve", "tenants", held["digest"])[0] == 0
    assert syncd("run")[0] == 0
    assert len(company.there()) == 10
