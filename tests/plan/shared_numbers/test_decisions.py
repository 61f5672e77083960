"""A person's decision on a number is obeyed, whatever becomes of the key that it names."""

from __future__ import annotations

import pytest

from syncd.report.source_report import callers_of
from tests.worlds.commands import Command
from tests.worlds.shared_numbers import ONE, TWO, owners, settled, tenants
from tests.worlds.world import World

HEADER = "id,name,phone,mail"
ANN, BO = ("1", "Ann", ONE, "ann@example.com"), ("2", "Bo", f"{ONE};{TWO}", "bo@example.com")


def phones(world: World) -> dict[str, str]:
    return {mail.partition("@")[0]: fields.get("Phone", "") for mail, fields in world.there().items()}


def test_a_decision_goes_on_with_its_contact_under_a_new_key(
    company: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(company.folder)
    company.sources["tenants"]["keys"] = {"at_most": {"free": 5}}
    company.sources["tenants"]["mapping"]["External ID"] = "mail"
    company.write([ANN, BO], header=HEADER)
    settled(company)
    assert syncd("number", ONE, "--to", "tenants", "2")[0] == 0
    settled(company)
    assert phones(company) == {"ann": "", "bo": f"{ONE};{TWO}"}
    company.write([ANN, ("22", *BO[1:])], header=HEADER)
    settled(company)
    assert phones(company) == {"ann": "", "bo": f"{ONE};{TWO}"}
    assert "tenants 22" in syncd("number", "--list")[1]
    # Another contact that gets the key of before has nothing of the decision.
    company.write([ANN, ("22", *BO[1:]), ("2", "Cy", ONE, "cy@example.com")], header=HEADER)
    settled(company)
    assert phones(company) == {"ann": "", "bo": f"{ONE};{TWO}", "cy": ""}


def test_a_source_that_only_creates_is_not_read_again_and_again_for_a_number_that_it_does_not_give_up(
    company: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(company.folder)
    owners(company, ("9", "Zed", ONE))
    company.run_all()
    company.sources["owners"]["mode"] = "create_only"
    tenants(company, ("2", "Bo", f"{ONE};{TWO}"))
    assert syncd("number", ONE, "--to", "owners", "9")[0] == 0
    company.run_all()
    assert syncd("number", ONE, "--to", "tenants", "2")[0] == 0
    company.run_all()
    company.run_all()
    assert all(report.same_as_before for report in company.run_all())
    with company.state() as state:
        assert state.shared.due("owners").is_empty()


def test_a_number_that_comes_back_beside_a_source_that_is_not_configured_any_more_counts_as_ambiguous(
    company: World,
) -> None:
    tenants(company, ("1", "Ann", ONE))
    owners(company, ("9", "Zed", f"{ONE};{TWO}"))
    settled(company)
    del company.sources["tenants"]
    assert callers_of(company.run_all()).counts["ambiguous"] == 1
    assert phones(company) == {"1": ONE, "9": f"{ONE};{TWO}"}
