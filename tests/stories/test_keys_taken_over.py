"""What a contact that goes on under a new key keeps: its history, its undo and its explanation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.worlds.commands import Command
from tests.worlds.runs import last_run, undo
from tests.worlds.tenants import ANN, BOB, CY
from tests.worlds.world import World

NEW = ("n1", *ANN[1:])


@pytest.fixture
def known(company: World) -> World:
    company.write([ANN, BOB, CY])
    company.run()
    return company


def told(syncd: Command, key: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(syncd("explain", "tenants", key, "--json")[1])
    return found


def test_both_keys_are_explained_before_and_after_the_takeover(known: World, syncd: Command) -> None:
    known.write([NEW, BOB, CY])
    assert told(syncd, "n1")["decision"] == "move"
    assert told(syncd, "n1")["why"].endswith("it becomes another contact; the row had the key 1 before")
    assert told(syncd, "n1")["ledger"]["fields"]["Name"] == "Ann Smith"
    for _ in range(2):
        assert (told(syncd, "1")["decision"], told(syncd, "1")["why"]) == (
            "taken over",
            "its contact goes on under the key n1",
        )
        known.run()
    assert told(syncd, "n1")["decision"] == "unchanged"
    assert told(syncd, "n1")["changes"] == 2


def test_a_dry_run_and_its_file_show_what_waits_and_what_goes_on(company: World, syncd: Command) -> None:
    rows = [(f"{n:04}", f"Tenant {n}", f"212555{n:04}") for n in range(1, 41)]
    company.write(rows)
    company.run()
    company.write([(key.lstrip("0"), name, phone) for key, name, phone in rows])
    file = company.folder / "changes.jsonl"
    code, out, _ = syncd("run", "--dry-run", "--json", "--changes", str(file))
    [source] = json.loads(out)["sources"]
    assert (code, source["counts"]["held"], source["changes"]) == (3, 80, [])
    [held] = source["held"]
    assert (held["gate"], held["count"], held["approvable"]) == ("keys.changed", 80, True)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert {(each["kind"], each["held"]) for each in lines} == {("create", True), ("delete", True)}
    assert {each["why"] for each in lines if each["key"] in ("0001", "1")} == {
        "the row had the key 0001 before",
        "its row has the key 1 now",
    }
    syncd("run")
    assert syncd("approve", "tenants", held["digest"])[0] == 0
    [source] = json.loads(syncd("run", "--dry-run", "--json")[1])["sources"]
    assert (source["counts"]["move"], source["counts"]["held"]) == (40, 0)
    assert source["taken_over"]["count"] == 40
    code, out, _ = syncd("run")
    assert code == 0
    assert "taken over: 40 contacts go on under new keys: leading zeros are gone" in out
    assert "0001 → 1" in out
    assert len(company.there()) == 40
    assert syncd("run", "--full")[0] == 0


def test_an_undo_of_the_run_moves_the_contact_back_under_its_new_key(known: World) -> None:
    known.write([NEW, BOB, CY])
    known.run()
    assert undo(known).counts["move"] == 1
    assert set(known.there()) == {"1", "2", "3"}
    report = known.run()
    assert ([held.gate for held in report.held], report.made, set(known.there())) == (["undone"], 0, {"1", "2", "3"})


def test_an_undo_of_an_earlier_run_follows_the_contact(company: World) -> None:
    header = "id,name,phone,ref"
    company.sources["tenants"]["mapping"]["External ID"] = "ref"
    company.write([(*ANN, "a"), (*BOB, "b")], header=header)
    company.run()
    company.write([("1", "Ann Lee", ANN[2], "a"), (*BOB, "b")], header=header)
    company.run()
    renamed = last_run(company)
    company.write([("n1", "Ann Lee", ANN[2], "a"), (*BOB, "b")], header=header)
    assert company.run().taken_over["count"] == 1
    assert undo(company, renamed).counts["update"] == 1
    assert company.there()["a"]["Name"] == "Ann Smith"
    report = company.run()
    assert [(held.gate, held.keys) for held in report.held] == [("undone", ("n1",))]


def test_an_alarm_does_not_name_keys() -> None:
    from syncd.watch.alarms import _held

    hold = {"kind": "all", "gate": "keys.changed", "count": 4, "detail": "(000123 → 123)", "approved": None}
    assert _held(hold) == "4 changes wait for an approval (keys.changed)"
