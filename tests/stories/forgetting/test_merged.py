"""A forgotten key leaves nothing in the contact that it was merged into, and no undo brings its number back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence

import pytest

from tests.worlds.commands import Command
from tests.worlds.forgetting import left_in_files
from tests.worlds.world import World

ANN = ("1", "Ann Withername", "2125550101", "a@example.com")
BOB = ("2", "Bob Otherman", "2125550102", "a@example.com")
CY = ("3", "Cy Thirdly", "2125550103", "c@example.com")


def write(world: World, *rows: Sequence[str]) -> None:
    world.write(rows, header="id,name,phone,mail")


def phone(world: World) -> str:
    return world.there()["a@example.com"]["Phone"]


def undo_every_run(syncd: Command) -> list[str]:
    """Undo each run, the newest first, and return why changes were not undone."""
    runs = json.loads(syncd("history", "--json")[1])["runs"]
    reports = [json.loads(syncd("undo", each["run"], "--json")[1]) for each in runs if each["kind"] == "run"]
    return [each["reason"] for report in reports for part in report["sources"] for each in part["kept"]]


@pytest.fixture
def merged(clean_process: None, world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Bob's number, and the number that he had before, were merged into Ann's contact."""
    monkeypatch.chdir(world.folder)
    world.sources["tenants"]["shared_match"] = "merge_phones"
    world.sources["tenants"]["mapping"]["External ID"] = {"sql": "mail"}
    world.sources["tenants"]["updates"] = {"at_most": {"share": "100%"}}
    for number in ("2125550199", BOB[2]):
        write(world, ANN, (*BOB[:2], number, BOB[3]), CY)
        world.run()
    assert phone(world) == f"{ANN[2]};{BOB[2]}"
    return world


def test_its_numbers_leave_the_contact_and_its_past_with_the_next_run(merged: World, syncd: Command) -> None:
    assert syncd("forget", "tenants", "2")[0] == 0
    assert merged.run().counts["update"] == 1
    assert phone(merged) == ANN[2]
    assert left_in_files(merged.folder, BOB[2], "2125550199") == {}
    for number in (BOB[2], "2125550199"):
        assert "Ann" not in syncd("whois", number)[1]
    undo_every_run(syncd)
    for _ in range(2):
        merged.run(full=True)
    assert BOB[2] not in str(merged.there())
    assert "2125550199" not in str(merged.there())


def test_until_that_run_no_undo_changes_the_contact(merged: World, syncd: Command) -> None:
    assert syncd("forget", "tenants", "2")[0] == 0
    reasons = undo_every_run(syncd)
    assert any(each.startswith("a key that was merged into it was forgotten") for each in reasons)
    assert "2125550199" not in phone(merged)
    merged.run()
    assert phone(merged) == ANN[2]


def test_a_number_that_another_row_of_the_contact_gives_stays(merged: World, syncd: Command) -> None:
    write(merged, (*ANN[:2], f"{ANN[2]};{BOB[2]}", ANN[3]), BOB, CY)
    merged.run()
    assert syncd("forget", "tenants", "2")[0] == 0
    merged.run()
    assert phone(merged) == f"{ANN[2]};{BOB[2]}"
    assert left_in_files(merged.folder, "2125550199") == {}


def test_a_contact_that_cannot_be_sent_is_parted_as_soon_as_it_is(merged: World, syncd: Command) -> None:
    assert syncd("forget", "tenants", "2")[0] == 0
    merged.sandbox.arm({"kind": "poison", "field": "External ID", "value": ANN[3], "whole": None})
    assert merged.run().rejected
    merged.sandbox.disarm()
    write(merged, (ANN[0], "Ann Newername", *ANN[2:]), BOB, CY)
    merged.run()
    assert phone(merged) == ANN[2]
    assert left_in_files(merged.folder, BOB[2], "2125550199") == {}


def test_a_restored_state_is_parted_too(merged: World, syncd: Command) -> None:
    shutil.copy(merged.folder / "syncd.db", merged.folder / "backup")
    assert syncd("forget", "tenants", "2")[0] == 0
    merged.run()
    (merged.folder / "backup").replace(merged.folder / "syncd.db")
    merged.run()
    assert phone(merged) == ANN[2]
    assert left_in_files(merged.folder, BOB[2], "2125550199") == {}
