"""``syncd whois``: whom a phone shows for a number, from the state alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.state import State
from tests.worlds.commands import Command
from tests.worlds.tenants import ANN, BOB
from tests.worlds.world import World


@pytest.fixture
def office(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Ann has 212-555-0101, Bob 212-555-0102."""
    world.write([ANN, BOB])
    world.run()
    monkeypatch.chdir(world.folder)
    return world


def asked(syncd: Command, number: str, *more: str) -> dict[str, Any]:
    code, out, err = syncd("whois", number, "--json", *more)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def newest(world: World) -> dict[str, Any]:
    with State(world.folder / "syncd.db", read_only=True) as state:
        return next(iter(state.history.runs()))


WRITTEN = (
    *("2125550101", "(212) 555-0101", "+1 212 555 0101", "001 212 555 0101", "12125550101", "011 1 212 555 0101"),
    *("tel:+1-212-555-0101;ext=5", "212.555.0101 x12"),
)


@pytest.mark.parametrize("written", WRITTEN)
def test_a_number_is_found_however_it_is_written(office: World, syncd: Command, written: str) -> None:
    found = asked(syncd, written)
    assert (found["number"], [each["name"] for each in found["contacts"]]) == ("2125550101", ["Ann Smith"])


def test_what_is_told_of_a_contact(office: World, syncd: Command) -> None:
    run = newest(office)["run"]
    found = asked(syncd, "2125550102")
    since = found["contacts"][0].pop("since")
    assert since.endswith("Z")
    assert found == {
        "number": "2125550102",
        "ambiguous": False,
        "contacts": [
            {
                "source": "tenants",
                "key": "2",
                "id": 2,
                "name": "Bob Jones",
                "fields": {"External ID": "2", "Name": "Bob Jones", "Phone": "2125550102"},
                "at": "tenants.csv:3",
                "run": run,
                "status": "accepted",
            }
        ],
        "before": [],
        "not_there": [],
        "complete": True,
    }
    code, out, _ = syncd("whois", "2125550102")
    assert (code, out.splitlines()[0]) == (0, "2125550102 shows Bob Jones (tenants, key 2)")
    assert f"; last changed by run {run}, tenants.csv:3" in out


def test_nobody_is_no_error(office: World, syncd: Command) -> None:
    assert asked(syncd, "2125550199")["contacts"] == []
    code, out, _ = syncd("whois", "2125550199")
    assert (code, out) == (0, "2125550199 shows nobody: no contact of syncd has this number\n")
