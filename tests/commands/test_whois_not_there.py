"""``syncd whois`` tells why somebody who has a number is not at the target with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syncd.state import State
from syncd.state.leaving.forgotten import Forgotten
from tests.worlds.commands import Command
from tests.worlds.sql_sqlite_file import SqliteFile
from tests.worlds.tenants import ANN, BOB, MANY, POISON
from tests.worlds.world import World

NUMBER = "2125550177"


@pytest.fixture
def office(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Ann and Bob are at the target; their rows stand before others."""
    world.write([ANN, BOB])
    world.run()
    monkeypatch.chdir(world.folder)
    return world


def not_there(world: World, syncd: Command, number: str = NUMBER) -> list[dict[str, Any]]:
    world.settings()
    code, out, err = syncd("whois", number, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return list(found["not_there"])


def told(world: World, syncd: Command, number: str = NUMBER) -> list[tuple[Any, ...]]:
    return [(each["key"], each["at"], each["why"], each["reason"]) for each in not_there(world, syncd, number)]


def test_an_invalid_row_is_told_with_its_place_and_reason(office: World, syncd: Command) -> None:
    office.sources["tenants"]["mapping"]["Name"] = {"from": "name", "empty": "reject"}
    office.write([ANN, BOB, ("9", "", "(212) 555-0177")])
    office.run()
    [found] = not_there(office, syncd)
    assert found == {
        "source": "tenants",
        "key": "9",
        "name": None,
        "at": "tenants.csv:4",
        "why": "invalid",
        "reason": "Name: empty",
    }
    out = syncd("whois", NUMBER)[1]
    assert "not there no name (tenants, key 9), tenants.csv:4: invalid: Name: empty" in out
    assert "correct the row; the next run sends it" in out


def test_a_row_without_a_key_is_told_too(office: World, syncd: Command) -> None:
    office.write([ANN, BOB, ("", "Cy Lee", NUMBER)])
    office.run()
    assert told(office, syncd) == [("", "tenants.csv:4", "invalid", "no key")]


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"where": "name <> 'former'"}, "where: name <> 'former'"),
        ({"require": ["Note"]}, "lacks Note"),
        ({"mode": "update_only"}, "mode: update_only, and the target does not have it"),
    ],
)
def test_an_excluded_row_is_told(office: World, syncd: Command, rules: dict[str, Any], reason: str) -> None:
    office.sources["tenants"] |= rules
    office.sources["tenants"]["mapping"]["Note"] = {"from": "name", "map": {"former": ""}}
    office.write([ANN, BOB, ("9", "former", NUMBER)])
    office.run()
    assert told(office, syncd) == [("9", "tenants.csv:4", "excluded", reason)]


def test_a_row_whose_key_an_earlier_row_has_is_told(office: World, syncd: Command) -> None:
    office.write([ANN, BOB, ("2", "Robert", NUMBER)])
    office.run()
    reason = "duplicate key: tenants.csv:3 has it too, and is used"
    # The contact of the key is there, with another number.
    assert told(office, syncd) == [("2", "tenants.csv:4", "invalid", reason)]


def test_a_contact_that_the_target_refuses_is_told(office: World, syncd: Command) -> None:
    office.sandbox.arm(POISON)
    office.write([ANN, BOB, ("9", "Poison", NUMBER)])
    office.run()
    [(key, at, why, reason)] = told(office, syncd)
    assert (key, at, why, reason.startswith("refused by Vocatech")) == ("9", "tenants.csv:4", "rejected", True)
    assert "syncd rejects retry tenants" in syncd("whois", NUMBER)[1]
    office.sandbox.disarm()
    office.write([ANN, BOB, ("9", "Poisson", NUMBER)])
    office.run()
    assert told(office, syncd) == []


def test_a_change_that_a_gate_holds_is_told(office: World, syncd: Command) -> None:
    office.write(MANY)
    office.run()
    office.write([(key, name, NUMBER if key == "7" else f"646555{n:04}") for n, (key, name, _) in enumerate(MANY)])
    office.run()
    [(key, at, why, reason)] = told(office, syncd)
    assert (key, at, why, reason.startswith("updates.share: 30 of 30")) == ("7", "tenants.csv:8", "held", True)


def test_an_impossible_number_that_was_left_out_is_told_and_another_one_of_the_row_is_not(
    office: World, syncd: Command
) -> None:
    office.sources["tenants"]["phones"] = {"invalid": "drop"}
    office.write([ANN, BOB, ("9", "Cy Lee", "2125550103; 1125550177")])
    office.run()
    assert told(office, syncd, "1125550177") == [
        ("9", "tenants.csv:4", "impossible", "no such number is possible, so it is left out")
    ]
    assert told(office, syncd, "2125550103") == []
    # The next run sees the same.
    office.run()
    assert len(told(office, syncd, "1125550177")) == 1


