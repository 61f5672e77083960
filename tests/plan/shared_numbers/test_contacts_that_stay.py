"""A contact that stays as it is at the target keeps its numbers, whatever its row asks for; nobody else gets them."""

from __future__ import annotations

import pytest

from tests.worlds.runs import last_run, undo
from tests.worlds.shared_numbers import ONE, THREE, TWO, numbers, owners, settled, tenants
from tests.worlds.world import World

POISON = {"kind": "poison", "field": "Name", "value": "Poison", "times": None}


def test_a_number_stays_with_a_contact_whose_delete_is_held(company: World) -> None:
    company.sources["tenants"]["deletes"] = {"at_most": {"free": 0, "count": 0}}
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", f"{ONE};{TWO}"))
    company.run_all()
    tenants(company, ("2", "Bo", f"{ONE};{TWO}"))
    report = company.run("tenants")
    assert report.counts["held"] == 1
    assert numbers(company) == {"1": ONE, "2": TWO}
    [held] = [each for each in report.held if each.kind == "delete"][:1]
    with company.state() as state:
        state.holds.approve("tenants", held.digest)
    company.run("tenants")
    assert numbers(company) == {"2": f"{ONE};{TWO}"}


def test_a_number_stays_with_a_contact_whose_row_is_invalid(company: World) -> None:
    company.sources["tenants"]["mapping"]["Name"] = {"from": "name", "empty": "reject"}
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", ONE))
    settled(company)
    tenants(company, ("1", "", THREE), ("2", "Bo", ONE))
    company.run_all()
    assert numbers(company) == {"1": ONE, "2": ""}
    tenants(company, ("1", "Ann", THREE), ("2", "Bo", ONE))
    company.run_all()
    assert numbers(company) == {"1": THREE, "2": ONE}


def test_an_invalid_row_claims_no_number_that_its_contact_does_not_have(company: World) -> None:
    company.sources["tenants"]["mapping"]["Name"] = {"from": "name", "empty": "reject"}
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", f"{ONE};{TWO}"), ("3", "Cy", f"{ONE}"))
    settled(company)
    tenants(company, ("2", "", f"{ONE};{TWO}"), ("3", "Cy", ONE))
    company.run_all()
    assert numbers(company) == {"2": TWO, "3": ONE}
    # As it was: the same row as the one that was sent last.
    tenants(company, ("2", "Bo", f"{ONE};{TWO}"), ("3", "Cy", ONE))
    company.run_all()
    assert numbers(company) == {"2": f"{ONE};{TWO}", "3": ""}
    settled(company)


def test_a_contact_that_the_target_refuses_takes_no_number_away(company: World) -> None:
    tenants(company, ("2", "Bo", ONE))
    company.run_all()
    company.sandbox.arm(POISON)
    tenants(company, ("1", "Poison", ONE), ("2", "Bo", ONE))
    company.run_all()
    for _ in range(2):
        company.run_all()
    assert numbers(company) == {"2": ONE}
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", ONE))
    company.run_all()
    assert numbers(company) == {"1": ONE, "2": ""}


def test_a_number_stays_with_a_contact_whose_update_is_held(company: World) -> None:
    company.sources["tenants"]["updates"] = {"at_most": {"share": "10%"}}
    rest = [(str(n), f"Tenant {n}", f"21255502{n:02}") for n in range(20, 40)]
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", TWO), *rest)
    company.run_all()
    moved = [(key, f"{name} x", phone) for key, name, phone in rest]
    # Its row gives the number up, and a new contact wants it.
    tenants(company, ("1", "Ann", THREE), ("2", "Bo", TWO), *moved, ("5", "Eve", ONE))
    report = company.run("tenants")
    assert report.counts["held"] == 21
    assert (numbers(company)["1"], numbers(company)["5"]) == (ONE, "")
    again = company.run("tenants")
    assert [held.digest for held in again.held] == [held.digest for held in report.held]
    with company.state() as state:
        state.holds.approve("tenants", report.held[0].digest)
    company.run("tenants")
    assert numbers(company)["1"] == THREE
    # It was not in the list that was approved.
    company.run("tenants")
    assert numbers(company)["5"] == ONE


def test_a_source_that_changes_no_contact_keeps_its_numbers(company: World) -> None:
    company.sources["owners"]["mode"] = "create_only"
    owners(company, ("3", "Cy", ONE))
    company.run_all()
    tenants(company, ("1", "Ann", ONE))
    settled(company)
    assert numbers(company) == {"1": ONE, "3": ONE}


@pytest.mark.parametrize("mode", ["upsert", "update_only"])
def test_a_contact_whose_row_has_left_keeps_its_number_if_nothing_is_deleted(company: World, mode: str) -> None:
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", ONE), ("4", "Dee", TWO))
    settled(company)
    company.sources["tenants"]["mode"] = mode
    tenants(company, ("2", "Bo", ONE), ("4", "Dee", TWO))
    settled(company)
    assert numbers(company) == {"1": ONE, "2": "", "4": TWO}


def test_an_undone_change_stays_undone(company: World) -> None:
    tenants(company, ("2", "Bo", f"{ONE};{TWO}"))
    company.run_all()
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", f"{ONE};{TWO}"))
    company.run("tenants")
    assert numbers(company) == {"1": ONE, "2": TWO}
    undo(company, last_run(company))
    assert numbers(company) == {"2": f"{ONE};{TWO}"}
    for _ in range(2):
        company.run_all()
        assert numbers(company) == {"2": f"{ONE};{TWO}"}
    tenants(company, ("1", "Ann Lee", ONE), ("2", "Bo Lee", f"{ONE};{TWO}"))
    company.run("tenants")
    assert numbers(company) == {"1": ONE, "2": TWO}


def test_a_contact_whose_row_goes_back_to_what_was_sent_still_wants_what_it_goes_without(company: World) -> None:
    company.sources["tenants"]["updates"] = {"at_most": {"share": "10%"}}
    rest = [(str(n), f"Tenant {n}", f"21255502{n:02}") for n in range(20, 40)]
    ann, bo = ("1", "Ann", ONE), ("2", "Bo", f"{ONE};{TWO}")
    tenants(company, ann, bo, *rest)
    company.run_all()
    tenants(company, ann, ("2", "Bo x", f"{ONE};{TWO}"), *((key, f"{name} x", phone) for key, name, phone in rest))
    assert company.run("tenants").counts["held"] == 21
    tenants(company, ann, bo, *rest)
    settled(company)
    tenants(company, bo, *rest)
    settled(company)
    assert numbers(company)["2"] == f"{ONE};{TWO}"
