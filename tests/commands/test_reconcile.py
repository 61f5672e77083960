"""``syncd reconcile`` as a command: what it prints and which exit code it returns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.state import State
from syncd.target.contacts import Target
from tests.worlds.commands import Command
from tests.worlds.world import World

PEOPLE = [(f"{n:02}", f"Tenant {n}", f"212555{n:04}") for n in range(1, 31)]


@pytest.fixture
def synced(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A company whose contacts 01 to 30 are at the target, with the ids 1 to 30."""
    monkeypatch.chdir(world.folder)
    world.write(PEOPLE)
    world.run()
    return world


def test_it_says_in_a_line_that_nothing_differs(synced: World, syncd: Command) -> None:
    code, out, _ = syncd("reconcile")
    assert code == 0
    assert out.splitlines() == [
        "tenants: 30 as they were left",
        "At the target: 30 contacts: 30 of ours, 0 of others, never touched; 2 requests.",
    ]


def test_it_shows_what_differs_and_the_command_that_puts_it_right(synced: World, syncd: Command) -> None:
    synced.sandbox.store.delete(1)
    synced.sandbox.store.edit(2, {"Name": "Tina"})
    code, out, _ = syncd("reconcile")
    assert code == 3
    assert "  missing 01 (id 1)\n" in out
    assert "  edited 02 (id 2) (left alone: on_edit: report)\n      Name  Tenant 2 → Tina\n" in out
    assert "to put that right: syncd reconcile tenants --repair (1 to create)" in out
    code, out, _ = syncd("reconcile", "tenants", "--repair")
    assert code == 3
    assert "  repaired: 1 created\n" in out


def test_json_is_one_object_with_every_class(synced: World, syncd: Command) -> None:
    synced.sandbox.store.edit(2, {"Name": "Tina"})
    synced.sandbox.store.add({"External ID": "99"})
    code, out, _ = syncd("reconcile", "--json")
    found = json.loads(out)
    assert (found["exit"], found["repair"], found["requests"]) == (code, False, 2)
    assert found["target"] == {"contacts": 31, "extra_foreign": 1, "foreign_ids": [31], "shared_numbers": []}
    [source] = found["sources"]
    assert source["counts"] == {
        "same": 29,
        "missing": 0,
        "edited": 1,
        "extra_ours": 0,
        "pending": 0,
        "rejected": 0,
        "held": 0,
    }
    assert source["edited"][0]["fields"] == {"Name": {"old": "Tenant 2", "new": "Tina"}}


def test_what_a_repair_holds_is_shown_by_status_and_approved_by_its_digest(synced: World, syncd: Command) -> None:
    for number in range(1, 21):
        synced.sandbox.store.delete(number)
    code, out, _ = syncd("reconcile", "--repair")
    assert code == 3
    [line] = [line for line in out.splitlines() if "syncd approve" in line]
    digest = line.split()[-1]
    assert "Is it the right account?" in out
    assert digest in syncd("status")[1]
    code, out, _ = syncd("approve", "tenants", digest)
    assert (code, "syncd reconcile tenants --repair makes them" in out) == (0, True)
    assert "syncd reconcile tenants --repair makes use of it" in syncd("status")[1]
    assert syncd("reconcile", "--repair")[0] == 0
    assert len(synced.there()) == 30


def test_before_the_first_run_nothing_is_known_and_no_state_is_made(
    world: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world.folder)
    world.settings()
    code, out, _ = syncd("reconcile")
    assert (code, "syncd run comes first" in out) == (0, True)
    assert not (world.folder / "syncd.db").exists()


def test_a_target_that_cannot_be_read_is_told_and_tried_later(synced: World, syncd: Command) -> None:
    synced.sandbox.arm({"kind": "status", "status": 503, "times": None})
    code, out, err = syncd("reconcile", "--json")
    assert (code, json.loads(out)["error"]["exit"]) == (4, 4)
    assert err.splitlines()[-1].startswith("error: Vocatech")


def test_a_source_that_is_not_there_is_an_error_of_usage(synced: World, syncd: Command) -> None:
    code, _, err = syncd("reconcile", "tenant")
    assert (code, "did you mean 'tenants'" in err) == (2, True)


def test_a_source_under_repair_by_another_process_is_told(synced: World, syncd: Command) -> None:
    with State(synced.folder / "syncd.db") as state:
        state.leases.take("tenants", "elsewhere:1:x", 60)
        assert syncd("reconcile", "--repair")[0] == 5
        assert syncd("reconcile")[0] == 0


def test_no_line_of_the_log_holds_a_contact(synced: World, syncd: Command) -> None:
    synced.sandbox.store.edit(2, {"Name": "Tina"})
    _, _, err = syncd("--log-level", "debug", "reconcile", "--repair")
    assert "reconciled" in err
    assert not [text for text in ("Tina", "Tenant", "555", "test-key") if text in err]


def test_what_a_run_beside_it_sends_is_not_called_unknown(
    synced: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: Any = Target.contacts

    def listed(target: Target, *told: Any) -> Any:
        found = whole(target, *told)
        synced.write([*PEOPLE, ("77", "New", "")])
        synced.run()
        with State(synced.folder / "syncd.db") as state:
            state.leases.take("tenants", "elsewhere:1:x", 60)
        return found

    monkeypatch.setattr(Target, "contacts", listed)
    code, out, _ = syncd("reconcile")
    assert code == 0
    assert "pending: 1 contact: sent while the target was listed" in out
    assert "a run of the source is under way; compare again when it is over" in out
    assert "unknown" not in out
