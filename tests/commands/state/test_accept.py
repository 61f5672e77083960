"""``syncd state``, and what the other commands say of the company that the state belongs to."""

from __future__ import annotations

import json

import pytest

from tests.worlds.commands import PEOPLE, Command, errors
from tests.worlds.neighbour import neighbour, rotate
from tests.worlds.world import World


def test_a_run_for_another_company_ends_with_3_and_names_both_ways_out(company: World, syncd: Command) -> None:
    assert syncd("run")[0] == 0
    company.write([*PEOPLE[1:], ("99", "Zoe New", "2125550199")])
    other = neighbour(company)
    with other.behind_the_key():
        company.settings()
        code, _, err = syncd("run")
        [error] = errors(err)
        dry, out, _ = syncd("run", "--dry-run", "--json")
    assert (code, dry, other.is_untouched) == (3, 3, True)
    assert "set state: to another file" in error
    assert "syncd state accept" in error
    assert json.loads(out)["error"]["kind"] == "OtherCompany"


def test_the_status_says_which_company_the_state_belongs_to(company: World, syncd: Command) -> None:
    assert json.loads(syncd("status", "--json")[1])["company"] is None
    syncd("run")
    found = json.loads(syncd("status", "--json")[1])["company"]
    assert found["address"] == company.sandbox.url
    assert len(found["fingerprint"]) == 16
    assert found["proved_at"].endswith("+00:00")
    assert company.sandbox.url in syncd("status")[1]


def test_another_company_is_an_alarm_of_the_company(company: World, syncd: Command) -> None:
    syncd("run")
    with neighbour(company).behind_the_key():
        company.settings()
        syncd("run")
    [alarm] = json.loads(syncd("status", "--json")[1])["alarms"]
    assert (alarm["source"], alarm["kind"]) == ("", "key")


@pytest.mark.parametrize("command", ["run", "check", "reconcile", "reconcile --repair", "explain tenants 1"])
def test_every_command_that_asks_the_target_ends_with_3(company: World, syncd: Command, command: str) -> None:
    syncd("run")
    with neighbour(company).behind_the_key():
        company.settings()
        assert syncd(*command.split())[0] == 3


def test_a_check_says_which_company_the_state_belongs_to(company: World, syncd: Command) -> None:
    assert "company:" not in syncd("check")[1]
    syncd("run")
    assert f"company: the state belongs to the company at {company.sandbox.url}: nothing" in syncd("check")[1]
    rotate(company)
    company.settings()
    assert f"company: the state belongs to the company at {company.sandbox.url}: as its" in syncd("check")[1]


def test_an_emptied_company_is_accepted_and_filled_again(company: World, syncd: Command) -> None:
    syncd("run")
    for number in company.sandbox.store.ids().copy():
        company.sandbox.store.delete(number)
    rotate(company)
    company.settings()
    assert syncd("run")[0] == 3
    code, out, _ = syncd("state", "accept")
    assert code == 0
    assert "0 of 40 known contacts are there. The next run makes the other 40 contacts anew." in out
    assert syncd("run")[0] == 0
    assert len(company.there()) == 40


def test_an_acceptance_tells_in_json_whose_the_state_is(company: World, syncd: Command) -> None:
    syncd("run")
    rotate(company)
    company.settings()
    code, out, _ = syncd("state", "accept", "--json")
    found = json.loads(out)
    assert (code, found["exit"], found["company"]["address"]) == (0, 0, company.sandbox.url)
    assert found["contacts"] == {"known": 40, "found": 40, "moved": 0, "there": 40}


def test_an_acceptance_tells_in_json_when_the_company_was_proved(company: World, syncd: Command) -> None:
    syncd("run")
    proved = json.loads(syncd("state", "accept", "--json")[1])["company"]
    assert proved["proved_at"].endswith("+00:00")
    assert json.loads(syncd("status", "--json")[1])["company"] == proved


def test_without_a_state_there_is_nothing_to_accept(company: World, syncd: Command) -> None:
    code, _, err = syncd("state", "accept")
    assert code == 2
    assert "there is no state file yet" in err
    assert not (company.folder / "syncd.db").exists()


@pytest.mark.parametrize(("status", "expected"), [(503, 4), (401, 3)])
def test_an_acceptance_that_fails_changes_nothing(company: World, syncd: Command, status: int, expected: int) -> None:
    syncd("run")
    before = json.loads(syncd("status", "--json")[1])
    company.sandbox.arm({"kind": "status", "status": status, "method": "GET", "times": None, "after": 1})
    assert syncd("state", "accept")[0] == expected
    company.sandbox.disarm()
    assert json.loads(syncd("status", "--json")[1])["company"] == before["company"]
    assert syncd("run")[0] == 0
