"""The match field exchanges its name with another field: every command says the same, and nothing is sent."""

from __future__ import annotations

import pytest

from tests.worlds.commands import Command
from tests.worlds.world import FIELDS, World

COMMANDS = ("run --dry-run", "run --dry-run --full", "explain tenants 3", "check", "check --prove", "reconcile", "run")


def called(world: World, names: dict[str, str]) -> None:
    world.sandbox.store.set_fields(
        [{**field, "name": names.get(str(field["name"]), field["name"])} for field in FIELDS]
    )


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"External ID": "Note", "Note": "External ID"}, "the match field 'Note' is not mapped: add it to mapping"),
        (
            {"External ID": "Code", "Note": "External ID"},
            "the match field 'Code' is not mapped: add it to mapping",
        ),
        (
            {"External ID": "Code"},
            "the contact field 'External ID' was renamed at the target and is called 'Code' now: write that here",
        ),
        (
            {"External ID": "Note", "Note": "Phone", "Phone": "External ID"},
            "the match field 'Note' is not mapped: add it to mapping",
        ),
    ],
)
@pytest.mark.parametrize("first", ["read-only", "run"])
def test_every_command_says_the_same(
    company: World, syncd: Command, names: dict[str, str], said: str, first: str
) -> None:
    assert syncd("run")[0] == 0
    before = company.writes()
    called(company, names)
    # A run notes the new names in the state; what it says must not depend on that.
    for command in COMMANDS if first == "read-only" else COMMANDS[::-1]:
        code, out, err = syncd(*command.split())
        assert code == 2, (command, err)
        assert said in out + err, command
        assert "defect" not in err, command
    assert company.writes() == before


def test_a_dry_run_sees_what_a_run_holds_if_mapped_fields_exchange_their_names(company: World, syncd: Command) -> None:
    assert syncd("run")[0] == 0
    called(company, {"External ID": "Name", "Name": "External ID"})
    for command in ("run --dry-run", "run", "run --dry-run"):
        code, out, _ = syncd(*command.split())
        assert (code, "is the name of another contact field now" in out) == (3, True), command
