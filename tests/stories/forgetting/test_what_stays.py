"""``syncd forget --number`` takes the number alone from a contact that has another one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.errors import Stopped
from syncd.state.leaving.leftovers import Leftovers
from tests.worlds.commands import Command
from tests.worlds.forgetting import ANN, BOB, CY, left_in_files
from tests.worlds.world import FIELDS, World, company

MOBILE = {"id": 5, "name": "Mobile", "is_phone": True, "is_match": False, "is_integration": False}
"""A phone field that the mapping does not name."""


@pytest.fixture
def two_phones(clean_process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with company(tmp_path, fields=[*FIELDS, MOBILE]) as world:
        world.sources["tenants"]["updates"] = {"at_most": {"share": "100%"}}
        world.settings()
        monkeypatch.chdir(world.folder)
        yield world


def phones_of_ann(world: World) -> tuple[str, str]:
    fields = world.there()["1"]
    return fields.get("Phone", ""), fields.get("Mobile", "")


def test_a_contact_whose_newest_row_was_refused_keeps_its_other_number(synced: World, syncd: Command) -> None:
    synced.sandbox.dialect("phone_count", "refused")
    refused = ("2", "Bob Otherman", "2125550102;7185550102;2125550111;2125550112;2125550113")
    synced.write([ANN, refused, CY])
    assert [each["key"] for each in synced.run().rejected] == ["2"]
    code, out, _ = syncd("forget", "--number", "2125550102")
    assert code == 0
    assert "1 contact without the number now" in out
    assert synced.there()["2"]["Phone"] == "7185550102"
    assert left_in_files(synced.folder, "2125550102") == {}
    # The row is refused once more, and is sent as soon as it can be.
    assert [each["key"] for each in synced.run(full=True).rejected] == ["2"]
    assert synced.there()["2"]["Phone"] == "7185550102"
    synced.write([ANN, ("2", "Bob Otherman", "2125550102;2125550111"), CY])
    assert synced.run().exit_code == 0
    assert synced.there()["2"]["Phone"] == "2125550111"


@pytest.mark.parametrize("adopted", [False, True])
def test_a_contact_with_a_number_that_no_row_has_sent_stays_and_is_let_go(
    two_phones: World, syncd: Command, adopted: bool
) -> None:
    world = two_phones
    if adopted:
        world.sandbox.store.add({"External ID": "1", "Name": ANN[1], "Phone": ANN[2], "Mobile": "3125550101"})
    world.write([ANN, BOB, CY])
    world.run()
    if not adopted:
        world.sandbox.store.edit(1, {"Mobile": "3125550101"})
        world.write([("1", "Ann Newername", ANN[2]), BOB, CY])
        world.run()
    code, out, _ = syncd("forget", "--number", ANN[2], "--dry-run")
    assert code == 0
    assert "syncd lets it go: all numbers of its row were forgotten" in out
    assert "delete" not in out
    found = json.loads(syncd("forget", "--number", ANN[2], "--json")[1])
    counts = found["sources"][0]["counts"]
    assert (found["exit"], counts["deleted"], counts["changed"], counts["released"]) == (0, 0, 1, 1)
    assert left_in_files(world.folder, ANN[2]) == {}
    [left] = world.run(full=True).left
    assert (left["key"], left["reason"].split(",")[0]) == ("1", "all numbers of its row were forgotten")
    for full in (False, True):
        assert world.run(full=full).made == 0
    assert phones_of_ann(world) == ("", "3125550101")
    found = json.loads(syncd("forget", "--number", "3125550101", "--dry-run", "--json")[1])
    assert [(each["key"], each["id"]) for each in found["sources"][0]["stays"]] == [("1", 1)]
    explained = syncd("explain", "tenants", "1")[1]
    assert "all numbers of its row were forgotten, and it stayed at the target as id 1" in explained
    assert "it was adopted" not in explained
    # With another number of its row, its contact is syncd's again.
    world.write([("1", "Ann Newername", "2125550177"), BOB, CY])
    world.run()
    assert phones_of_ann(world) == ("2125550177", "3125550101")


def test_a_command_that_ends_before_it_lets_the_contact_go_is_completed_by_the_next_run(
    two_phones: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = two_phones
    world.write([ANN, BOB, CY])
    world.run()
    world.sandbox.store.edit(1, {"Mobile": "3125550101"})
    world.write([("1", "Ann Newername", ANN[2]), BOB, CY])
    world.run()

    def ended(*_: object) -> None:
        raise Stopped("ended")

    with monkeypatch.context() as patched:
        patched.setattr(Leftovers, "let_go", ended)
        assert syncd("forget", "--number", ANN[2])[0] != 0
    assert phones_of_ann(world) == ("", "3125550101")
    for _ in range(2):
        assert world.run(full=True).made == 0
    assert phones_of_ann(world) == ("", "3125550101")
    assert left_in_files(world.folder, ANN[2]) == {}


def test_a_contact_whose_number_the_target_does_not_take_away_is_never_deleted(
    two_phones: World, syncd: Command
) -> None:
    world = two_phones
    world.write([ANN, BOB, CY])
    world.run()
    world.sandbox.store.edit(1, {"Mobile": "3125550101"})
    world.write([("1", "Ann Newername", ANN[2]), BOB, CY])
    world.run()
    world.sandbox.arm({"kind": "poison", "field": "External ID", "value": "1", "whole": None})
    assert syncd("forget", "--number", ANN[2])[0] == 4
    for _ in range(2):
        assert world.run(full=True).made == 0
        assert phones_of_ann(world) == (ANN[2], "3125550101")
    world.sandbox.disarm()
    world.run()
    assert phones_of_ann(world) == ("", "3125550101")
    assert left_in_files(world.folder, ANN[2]) == {}
    assert world.run(full=True).made == 0


def test_a_row_that_has_no_number_of_itself_keeps_its_contact(two_phones: World, syncd: Command) -> None:
    world = two_phones
    world.write([ANN, BOB, CY])
    world.run()
    world.sandbox.store.edit(1, {"Mobile": "3125550101"})
    world.write([("1", "Ann Newername", ""), BOB, CY])
    world.run()
    found = json.loads(syncd("forget", "--number", ANN[2], "--json")[1])
    assert found["sources"][0]["counts"]["released"] == 0
    world.write([("1", "Ann Newestname", ""), BOB, CY])
    assert world.run().counts["update"] == 1
