"""``syncd activity attribute`` and ``unknown``: whose calls are, by their contacts and by hand; and who is nobody."""

from __future__ import annotations

import csv
import io
import json
import time
from typing import Any

import pytest

from tests.worlds.commands import Command, errors
from tests.worlds.phone_day import DAY, PhoneDay
from tests.worlds.world import World


@pytest.fixture
def attributed(phone_day: PhoneDay) -> PhoneDay:
    """The day with a contact that has the number of two calls and a message."""
    phone_day.world.write([("7", "Ann Lee", "2125550101"), ("3", "Bo Park", "2125550103")])
    phone_day.world.run()
    found = of(phone_day, "run", "--events")
    assert found["attribution"] == {"matched": 3, "shared": 0, "unknown": 2, "internal": 0, "withheld": 0, "late": 0}
    return phone_day


def of(day: PhoneDay, *arguments: str, code: int = 0) -> dict[str, Any]:
    ended, out, err = day.syncd("activity", *arguments, "--json")
    assert ended == code, err
    found: dict[str, Any] = json.loads(out)
    return found


def contacts(day: PhoneDay) -> dict[str, tuple[str | None, list[str]]]:
    return {row["id"]: (row["attribution"], [each["key"] for each in row["contacts"]]) for row in day.listed()}


def test_a_run_gives_calls_and_messages_their_contacts(attributed: PhoneDay) -> None:
    assert contacts(attributed) == {
        attributed.answered: ("matched", ["7"]),
        attributed.sms: ("matched", ["7"]),
        attributed.recorded: ("matched", ["3"]),
        attributed.missed: ("unknown", []),
        attributed.photo: ("unknown", []),
    }
    # Nothing is decided twice, and a file says the same.
    assert not any(of(attributed, "run", "--events")["attribution"].values())
    file = attributed.world.folder / "day.jsonl"
    assert attributed.syncd("activity", "export", str(file))[0] == 0
    assert [json.loads(line) for line in file.read_text().splitlines()] == attributed.listed()


def test_a_whole_run_attributes_too_and_a_dry_run_stores_nothing(company: World, syncd: Command) -> None:
    company.activity = {"store": "activity.db", "since": "1h"}
    company.write([("7", "Ann Lee", "2125550101")])
    company.run()
    company.sandbox.phones.call(start=time.time() - 600, talk=60.0, remote_number="2125550101")
    day = PhoneDay(company, syncd)
    assert of(day, "pull")["calls"]["new"] == 1
    assert of(day, "run", "--dry-run")["attribution"]["matched"] == 1
    assert [*contacts(day).values()] == [(None, [])]
    assert of(day, "run")["attribution"]["matched"] == 1
    assert [*contacts(day).values()] == [("matched", ["7"])]


def test_a_person_says_whose_it_is(attributed: PhoneDay) -> None:
    found = of(attributed, "attribute", attributed.answered[:12], "--to", "tenants", "3")
    assert (found["kind"], found["id"], found["known"]) == ("call", attributed.answered, True)
    assert found["before"]["contacts"] == [{"source": "tenants", "key": "7"}]
    assert found["after"]["outcome"] == "person"
    of(attributed, "attribute", f"text:{attributed.sms}", "--nobody")
    assert of(attributed, "attribute", "--again", DAY)["by_hand"] == 2
    shown = contacts(attributed)
    assert (shown[attributed.answered], shown[attributed.sms]) == (("person", ["3"]), ("person", []))


def test_a_contact_that_was_never_sent_is_taken_and_said(attributed: PhoneDay) -> None:
    assert of(attributed, "attribute", attributed.missed, "--to", "tenants", "99", "--dry-run")["known"] is False
    code, out, _ = attributed.syncd("activity", "attribute", attributed.missed, "--to", "tenants", "99")
    assert code == 0
    assert "unknown → person: tenants 99" in out
    assert "No contact of this key was ever sent" in out


