"""A plan that is applied only in part gives no contact a number that another one keeps, and passes no gate by that."""

from __future__ import annotations

from typing import Any

import pytest

from tests.worlds.commands import PEOPLE, Command
from tests.worlds.planning import Desk, renamed
from tests.worlds.shared_numbers import numbers
from tests.worlds.world import World

ANN, BOB, CY = PEOPLE[:3]
BOTH = (BOB[0], BOB[1], f"{ANN[2]};{BOB[2]}")


@pytest.fixture
def desk(company: World, syncd: Command) -> Desk:
    return Desk(company, syncd)


@pytest.fixture
def sharing(desk: Desk) -> Desk:
    """Ann has the number that Bob's row has, too."""
    desk.company.sources["tenants"]["phones"] = {"shared": "first"}
    desk.run(ANN, BOTH)
    desk.run(ANN, BOTH)
    assert numbers(desk.company) == {"1": ANN[2], "2": BOB[2]}
    return desk


@pytest.mark.parametrize(
    ("planned", "now"),
    [
        ([(*ANN[:2], CY[2]), BOTH], [(ANN[0], "Other", CY[2]), BOTH]),
        ([(*ANN[:2], CY[2]), BOTH], [BOTH]),
        ([BOTH], [(*ANN[:2], CY[2]), BOTH]),
    ],
    ids=["changed otherwise", "left", "stays"],
)
def test_a_number_is_given_only_with_the_change_that_takes_it_away(sharing: Desk, planned: Any, now: Any) -> None:
    sharing.plan(*planned)
    sharing.export(*now)
    code, refused = sharing.refused()
    assert (code, refused["2"]) == (3, "contact changed")
    assert numbers(sharing.company) == {"1": ANN[2], "2": BOB[2]}
    assert sharing.syncd("run")[0] == 0
    assert numbers(sharing.company)["2"] == f"{ANN[2]};{BOB[2]}"
    assert numbers(sharing.company).get("1") in {CY[2], None}


def test_both_changes_of_one_number_are_made_together(sharing: Desk) -> None:
    sharing.plan((*ANN[:2], CY[2]), BOTH)
    assert sharing.refused() == (0, {})
    assert numbers(sharing.company) == {"1": CY[2], "2": f"{ANN[2]};{BOB[2]}"}


def test_a_gate_that_the_whole_plan_passes_is_not_passed_by_a_part_of_it(desk: Desk) -> None:
    front_desk = [(f"{n}", f"Desk {n}", "2125559000") for n in range(10)]
    people = [(f"{n}", f"Person {n}", f"917555{n:04}") for n in range(100, 150)]
    desk.plan(*front_desk, *people)
    desk.export(*front_desk, *people[:5], *map(renamed, people[5:]))
    code, report = desk.apply()
    [source] = report["sources"]
    assert (code, len(source["refused"]), source["counts"]["create"]) == (3, 45, 5)
    assert [(each["gate"], each["count"]) for each in source["held"]] == [("numbers.same", 10)]
    assert set(desk.names()) == {key for key, *_ in people[:5]}
    # The run makes all changes, of which those are a small part.
    assert desk.syncd("run")[0] == 0
    assert len(desk.names()) == 60
