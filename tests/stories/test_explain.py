"""``syncd explain`` follows one row to the target and gives the reason for its state."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.core.identity import REPEATED
from syncd.state import State
from tests.worlds.commands import Command, errors
from tests.worlds.tenants import ANN, BOB, CY, LOST_POSTS, MANY, POISON
from tests.worlds.world import World


@pytest.fixture
def known(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Ann and Bob are at the target."""
    world.sources["tenants"]["where"] = "name <> 'former'"
    world.sources["tenants"]["mapping"]["Name"] = {"from": "name", "empty": "reject"}
    world.write([ANN, BOB])
    world.run()
    monkeypatch.chdir(world.folder)
    return world


def told(syncd: Command, key: str = "2") -> dict[str, Any]:
    code, out, _ = syncd("explain", "tenants", key, "--json")
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_contact_is_followed_from_its_row_to_the_target(known: World, syncd: Command) -> None:
    known.write([ANN, ("2", "Robert  Jones", "(212) 555-0102")])
    found = told(syncd)
    assert found["rows"] == [
        {
            "at": "tenants.csv:3",
            "state": "contact",
            "reason": None,
            "warning": None,
            "columns": {"id": "2", "name": "Robert  Jones", "phone": "(212) 555-0102"},
        }
    ]
    assert found["contact"] == {"External ID": "2", "Name": "Robert Jones", "Phone": "2125550102"}
    assert (found["ledger"]["status"], found["ledger"]["id"], found["ledger"]["origin"]) == ("accepted", 2, "created")
    assert found["ledger"]["fields"]["Name"] == "Bob Jones"
    assert found["target"] == {
        "id": 2,
        "fields": {"External ID": "2", "Name": "Bob Jones", "Phone": "2125550102"},
        "differs": {},
    }
    assert (found["decision"], found["why"]) == ("update", "its fields differ from what was sent last")
    assert found["change"]["fields"] == {"Name": {"old": "Bob Jones", "new": "Robert Jones"}}
    assert found["changes"] == 1


def test_it_writes_nothing_and_sends_only_gets(known: World, syncd: Command) -> None:
    before, writes = (known.folder / "syncd.db").read_bytes(), known.writes()
    known.write([ANN])
    assert told(syncd)["decision"] == "delete"
    assert (known.writes(), (known.folder / "syncd.db").read_bytes()) == (writes, before)


def test_what_a_person_changed_at_the_target_is_shown(known: World, syncd: Command) -> None:
    known.sandbox.store.edit(2, {"Name": "Bobby"})
    assert told(syncd)["target"]["differs"] == {"Name": {"old": "Bobby", "new": "Bob Jones"}}
    assert (
        "not as the ledger says:\n          Name: Bobby, and in the ledger Bob Jones"
        in syncd("explain", "tenants", "2")[1]
    )


@pytest.mark.parametrize(
    ("rows", "decision", "why"),
    [
        ([ANN, BOB], "unchanged", "it is what the ledger says was sent last"),
        ([ANN, ("2", "", "")], "invalid", "Name: empty; its contact is left exactly as it is"),
        ([ANN, ("2", "former", "")], "delete", "its row is excluded (where: name <> 'former')"),
        ([ANN], "delete", "the source has no row of it any more"),
    ],
)
def test_each_decision_has_its_reason(known: World, syncd: Command, rows: list[Any], decision: str, why: str) -> None:
    known.write(rows)
    found = told(syncd)
    assert (found["decision"], found["why"]) == (decision, why)


def test_rows_of_one_key_are_all_shown(known: World, syncd: Command) -> None:
    known.write([ANN, BOB, ("2", "Another", "2125550199")])
    states = [(row["at"], row["state"], row["reason"]) for row in told(syncd)["rows"]]
    assert states[0][:2] == ("tenants.csv:3", "contact")
    assert states[1][:2] == ("tenants.csv:4", "invalid")
    assert "duplicate key" in states[1][2]


def test_a_row_that_is_in_the_source_twice_is_shown_twice(known: World, syncd: Command) -> None:
    known.write([ANN, BOB, BOB])
    states = [(row["at"], row["state"], row["reason"]) for row in told(syncd)["rows"]]
    assert states == [("tenants.csv:3", "contact", None), ("tenants.csv:4", "excluded", REPEATED)]
    assert told(syncd)["decision"] == "unchanged"


def test_a_held_change_names_its_gates_and_the_command(known: World, syncd: Command) -> None:
    known.write(MANY)
    known.run()
    known.write([])
    known.run()
    found = told(syncd)
    assert [each["gate"] for each in found["held"]] == ["deletes.empty", "deletes.share"]
    code, out, _ = syncd("explain", "tenants", "2")
    assert (code, "next run  delete (held): the source has no row of it any more" in out) == (0, True)
    assert f"to let exactly these go on: syncd approve tenants {found['held'][0]['digest']}" in out