def test_a_contact_whose_match_value_another_one_has_is_told(office: World, syncd: Command) -> None:
    office.sources["tenants"]["mapping"]["External ID"] = "ref"
    office.write([(*ANN, "a"), ("9", "Cy Lee", NUMBER, "a")], header="id,name,phone,ref")
    office.run()
    [(key, at, why, _)] = told(office, syncd)
    assert (key, at, why) == ("9", "tenants.csv:3", "shared match")


def test_a_number_that_was_forgotten_is_told_without_a_contact(office: World, syncd: Command) -> None:
    Forgotten(office.folder / "syncd.db").add_everywhere([NUMBER], 1.0)
    office.sources["tenants"]["where"] = "name <> 'former'"
    office.write([ANN, BOB, ("9", "former", NUMBER)])
    office.run()
    [found] = not_there(office, syncd)
    assert (found["source"], found["key"], found["why"]) == ("", "", "forgotten")
    with State(office.folder / "syncd.db", read_only=True) as state:
        assert state.rows("SELECT * FROM unsent") == []


def test_a_row_that_is_sent_at_last_is_told_no_more(office: World, syncd: Command) -> None:
    office.sources["tenants"]["where"] = "name <> 'former'"
    office.write([ANN, BOB, ("9", "former", NUMBER)])
    office.run()
    office.write([ANN, BOB, ("9", "Cy Lee", NUMBER)])
    office.run()
    assert told(office, syncd) == []


def test_a_partial_read_speaks_only_of_the_rows_that_it_shows(
    world: World, syncd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = SqliteFile(tmp_path / "people.db")
    table.run("CREATE TABLE people (id varchar(20), name varchar(40), phone varchar(40), changed int)")
    cursor = {"column": "changed", "type": "number", "overlap": 0}
    world.sources["tenants"] |= {
        "connector": "sql",
        "options": {"url": table.url, "table": "people", "cursor": cursor, "sweep": 0},
        "where": "name <> 'former'",
    }
    rows = (("1", "Ann", "2125550101", 1), ("7", "former", NUMBER, 1), ("8", "former", "2125550188", 1))
    table.run(*(f"INSERT INTO people VALUES {row}" for row in rows))
    world.run()
    monkeypatch.chdir(world.folder)
    assert [key for key, *_ in told(world, syncd)] == ["7"]
    table.run("UPDATE people SET name = 'Cy', changed = 2 WHERE id = '7'")
    table.run("INSERT INTO people VALUES ('9', 'former', '2125550199', 2)")
    assert world.run().read == "partial"
    assert told(world, syncd) == []
    assert [key for key, *_ in told(world, syncd, "2125550188")] == ["8"]
    assert [key for key, *_ in told(world, syncd, "2125550199")] == ["9"]


def test_only_so_many_are_kept_and_the_answer_says_so(
    office: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.finish.unsent.MOST", 3)
    office.sources["tenants"]["where"] = "name <> 'former'"
    office.write([ANN, BOB, *((f"x{n}", "former", NUMBER) for n in range(4))])
    office.run()
    assert len(told(office, syncd)) == 3
    assert json.loads(syncd("whois", "2125550101", "--json")[1])["complete"] is False
    assert "more rows than syncd remembers are not sent" in syncd("whois", NUMBER)[1]
    office.write([ANN, BOB])
    office.run()
    assert json.loads(syncd("whois", "2125550101", "--json")[1])["complete"] is True


def test_rows_that_are_as_before_are_not_written_again(office: World) -> None:
    office.sources["tenants"]["where"] = "name <> 'former'"
    office.write([ANN, BOB, ("9", "former", NUMBER)])
    office.run()
    with State(office.folder / "syncd.db") as state:
        state.execute("DELETE FROM unsent")
        office.run()
        assert state.rows("SELECT * FROM unsent") == []


def test_a_reset_of_the_ledger_forgets_such_rows_until_the_next_run(office: World, syncd: Command) -> None:
    office.sources["tenants"]["where"] = "name <> 'former'"
    office.write([ANN, BOB, ("9", "former", NUMBER)])
    office.run()
    assert syncd("state", "reset", "tenants", "--ledger", "--yes")[0] == 0
    assert told(office, syncd) == []
    office.run()
    assert [row[0] for row in told(office, syncd)] == ["9"]


def test_nothing_is_told_of_rows_of_a_source_that_is_not_configured_any_more(office: World, syncd: Command) -> None:
    office.sources["tenants"]["where"] = "name <> 'former'"
    office.write([ANN, BOB, ("9", "former", NUMBER)])
    office.run()
    with office.state() as state:
        state.put("fact", name="unsent.more.tenants", value="yes")
    office.sources["people"] = office.sources.pop("tenants")
    assert told(office, syncd) == []
    assert json.loads(syncd("whois", NUMBER, "--json")[1])["complete"] is True
    office.run()
    assert [(each["source"], each["key"]) for each in not_there(office, syncd)] == [("people", "9")]
