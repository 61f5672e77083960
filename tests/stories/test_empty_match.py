"""A contact with an empty match value is never sent, whatever asks for it."""

from __future__ import annotations

import json

import pytest

from tests.worlds.commands import Command, errors
from tests.worlds.world import FIELDS, World

MATCH_BY_NOTE = [{**field, "is_match": field["name"] in {"External ID", "Note"}} for field in FIELDS]
ROWS = [("1", "Ada", "2125550101", "one"), ("2", "Ben", "2125550102", ""), ("3", "Cyd", "2125550103", "three")]


@pytest.fixture
def noted(company: World, syncd: Command) -> World:
    """Three contacts at the target, the second without a note; then the note becomes a match field."""
    company.sources["tenants"]["mapping"]["Note"] = "note"
    company.write(ROWS, header="id,name,phone,note")
    company.settings()
    assert syncd("run")[0] == 0
    company.sandbox.store.set_fields(MATCH_BY_NOTE)
    return company


def ids(world: World) -> dict[str, int]:
    return {each["fields"]["External ID"]: each["id"] for each in world.sandbox.store.contacts()}


def approved(syncd: Command, *arguments: str) -> tuple[int, str, str]:
    """Run a command that a change of the match fields holds, approve what is held, and run it again."""
    syncd(*arguments)
    for digest in {word for word in syncd("status")[1].split() if len(word) == 16 and word.isalnum()}:
        syncd("approve", "tenants", digest)
    return syncd(*arguments)


def test_a_repair_leaves_it_and_says_why(noted: World, syncd: Command) -> None:
    for key in ("2", "3"):
        noted.sandbox.store.delete(ids(noted)[key])
    for _ in range(2):
        code, out, err = approved(syncd, "reconcile", "--repair")
        assert (code, errors(err)) == (3, [])
        assert "its match field 'Note' is empty, so the target could take it for any contact" in out
    assert set(ids(noted)) == {"1", "3"}
    # The other missing contact is not held up by it.
    assert len(noted.sandbox.store.contacts()) == 2


def test_a_repair_of_an_edited_contact_leaves_it_too(noted: World, syncd: Command) -> None:
    noted.sandbox.store.edit(ids(noted)["2"], {"Name": "Benny"})
    before = noted.writes()
    code, out, _ = approved(syncd, "reconcile", "--repair")
    assert (code, "its match field 'Note' is empty" in out) == (3, True)
    assert noted.writes() == before


def test_a_run_calls_the_row_invalid(noted: World, syncd: Command) -> None:
    before = noted.writes()
    code, out, _ = syncd("run", "--full")
    assert (code, "invalid" in out) == (3, True)
    assert noted.writes() == before


def test_an_undo_leaves_it_too(company: World, syncd: Command) -> None:
    company.sources["tenants"]["mapping"]["Note"] = "note"
    company.sources["tenants"]["deletes"] = {"at_most": {"free": 10}}
    company.write(ROWS, header="id,name,phone,note")
    company.settings()
    syncd("run")
    company.write(ROWS[:1], header="id,name,phone,note")
    syncd("run")
    assert set(ids(company)) == {"1"}
    [run] = {each["run"] for each in json.loads(syncd("history", "--json")[1])["runs"] if each["counts"]["delete"]}
    company.sandbox.store.set_fields(MATCH_BY_NOTE)
    code, out, err = approved(syncd, "undo", run)
    assert (code, errors(err)) == (3, [])
    assert "empty match value" in out
    assert "2" not in ids(company)
