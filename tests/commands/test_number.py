"""``syncd number``: a person says whose a number is, and the next run obeys."""

from __future__ import annotations

import json

import pytest

from tests.worlds.commands import Command
from tests.worlds.shared_numbers import ONE, TWO, numbers, owners, set_policy, settled, tenants, with_policy
from tests.worlds.world import World


@pytest.fixture
def held(company: World) -> World:
    """A company in which nobody has a number that two sources give."""
    with_policy(company, "hold")
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", TWO))
    owners(company, ("3", "Cy", ONE))
    settled(company)
    assert numbers(company) == {"1": "", "2": TWO, "3": ""}
    return company


def test_a_run_says_that_a_number_waits_and_ends_with_3(held: World, syncd: Command) -> None:
    code, out, _ = syncd("run")
    assert code == 3
    assert f"1 number waits for a decision: {ONE}" in out
    assert f"syncd number {ONE} --to SOURCE KEY" in out
    # Both sources wait for it.
    assert out.endswith("; 1 to decide.\n")
    code, out, _ = syncd("run", "--json")
    tenants, owners = json.loads(out)["sources"]
    assert (code, tenants["undecided"], tenants["counts"]["left_out"]) == (3, [ONE], 1)
    reason = "nobody has it until a person decides"
    assert owners["left_out"] == [{"key": "3", "number": ONE, "reason": reason}]


def test_status_shows_what_waits_for_a_decision(held: World, syncd: Command) -> None:
    _, out, _ = syncd("status")
    assert f"syncd number {ONE} --to SOURCE KEY" in out
    code, out, _ = syncd("status", "--check")
    assert code == 3
    assert "1 number waits for a decision" in out
    assert ONE not in out


def test_the_next_runs_obey_and_nothing_waits_any_more(held: World, syncd: Command) -> None:
    code, out, _ = syncd("number", "+1 (212) 555-0101", "--to", "owners", "3")
    assert code == 0
    assert "decided: owners 3" in out
    assert "to decide" not in syncd("status")[1]
    settled(held)
    assert numbers(held) == {"1": "", "2": TWO, "3": ONE}
    code, out, _ = syncd("run", "--json")
    assert code == 0
    assert json.loads(out)["sources"][0]["left_out"][0]["reason"] == "owners 3 has it (decided)"


def test_right_after_a_decision_each_contact_is_told_what_it_gets(held: World, syncd: Command) -> None:
    out = syncd("number", ONE, "--to", "owners", "3")[1].splitlines()
    assert out[1:] == [
        "  owners 3 gets it with the next run",
        "  tenants 1 goes without it",
        "The next run of each of these sources obeys.",
    ]
    settled(held)
    out = syncd("number", ONE, "--to", "tenants", "1")[1].splitlines()
    assert out[1:3] == ["  owners 3 goes without it with the next run", "  tenants 1 gets it with the next run"]
    assert json.loads(syncd("number", ONE, "--to", "tenants", "1", "--json")[1])["warning"] is None


@pytest.mark.parametrize(
    ("number", "key", "says"),
    [
        (ONE, "99", "no contact tenants 99 was sent: nothing changes until its row gives it"),
        (ONE, "2", "the row of tenants 2 does not give this number: nothing changes until its row gives it"),
        (
            "911",
            "1",
            "this is an emergency number, and no contact should have it: nothing changes until its row gives it",
        ),
    ],
)
def test_a_decision_that_changes_nothing_yet_is_kept_with_a_warning(
    held: World, syncd: Command, number: str, key: str, says: str
) -> None:
    code, out, _ = syncd("number", number, "--to", "tenants", key)
    assert (code, f"warning: {says}" in out, "obeys." in out) == (0, True, False)
    listed = json.loads(syncd("number", "--list", "--json")[1])["numbers"]
    assert [(each["source"], each["key"], each["wanted"]) for each in listed] == [("tenants", key, False)]