def test_a_rejected_contact_has_the_targets_reason(known: World, syncd: Command) -> None:
    known.sandbox.arm(POISON)
    known.write([ANN, BOB, ("66", "Poison", "")])
    known.run()
    found = told(syncd, "66")
    assert (found["decision"], found["ledger"]["status"]) == ("rejected", "rejected")
    assert found["why"].startswith("refused by Vocatech")


def test_a_contact_whose_call_has_no_known_outcome_is_told_so(known: World, syncd: Command) -> None:
    known.sandbox.arm(LOST_POSTS)
    known.write([ANN, BOB, CY])
    known.run()
    known.sandbox.disarm()
    found = told(syncd, "3")
    assert (found["ledger"]["status"], found["decision"]) == ("pending", "create")
    assert found["why"] == "the outcome of an earlier call is unknown"
    assert found["target"]["fields"]["Name"] == "Cy Lee"
    assert "a call was begun whose outcome is not known, no id known" in syncd("explain", "tenants", "3")[1]


def test_an_adopted_contact_whose_row_left_stays(known: World, syncd: Command) -> None:
    known.sandbox.store.add({"External ID": "3", "Name": "By hand"})
    (known.folder / "syncd.db").unlink()
    known.write([ANN, BOB, CY])
    known.run()
    known.write([ANN, BOB])
    found = told(syncd, "3")
    assert (found["decision"], found["why"].startswith("it was adopted")) == ("left", True)


def test_an_adopted_contact_that_left_is_told_to_have_stayed(known: World, syncd: Command) -> None:
    id_ = known.sandbox.store.add({"External ID": "3", "Name": "By hand"})
    (known.folder / "syncd.db").unlink()
    known.write([ANN, BOB, CY])
    known.run()
    known.write([ANN, BOB])
    known.run()
    found = told(syncd, "3")
    stayed = f"it was adopted, left the source, and stayed at the target as id {found['stayed']}"
    assert found["target"]["id"] == found["stayed"] == id_
    assert (found["decision"], found["why"]) == ("left", stayed)
    out = syncd("explain", "tenants", "3")[1]
    assert f"ledger    nothing any more: {stayed}" in out
    assert "has no contact for it" not in out


def test_a_rejected_contact_is_not_said_to_be_at_the_target_as_the_ledger_says(known: World, syncd: Command) -> None:
    known.sandbox.arm(POISON)
    known.write([ANN, BOB, ("66", "Poison", "")])
    known.run()
    known.sandbox.store.add({"External ID": "66", "Name": "By hand"})
    found = told(syncd, "66")
    assert (found["ledger"]["id"], found["target"]["differs"]) == (None, None)
    out = syncd("explain", "tenants", "66")[1]
    assert "no id known" in out
    assert f"id {found['target']['id']}; it has the same match fields, but the ledger does not know it" in out
    assert "as the ledger says" not in out


def test_what_left_is_known_by_its_history(known: World, syncd: Command) -> None:
    known.write([ANN])
    known.run()
    found = told(syncd)
    assert (found["rows"], found["ledger"], found["decision"], found["changes"]) == ([], None, "nothing", 2)
    out = syncd("explain", "tenants", "2")[1]
    assert "row       none: the source has no row of this key" in out
    assert "2 changes, the last: delete (accepted)" in out


def test_a_key_that_nothing_knows_is_refused_with_how_to_write_it(known: World, syncd: Command) -> None:
    code, _, err = syncd("explain", "tenants", "77")
    assert code == 2
    assert errors(err) == [
        "tenants: no row, no contact and no change of it has the key '77': write it as the source has it"
    ]
    known.sources["tenants"]["key"] = ["id", "name"]
    known.settings()
    assert "the key has 2 columns, write their values joined by +" in errors(syncd("explain", "tenants", "9")[2])[0]
    assert told(syncd, "2+Bob Jones")["rows"][0]["at"] == "tenants.csv:3"
    assert "did you mean 'tenants'" in errors(syncd("explain", "tenant", "2")[2])[0]


def test_what_was_undone_is_told_as_held(known: World, syncd: Command) -> None:
    known.write([ANN, ("2", "Robert Jones", "2125550102")])
    known.run()
    with State(known.folder / "syncd.db") as state:
        run = next(iter(state.history.runs()))["run"]
    assert syncd("undo", run)[0] == 0
    assert [each["gate"] for each in told(syncd)["held"]] == ["undone"]
