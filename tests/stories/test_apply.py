"""A plan that is shown first and applied later: exactly its changes are made, or they are refused with the reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.worlds.commands import PEOPLE, Command
from tests.worlds.planning import Desk, renamed
from tests.worlds.world import FIELDS, World

ANN, BOB, CY, DEE, EVE = PEOPLE[:5]


@pytest.fixture
def desk(company: World, syncd: Command) -> Desk:
    """Ann, Bob, Cy and Dee are at the target."""
    made = Desk(company, syncd)
    made.run(ANN, BOB, CY, DEE)
    return made


def test_a_plan_of_every_kind_of_change_is_made_as_it_was_shown(desk: Desk) -> None:
    shown = desk.plan(renamed(ANN), BOB, CY, EVE)
    assert {kind: shown["counts"][kind] for kind in ("create", "update", "delete")} == {
        "create": 1,
        "update": 1,
        "delete": 1,
    }
    assert (desk.company.folder / "the.plan").stat().st_mode & 0o777 == 0o600
    code, report = desk.apply()
    [source] = report["sources"]
    assert (code, report["exit"], report["dry_run"], source["refused"]) == (0, 0, False, [])
    assert [(each["kind"], each["key"], each["outcome"]) for each in source["changes"]] == [
        ("create", EVE[0], "accepted"),
        ("update", ANN[0], "accepted"),
        ("delete", DEE[0], "accepted"),
    ]
    assert desk.names() == {"1": "Renamed", "2": BOB[1], "3": CY[1], "5": EVE[1]}
    assert desk.syncd("run", "--dry-run", "--exit-code")[0] == 0


def test_a_first_load_can_be_shown_and_applied_before_there_is_a_state(company: World, syncd: Command) -> None:
    desk = Desk(company, syncd)
    assert desk.plan(ANN, BOB)["counts"]["create"] == 2
    assert not (company.folder / "syncd.db").exists()
    assert desk.apply()[0] == 0
    assert desk.names() == {"1": ANN[1], "2": BOB[1]}


def test_changes_that_are_not_in_the_plan_wait_for_the_next_run(desk: Desk) -> None:
    desk.plan(renamed(ANN), BOB, CY, DEE)
    desk.export(renamed(ANN), renamed(BOB), CY, EVE)
    code, report = desk.apply()
    assert (code, report["sources"][0]["counts"]["update"], report["sources"][0]["held"]) == (0, 1, [])
    assert desk.names() == {"1": "Renamed", "2": BOB[1], "3": CY[1], "4": DEE[1]}
    assert "3 changes that are not in the plan wait for the next run" in report["sources"][0]["warnings"]
    assert desk.syncd("run")[0] == 0
    assert desk.names() == {"1": "Renamed", "2": "Renamed", "3": CY[1], "5": EVE[1]}


def test_a_row_that_says_something_else_is_refused(desk: Desk) -> None:
    desk.plan(renamed(ANN), renamed(BOB), renamed(CY), EVE)
    desk.export(renamed(ANN, "Other"), BOB, renamed(CY), DEE)
    # Ann is called otherwise again, Bob as before, Dee is back, and Eve is gone.
    assert desk.refused() == (3, {"1": "row changed", "2": "row changed", "4": "row changed", "5": "gone"})
    assert desk.names() == {"1": ANN[1], "2": BOB[1], "3": "Renamed", "4": DEE[1]}
    assert desk.syncd("run")[0] == 0
    assert desk.names()["1"] == "Other"


def test_a_row_that_left_or_is_not_wanted_any_more_is_refused(desk: Desk) -> None:
    desk.company.sources["tenants"]["where"] = "name <> 'former'"
    desk.plan(renamed(ANN), renamed(BOB), CY, DEE, EVE)
    desk.export(renamed(BOB, "former"), CY, DEE, EVE)
    assert desk.refused() == (3, {"1": "gone", "2": "row changed"})
    assert set(desk.names()) == {"1", "2", "3", "4", "5"}


def test_a_row_that_became_invalid_is_refused(desk: Desk) -> None:
    desk.company.sources["tenants"]["mapping"]["Name"] = {"from": "name", "empty": "reject"}
    desk.plan(renamed(ANN), renamed(BOB), CY, EVE)
    desk.export(renamed(ANN, ""), renamed(BOB), CY, EVE)
    assert desk.refused() == (3, {"1": "row changed"})
    assert desk.names()["1"] == ANN[1]


def test_a_contact_that_was_changed_since_is_refused(desk: Desk) -> None:
    desk.plan(renamed(ANN), BOB, CY, DEE)
    desk.run(renamed(ANN, "Between"), BOB, CY, DEE)
    desk.export(renamed(ANN), BOB, CY, DEE)
    assert desk.refused() == (3, {"1": "contact changed"})
    assert desk.names()["1"] == "Between"


def test_what_a_run_has_made_since_is_told_as_made(desk: Desk) -> None:
    desk.plan(renamed(ANN), BOB, CY, EVE)
    desk.run(renamed(ANN), BOB, CY, EVE)
    posts = desk.company.writes()
    assert desk.refused() == (3, {"1": "already made", "4": "already made", "5": "already made"})
    assert desk.company.writes() == posts


def test_a_person_made_the_contact_meanwhile(company: World, syncd: Command) -> None:
    desk = Desk(company, syncd)
    desk.plan(ANN, BOB)
    company.sandbox.store.add({"External ID": "1", "Name": "By hand"})
    assert desk.refused() == (3, {"1": "contact changed"})
    assert desk.names() == {"1": "By hand", "2": BOB[1]}


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        (
            [{**FIELDS[0]}, FIELDS[1], {**FIELDS[2], "is_phone": False}],
            {"1": "field changed", "4": "field changed", "5": "field changed"},
        ),
        (
            [*FIELDS[:2], {**FIELDS[2], "name": "Number"}],
            {"1": "field changed", "4": "field changed", "5": "field changed"},
        ),
        ([*FIELDS[:2]], {"1": "field changed", "4": "field changed", "5": "field changed"}),
        ([*FIELDS, {"id": 9, "name": "New"}], {}),
    ],
)
def test_fields_that_changed_at_the_target_refuse_what_speaks_of_them(
    desk: Desk, fields: list[dict[str, Any]], refused: dict[str, str]
) -> None:
    desk.plan(renamed(ANN), BOB, CY, EVE)
    desk.company.sandbox.store.set_fields(fields)
    code, found = desk.refused()
    assert (code, found) == (3 if refused else 0, refused)
    assert ("1", "Renamed") in desk.names().items() if not refused else desk.names()["1"] == ANN[1]


def test_held_changes_stay_held_and_are_reported(desk: Desk) -> None:
    desk.export(renamed(ANN))
    desk.company.sources["tenants"]["deletes"] = {"at_most": {"free": 0, "count": 1}}
    desk.company.settings()
    assert desk.syncd("run", "--dry-run", "--plan", "the.plan")[0] == 3
    code, report = desk.apply()
    [source] = report["sources"]
    assert (code, source["refused"], source["counts"]["held"]) == (3, [], 3)
    assert set(desk.names()) == {"1", "2", "3", "4"}
    digest = source["held"][0]["digest"]
    assert desk.syncd("approve", "tenants", digest)[0] == 0
    # The approval is for a run: a plan of before does not use it up.
    desk.export(renamed(ANN))
    assert desk.syncd("run")[0] == 0
    assert set(desk.names()) == {"1"}


def test_a_gate_that_holds_now_what_the_plan_has_keeps_it(desk: Desk) -> None:
    desk.plan(ANN, BOB, CY)
    desk.export()
    code, report = desk.apply()
    [source] = report["sources"]
    assert (code, source["refused"], source["counts"]["held"], desk.company.deletes()) == (3, [], 4, 0)


def test_an_applied_plan_is_in_the_history_and_can_be_undone(desk: Desk) -> None:
    desk.plan(renamed(ANN), BOB, CY, EVE)
    run = desk.apply()[1]["run"]
    [newest, *_] = json.loads(desk.syncd("history", "--json")[1])["runs"]
    assert (newest["run"], newest["kind"], newest["counts"]["update"]) == (run, "apply", 1)
    assert desk.syncd("undo", run)[0] == 0
    assert desk.names() == {"1": ANN[1], "2": BOB[1], "3": CY[1], "4": DEE[1]}


def test_a_plan_of_several_sources_is_applied_in_their_order(desk: Desk) -> None:
    more = {**desk.company.sources["tenants"], "options": {"path": "more.csv", "settle": 0}}
    desk.company.sources["more"] = more
    desk.company.write([("m1", "Mo", "2125550900")], "more.csv")
    desk.plan(renamed(ANN), BOB, CY, DEE)
    code, report = desk.apply()
    assert (code, [each["source"] for each in report["sources"]]) == (0, ["tenants", "more"])
    assert desk.names()["m1"] == "Mo"


def test_the_text_shows_what_is_refused(desk: Desk) -> None:
    desk.plan(renamed(ANN), BOB, CY, DEE)
    desk.export(ANN, BOB, CY, DEE)
    code, out, _ = desk.syncd("apply", "the.plan")
    assert code == 3
    assert "refused: 1 change that the plan has and that is not made any more" in out
    assert "update 1: row changed" in out
    assert "1 refused" in out.splitlines()[-1]