MISTAKES = [
    ([], "--again A..B without an ID"),
    (["c1"], "write ID with --to SOURCE KEY"),
    (["c1", "--to", "tenants", "7", "--nobody"], "write ID with --to SOURCE KEY"),
    (["c1", "--again", DAY], "--again A..B without an ID"),
    (["--again", "yesterdy"], "--again 'yesterdy': write days"),
    (["c1", "--to", "tenant", "7"], "there is no source 'tenant' (did you mean 'tenants'?)"),
    (["c1", "--nobody"], "no call, message, file or event has this id"),
]


def test_what_cannot_be_meant_is_an_error(phone_day: PhoneDay) -> None:
    for arguments, said in MISTAKES:
        code, _, err = phone_day.syncd("activity", "attribute", *arguments)
        assert (code, said in errors(err)[0]) == (2, True), arguments


def test_days_are_decided_anew_only_if_asked(attributed: PhoneDay) -> None:
    attributed.world.write([("7", "Ann Lee", "2125550103"), ("3", "Bo Park", "2125550101")])
    attributed.world.run()
    assert not any(of(attributed, "run", "--events")["attribution"].values())
    planned = of(attributed, "attribute", "--again", DAY, "--dry-run")
    assert {each["id"]: each["after"]["contacts"][0]["key"] for each in planned["changed"]} == {
        attributed.answered: "3",
        f"text:{attributed.sms}": "3",
        attributed.recorded: "7",
    }
    assert (planned["unchanged"], planned["kept"]) == (2, 0)
    assert contacts(attributed)[attributed.answered] == ("matched", ["7"])
    code, out, _ = attributed.syncd("activity", "attribute", "--again", f"{DAY}..")
    assert code == 0
    assert "3 changes; 2 as they were, 0 by hand" in out
    assert contacts(attributed)[attributed.answered] == ("matched", ["3"])
    assert of(attributed, "attribute", "--again", "2026-01-01..2026-01-02")["changed"] == []


def test_unknown_callers_are_listed(attributed: PhoneDay) -> None:
    found = of(attributed, "unknown")["unknown"]
    assert sorted(each["number"] for each in found) == sorted(
        row["remote_number"] for row in attributed.listed() if row["attribution"] == "unknown"
    )
    [caller] = [each for each in found if each["number"] == "442071838750"]
    assert (caller["name"], caller["count"], caller["calls"], caller["messages"]) == ("=1+1", 1, 1, 0)
    assert caller["first"] == caller["last"] == f"{DAY}T10:00:00Z"
    code, out, _ = attributed.syncd("activity", "unknown", "--csv")
    assert code == 0
    rows = [*csv.DictReader(io.StringIO(out))]
    assert [row["number"] for row in rows] == [each["number"] for each in found]
    # A spreadsheet must not run what the network gave as a name.
    assert "=1+1" not in {row["name"] for row in rows}
    assert "442071838750" in attributed.syncd("activity", "unknown")[1]
    assert attributed.syncd("activity", "unknown", "--csv", "--json")[0] == 2


def test_explain_shows_every_candidate_and_why(attributed: PhoneDay) -> None:
    attributed.world.write([("7", "Ann Lee", "2125550199"), ("3", "Bo Park", "2125550101")])
    attributed.world.run()
    found = attributed.explained(attributed.answered)["attribution"]
    assert (found["outcome"], found["as_of"]) == ("matched", "now")
    assert [(each["key"], each["chosen"]) for each in found["candidates"]] == [("3", False), ("7", True)]
    assert found["candidates"][0]["why"] == "it was decided before, and stays"
    assert found["candidates"][0]["number"] == "2125550101"
    code, out, _ = attributed.syncd("activity", "explain", attributed.answered)
    assert code == 0
    assert "tenants 7 (2125550101" in out
    nobody = attributed.explained(attributed.missed)
    assert nobody["attribution"]["candidates"] == []
    assert nobody["attribution"]["reason"] == "no contact had the number"