def test_the_run_that_obeys_says_who_has_the_number(company: World, syncd: Command) -> None:
    with_policy(company, "hold")
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", ONE))
    settled(company)
    syncd("number", ONE, "--to", "tenants", "2")
    code, out, _ = syncd("run", "tenants", "--json")
    [source] = json.loads(out)["sources"]
    assert (code, source["counts"]["update"]) == (0, 1)
    assert source["left_out"] == [{"key": "1", "number": ONE, "reason": "tenants 2 has it (decided)"}]
    [without] = json.loads(syncd("whois", ONE, "--json")[1])["not_there"]
    assert (without["why"], without["name"], without["reason"]) == ("policy", "Ann", "tenants 2 has it (decided)")


def test_a_run_that_obeys_a_person_counts_who_is_called_now(company: World, syncd: Command) -> None:
    with_policy(company, "hold")
    tenants(company, ("1", "Ann", ONE), ("2", "Bo", ONE))
    settled(company)
    syncd("number", ONE, "--to", "tenants", "2")
    assert "callers: 1 gets a name" in syncd("run", "--dry-run")[1]
    assert "callers: 1 gets a name" in syncd("run")[1]
    syncd("number", ONE, "--to", "tenants", "1")
    assert f"callers: 1 changes its name\n  {ONE}  Bo → Ann" in syncd("run", "--dry-run")[1]
    assert "callers: 1 changes its name" in syncd("run")[1]
    set_policy(company, "warn")
    company.settings()
    assert "callers: 1 becomes ambiguous" in syncd("run")[1]


def test_a_decision_is_shown_and_taken_back(held: World, syncd: Command) -> None:
    syncd("number", ONE, "--to", "tenants", "1")
    settled(held)
    code, out, _ = syncd("number", ONE, "--json")
    found = json.loads(out)
    assert (code, found["decided"]["key"]) == (0, "1")
    assert [(each["key"], each["has"]) for each in found["contacts"]] == [("3", False), ("1", True)]
    listed = json.loads(syncd("number", "--list", "--json")[1])
    assert [(each["number"], each["source"], each["wanted"]) for each in listed["numbers"]] == [(ONE, "tenants", True)]
    assert syncd("number", ONE, "--nobody")[0] == 0
    settled(held)
    assert numbers(held) == {"1": "", "2": TWO, "3": ""}
    assert json.loads(syncd("number", "--list", "--json")[1])["undecided"] == [ONE]
    code, _, err = syncd("number", ONE, "--nobody")
    assert code == 2
    assert "nothing was decided" in err


def test_a_decision_counts_for_nothing_while_its_contact_does_not_want_the_number(held: World, syncd: Command) -> None:
    syncd("number", ONE, "--to", "tenants", "2")
    settled(held)
    assert numbers(held) == {"1": "", "2": TWO, "3": ""}
    tenants(held, ("1", "Ann", ONE), ("2", "Bo", f"{TWO};{ONE}"))
    settled(held)
    assert numbers(held) == {"1": "", "2": f"{TWO};{ONE}", "3": ""}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("number",), "write NUMBER"),
        (("number", ONE, "--list"), "write NUMBER"),
        (("number", ONE, "--nobody", "--to", "tenants", "1"), "write NUMBER"),
        (("number", "none", "--to", "tenants", "1"), "NUMBER: this is no phone number"),
        (("number", "(315) 555-0177", "--nobody"), "nothing was decided about this number"),
        (("number", ONE, "--to", "tenant", "1"), "did you mean 'tenants'?"),
    ],
)
def test_what_cannot_be_meant_is_refused(held: World, syncd: Command, words: tuple[str, ...], says: str) -> None:
    code, _, err = syncd(*words)
    assert code == 2
    assert says in err
    assert not any(number in err for number in ("none", "3155550177", "555-0177"))


def test_nothing_is_decided_under_a_policy_that_lets_all_have_a_number(held: World, syncd: Command) -> None:
    set_policy(held, "allow")
    held.settings()
    code, _, err = syncd("number", ONE, "--to", "tenants", "1")
    assert code == 2
    assert "phones.shared is allow" in err
