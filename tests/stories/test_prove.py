"""``syncd check --prove``: damaged copies of a source meet the gates that real damage would meet."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.plan.number_gates import number_rules
from syncd.prove import Proof, Proved, prove
from syncd.run.session import open_session
from tests.worlds.commands import Command
from tests.worlds.world import World

PEOPLE = [(str(n), f"Tenant {n}", f"212555{n:04}") for n in range(1, 31)]


@pytest.fixture
def company(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A company with a configuration and 30 rows; the working folder is the company's."""
    monkeypatch.chdir(world.folder)
    world.write(PEOPLE)
    world.settings()
    return world


def proved(world: World) -> Proved:
    settings = world.settings()
    with open_session(settings, dry_run=True) as session:
        source = settings.sources["tenants"]
        return prove(source, number_rules(source, settings), session.target.fields(), session.clock())


def proof(world: World, damage: str) -> Proof:
    [found] = [each for each in proved(world).proofs if each.damage == damage]
    return found


def gates(found: Proof) -> set[str]:
    return {held.gate for held in found.held}


@pytest.mark.parametrize(
    ("damage", "fired"),
    [
        ("empty", {"deletes.empty", "deletes.share"}),
        ("truncated", {"deletes.share"}),
        ("shifted", {"deletes.share", "deletes.keyless"}),
        ("changed", {"updates.share", "numbers.lost"}),
        ("shifted-phones", {"updates.share", "numbers.lost"}),
        ("filled-phones", {"updates.share", "numbers.lost", "numbers.same"}),
    ],
)
def test_every_damage_fires_its_gate(company: World, damage: str, fired: set[str]) -> None:
    found = proof(company, damage)
    assert gates(found) == fired
    assert found.guarded


def test_a_missing_canary_is_a_gate_too(company: World) -> None:
    company.sources["tenants"]["canaries"] = ["30"]
    assert "deletes.canary" in gates(proof(company, "truncated"))


def test_gates_that_were_set_wide_open_are_told_with_the_setting(company: World) -> None:
    company.sources["tenants"]["deletes"] = {"at_most": {"share": "100%"}}
    company.sources["tenants"]["updates"] = {"at_most": {"share": "100%"}}
    company.numbers = {"at_most": {"lost": "100%", "same": "100%"}}
    truncated, changed = proof(company, "truncated"), proof(company, "changed")
    assert truncated.advice == ("15 deletes pass of 30 contacts: lower deletes: {at_most: {share: …}} or {count: …}",)
    assert changed.advice == ("30 updates pass of 30 contacts: lower updates: {at_most: {share: …}}",)
    assert proof(company, "empty").guarded


def test_numbers_are_guarded_though_updates_are_wide_open(company: World) -> None:
    company.sources["tenants"]["updates"] = {"at_most": {"share": "100%"}}
    shifted, filled = proof(company, "shifted-phones"), proof(company, "filled-phones")
    assert (gates(shifted), shifted.guarded) == ({"numbers.lost"}, True)
    assert (gates(filled), filled.guarded) == ({"numbers.lost", "numbers.same"}, True)


def test_what_is_free_is_told_as_well(company: World) -> None:
    company.write(PEOPLE[:8])
    found = proof(company, "truncated")
    assert found.through["delete"] == 4
    assert "{free: 0}" in found.advice[0]
    assert "fewer than 20" in proof(company, "changed").advice[0]


def test_a_mode_that_deletes_none_needs_no_gate_for_it(company: World) -> None:
    company.sources["tenants"]["mode"] = "upsert"
    found = proof(company, "truncated")
    assert (found.guarded, gates(found), sum(found.through.values())) == (True, set(), 0)


def test_a_field_made_of_the_match_field_changes_with_it(company: World) -> None:
    company.sources["tenants"]["key"] = "id"
    company.sources["tenants"]["mapping"] = {"External ID": "phone"}
    found = proof(company, "changed")
    assert gates(found) == {"updates.share"}


def test_where_and_the_region_are_left_as_they_are(company: World) -> None:
    company.sources["tenants"]["where"] = "name <> 'former'"
    found = proof(company, "changed")
    assert gates(found) == {"updates.share", "numbers.lost"}
    assert found.held[0].count == 30


def test_a_copy_that_the_mapping_cannot_take_stops_the_run(company: World) -> None:
    company.sources["tenants"]["mapping"]["Note"] = {"sql": "CAST(CAST(id AS INT) AS VARCHAR)"}
    assert proof(company, "empty").guarded
    assert proof(company, "shifted").guarded


def test_nothing_is_written_and_the_target_is_asked_for_its_fields_only(company: World) -> None:
    proved(company)
    assert [entry.method for entry in company.sandbox.requests] == ["GET"]
    assert not (company.folder / "syncd.db").exists()


def test_a_ledger_that_is_there_is_not_looked_at(company: World) -> None:
    company.run()
    before = (company.folder / "syncd.db").read_bytes()
    assert proved(company).contacts == 30
    assert (company.folder / "syncd.db").read_bytes() == before


def test_a_source_that_cannot_be_read_is_told(company: World, syncd: Command) -> None:
    (company.folder / "tenants.csv").unlink()
    assert proved(company).exit_code == 4
    assert syncd("check", "--prove")[0] == 4


def test_the_command_shows_a_table_and_says_what_is_not_held(company: World, syncd: Command) -> None:
    code, out, _ = syncd("check", "--prove")
    assert code == 0
    assert "tenants: damaged copies, beside 30 known contacts" in out
    assert [line.split()[:3] for line in out.splitlines() if line.startswith("truncated")] == [
        ["truncated", "15", "nothing"]
    ]
    company.sources["tenants"]["deletes"] = {"at_most": {"share": "100%"}}
    company.settings()
    code, out, _ = syncd("check", "--prove")
    assert code == 3
    assert "NOT HELD: truncated: 15 deletes pass of 30 contacts" in out
    assert "Ready, but not every damage is held" in out


def test_json_tells_the_steps_and_each_copy(company: World, syncd: Command) -> None:
    code, out, _ = syncd("check", "--prove", "--json")
    found: dict[str, Any] = json.loads(out)
    assert (code, found["exit"], found["steps"][0]["mark"]) == (0, 0, "good")
    [source] = found["proved"]
    assert [each["copy"] for each in source["copies"]] == [
        "empty",
        "truncated",
        "shifted",
        "changed",
        "shifted-phones",
        "filled-phones",
    ]
    assert source["copies"][1]["held"][0]["detail"] == ("15 of 30 contacts (50 %) would be deleted; 20 % is allowed")
    assert "proved" not in json.loads(syncd("check", "--json")[1])
