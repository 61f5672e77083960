"""Which contact has a number that several contacts want, and that it gives the number back."""

from __future__ import annotations

from tests.worlds.shared_numbers import ONE, THREE, TWO, numbers, owners, set_policy, settled, tenants
from tests.worlds.world import World


def test_the_first_key_has_the_number_and_the_other_goes_without(company: World) -> None:
    tenants(company, ("2", "Bo", f"{ONE};{TWO}"), ("1", "Ann", ONE))
    company.run_all()
    assert numbers(company) == {"1": ONE, "2": TWO}
    settled(company)
    assert numbers(company) == {"1": ONE, "2": TWO}


def test_the_source_that_is_configured_first_has_the_number(company: World) -> None:
    owners(company, ("1", "Ann", ONE))
    company.run_all("owners")
    tenants(company, ("9", "Bo", ONE))
    company.run_all("tenants")
    # Two contacts have it until the later source has run, whose file is as it was.
    assert numbers(company) == {"1": ONE, "9": ONE}
    company.run_all("owners")
    assert numbers(company) == {"1": "", "9": ONE}
    settled(company)


def test_a_number_comes_back_in_the_same_run_if_the_row_of_its_contact_leaves(company: World) -> None:
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", f"{TWO};{ONE}"), ("3", "Cy", THREE))
    company.run_all()
    assert numbers(company)["2"] == TWO
    tenants(company, ("2", "Bo", f"{TWO};{ONE}"), ("3", "Cy", THREE))
    company.run_all("tenants")
    assert numbers(company) == {"2": f"{TWO};{ONE}", "3": THREE}
    settled(company)


def test_a_number_comes_back_in_the_same_run_if_its_contact_gives_it_up(company: World) -> None:
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", ONE))
    company.run_all()
    tenants(company, ("1", "Ann", TWO), ("2", "Bo", ONE))
    company.run_all("tenants")
    assert numbers(company) == {"1": TWO, "2": ONE}
    settled(company)


def test_a_number_comes_back_to_a_source_that_has_not_changed(company: World) -> None:
    tenants(company, ("1", "Ann", ONE), ("3", "Cy", THREE))
    owners(company, ("2", "Bo", ONE))
    company.run_all()
    settled(company)
    assert numbers(company) == {"1": ONE, "2": "", "3": THREE}
    tenants(company, ("3", "Cy", THREE))
    company.run_all()
    assert numbers(company) == {"2": ONE, "3": THREE}
    settled(company)


def test_allow_gives_everybody_the_numbers_back(company: World) -> None:
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", ONE))
    owners(company, ("3", "Cy", ONE))
    settled(company)
    assert numbers(company) == {"1": ONE, "2": "", "3": ""}
    set_policy(company, "allow")
    company.run_all()
    assert numbers(company) == {"1": ONE, "2": ONE, "3": ONE}
    settled(company)
    with company.state() as state:
        assert state.shared.of_source("tenants").is_empty()
        assert not state.shared.wanting("owners")


def test_the_contact_whose_source_ran_later_changed_last(company: World) -> None:
    set_policy(company, "newest")
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", TWO), ("4", "Di", TWO))
    owners(company, ("3", "Cy", ONE))
    settled(company)
    # Bo and Di are of one source, so they changed at once, and the first key has the number.
    assert numbers(company) == {"1": "", "2": TWO, "3": ONE, "4": ""}


def test_a_policy_takes_hold_of_contacts_that_were_sent_before(company: World) -> None:
    set_policy(company, "allow")
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", ONE))
    owners(company, ("3", "Cy", ONE))
    settled(company)
    set_policy(company, "first")
    company.run_all()
    assert numbers(company) == {"1": ONE, "2": "", "3": ""}
    settled(company)
