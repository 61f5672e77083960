"""How the policy meets the other rules: keys, match fields, merged contacts, partial reads, lost calls, repairs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import syncd.source
from tests.worlds.commands import Command
from tests.worlds.drift import drift
from tests.worlds.feed import Account, Feed
from tests.worlds.shared_numbers import ONE, THREE, TWO, numbers, owners, set_policy, settled, tenants, with_policy
from tests.worlds.world import World
from tests.worlds.world import company as made

PHONE_MATCH = [
    {"id": 1, "name": "Ref", "is_phone": False, "is_match": False, "is_integration": False},
    {"id": 2, "name": "Name", "is_phone": False, "is_match": False, "is_integration": False},
    {"id": 3, "name": "Phone", "is_phone": True, "is_match": True, "is_integration": False},
    {"id": 4, "name": "Other", "is_phone": True, "is_match": False, "is_integration": False},
]


def test_a_number_in_a_match_field_stays_and_all_others_go_without_it(tmp_path: Path) -> None:
    with made(tmp_path, fields=PHONE_MATCH) as world:
        world.sources["tenants"]["mapping"] = {"Ref": "id", "Name": "name", "Phone": "phone", "Other": "other"}
        set_policy(world, "first")
        world.write([("1", "Ann", TWO, ONE), ("2", "Bo", ONE, TWO)], header="id,name,phone,other")
        world.run()
        found = {each["Ref"]: (each["Phone"], each.get("Other", "")) for each in world.there("Ref").values()}
        assert found == {"1": (TWO, ""), "2": (ONE, "")}


def test_a_required_number_is_looked_for_before_the_policy(company: World) -> None:
    company.sources["tenants"]["require"] = ["Phone"]
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", ONE), ("3", "Cy", ""))
    report = company.run("tenants")
    assert (report.counts["excluded"], report.counts["left_out"]) == (1, 1)
    assert numbers(company) == {"1": ONE, "2": ""}


def test_a_leading_1_makes_no_other_number(company: World) -> None:
    company.sources["owners"]["phones"]["region"] = "GB"
    tenants(company, ("1", "Ann", ONE))
    owners(company, ("2", "Bo", f"+1{ONE}"))
    settled(company)
    assert numbers(company) == {"1": ONE, "2": ""}


def test_a_merged_contact_claims_the_numbers_of_all_its_rows(company: World) -> None:
    company.sources["tenants"] |= {"shared_match": "merge_phones", "key": "row"}
    header, bo = "row,id,name,phone", ("c", "8", "Bo", f"{TWO};{THREE}")
    company.write([("a", "7", "Ann", ONE), ("b", "7", "Ann", TWO), bo], header=header)
    settled(company)
    assert numbers(company) == {"7": f"{ONE};{TWO}", "8": THREE}
    company.write([("a", "7", "Ann", ONE), bo], header=header)
    settled(company)
    assert numbers(company) == {"7": ONE, "8": f"{TWO};{THREE}"}


def test_a_contact_that_goes_on_under_a_new_key_still_wants_what_it_goes_without(company: World) -> None:
    company.sources["tenants"] |= {"key": "row", "keys": {"at_most": {"free": 5}}}
    header = "row,id,name,phone"
    company.write([("a", "7", "Ann", ONE), ("b", "8", "Bo", f"{ONE};{TWO}")], header=header)
    settled(company)
    company.write([("a", "7", "Ann", ONE), ("x", "8", "Bo", f"{ONE};{TWO}")], header=header)
    report = company.run("tenants")
    assert report.taken_over["count"] == 1
    settled(company)
    assert numbers(company) == {"7": ONE, "8": TWO}
    company.write([("x", "8", "Bo", f"{ONE};{TWO}")], header=header)
    settled(company)
    assert numbers(company) == {"8": f"{ONE};{TWO}"}


@pytest.fixture
def crm(company: World, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setattr(syncd.source, "CONNECTORS", {**syncd.source.CONNECTORS, "feed": "tests.worlds.feed:Feed"})
    monkeypatch.setattr(Feed, "ACCOUNTS", {"crm": (account := Account())})
    mapping = {"External ID": "ref", "Name": "name", "Phone": ["phone"]}
    feed = {"connector": "feed", "options": {"account": "crm"}, "mapping": mapping}
    company.sources["crm"] = json.loads(json.dumps(company.sources["tenants"])) | feed
    tenants(company, ("1", "Ann", ONE))
    account.put(k5=("5", "Eve", ONE), k6=("6", "Flo", f"{TWO};{THREE}"), k7=("7", "Gus", TWO))
    settled(company)
    assert numbers(company) == {"1": ONE, "5": "", "6": f"{TWO};{THREE}", "7": ""}
    account.asked.clear()
    return account


def test_a_partial_read_gives_a_number_back_to_a_contact_that_it_does_not_show(company: World, crm: Account) -> None:
    crm.put(k6=("6", "Flo", THREE))
    report = company.run("crm")
    assert (report.read, report.rows, report.counts["update"]) == ("partial", 1, 2)
    assert numbers(company)["7"] == TWO
    assert None not in crm.asked
    settled(company)


def test_an_incremental_source_is_not_read_whole_to_give_a_number_back(company: World, crm: Account) -> None:
    tenants(company, ("1", "Ann", ""))
    company.run("tenants")
    report = company.run("crm")
    assert (report.read, report.rows, report.counts["update"]) == ("partial", 0, 1)
    assert numbers(company)["5"] == ONE
    assert None not in crm.asked


def test_a_partial_read_takes_a_number_from_a_contact_that_it_does_not_show(company: World, crm: Account) -> None:
    tenants(company, ("1", "Ann", f"{ONE};{TWO}"))
    company.run_all("tenants", "crm")
    assert numbers(company) == {"1": f"{ONE};{TWO}", "5": "", "6": THREE, "7": ""}
    assert None not in crm.asked


def test_a_contact_whose_row_every_read_looks_at_gets_its_number_back_by_a_whole_read(
    company: World, crm: Account
) -> None:
    # A number that is impossible is sent, with a warning that every report has.
    crm.put(k8=("8", "Hal", f"{ONE};123"))
    settled(company)
    assert numbers(company)["8"] == "123"
    crm.drop("5")
    settled(company)
    tenants(company, ("1", "Ann", ""))
    settled(company)
    assert numbers(company)["8"] == f"{ONE};123"


def test_what_a_killed_run_took_away_is_given_back(company: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tenants(company, ("1", "Ann", TWO), ("2", "Bo", ONE))
    owners(company, ("3", "Cy", ONE))
    settled(company)
    tenants(company, ("1", "Ann", f"{ONE};{TWO}"), ("2", "Bo", ONE))
    run_killed_after_its_push(company, monkeypatch)
    assert numbers(company) == {"1": f"{ONE};{TWO}", "2": "", "3": ""}
    tenants(company, ("1", "Ann", TWO), ("2", "Bo", ONE))
    settled(company)
    assert numbers(company) == {"1": TWO, "2": ONE, "3": ""}


def test_a_killed_run_leaves_no_source_with_a_number_that_it_lost(
    company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners(company, ("3", "Cy", ONE))
    company.run_all()
    tenants(company, ("1", "Ann", ONE))
    run_killed_after_its_push(company, monkeypatch)
    settled(company)
    assert numbers(company) == {"1": ONE, "3": ""}


def run_killed_after_its_push(company: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("syncd.sync.close", killed)
        with pytest.raises(KeyboardInterrupt):
            company.run("tenants")


def test_a_repair_sends_a_contact_as_it_was_sent(company: World) -> None:
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", f"{ONE};{TWO}"))
    settled(company)
    assert drift(company).counts["edited"] == 0
    [bo] = [each for each in company.sandbox.store.contacts() if each["fields"]["External ID"] == "2"]
    company.sandbox.store.edit(bo["id"], {"Phone": f"{ONE};{TWO}"})
    company.sources["tenants"]["reconcile"] = {"on_edit": "overwrite"}
    assert drift(company, repair=True).counts["edited"] == 0
    set_policy(company, "first")
    company.sources["tenants"]["reconcile"] = {"on_edit": "overwrite"}
    drift(company, repair=True)
    settled(company)
    assert numbers(company) == {"1": ONE, "2": TWO}


def test_the_dry_run_says_what_the_run_does_and_keeps_nothing(company: World) -> None:
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", ONE))
    dry = company.run("tenants", dry_run=True)
    assert (dry.counts["create"], dry.counts["left_out"]) == (2, 1)
    assert dry.left_out == [{"key": "2", "number": ONE, "reason": "tenants 1 has it (first)"}]
    assert company.run("tenants").left_out == dry.left_out
    tenants(company, ("2", "Bo", ONE))
    again = company.run("tenants", dry_run=True)
    assert (again.counts["update"], again.counts["delete"], again.left_out) == (1, 1, [])
    with company.state() as state:
        assert state.shared.of_source("tenants").height == 1


@pytest.mark.parametrize("policy", ["first", "newest", "company", "hold"])
def test_the_order_of_rows_decides_nothing(world: World, policy: str) -> None:
    with_policy(world, policy)
    rows = [("1", "Ann", ONE), ("2", "Bo", f"{ONE};{TWO}"), ("3", "Cy", TWO)]
    tenants(world, *rows)
    plans = {world.run("tenants", dry_run=True).digest}
    tenants(world, *rows[::-1])
    plans.add(world.run("tenants", dry_run=True).digest)
    assert len(plans) == 1


def test_explain_says_which_number_is_left_out_and_who_has_it(
    company: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", f"{ONE};{TWO}"))
    company.run_all()
    monkeypatch.chdir(company.folder)
    _, out, _ = syncd("explain", "tenants", "2")
    assert f"{ONE}: tenants 1 has it (first)" in out
    found = json.loads(syncd("explain", "tenants", "2", "--json")[1])
    assert found["left_out"] == [{"number": ONE, "reason": "tenants 1 has it (first)"}]
    assert found["decision"] == "unchanged"
