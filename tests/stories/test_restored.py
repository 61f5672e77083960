"""``syncd state restore``: a restored state finds out what has happened since, and the target is right again."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.errors import TargetError
from syncd.run.session import open_session
from syncd.state.hand.backup import back_up
from syncd.state.hand.catching_up import CatchingUp
from syncd.state.hand.restore import condition_of, restore
from tests.worlds.runs import last_run, undo
from tests.worlds.world import World

PEOPLE = [(str(number), f"Tenant {number}", f"212555{number:04}") for number in range(1, 13)]
PERSONS = {"External ID": "P1", "Name": "Somebody", "Phone": "7185550001"}


@pytest.fixture
def saved(world: World) -> World:
    """A company with 12 contacts and one of a person, and a backup of its state."""
    world.sandbox.store.add(PERSONS)
    world.sources["tenants"]["deletes"] = {"at_most": {"count": 100, "share": "100%"}}
    world.write(PEOPLE)
    world.run()
    save(world)
    return world


def save(world: World, name: str = "saved.db") -> Path:
    return back_up(world.folder / "syncd.db", world.folder / name, now=1.0, force=True).path


def put_back(world: World, name: str = "saved.db") -> None:
    state = world.folder / "syncd.db"
    restore(world.folder / name, state, condition_of(state))


def due(world: World) -> bool:
    with world.state() as state:
        return CatchingUp(state).is_due()


def of(rows: list[tuple[str, str, str]]) -> dict[str, dict[str, str]]:
    return {key: {"External ID": key, "Name": name, "Phone": phone} for key, name, phone in rows}


def phones(world: World) -> list[tuple[str, str]]:
    """Return name and number of each contact at the target."""
    there = [each["fields"] for each in world.sandbox.store.contacts()]
    return sorted((fields.get("Name", ""), fields.get("Phone", "")) for fields in there)


def holds(world: World, rows: list[tuple[str, str, str]]) -> bool:
    """Tell whether the target has exactly these rows, each once, and the person's contact as it was."""
    wanted = {**of(rows), "P1": PERSONS}
    return {key: {name: fields[name] for name in PERSONS} for key, fields in world.there().items()} == wanted


LATER = [
    ("1", "Tenant 1", "2125550001"),
    ("2", "Renamed", "2125550002"),  # updated
    *PEOPLE[4:],  # 3 and 4 deleted
    ("13", "Tenant 13", "2125550013"),  # created
]


def test_runs_after_the_backup_are_read_back(saved: World) -> None:
    saved.write(LATER)
    saved.run()
    put_back(saved)
    assert due(saved)
    report = saved.run()
    assert {kind: count for kind, count in report.counts.items() if count} == {"adopt": 1, "unchanged": 10}
    assert holds(saved, LATER)
    assert not due(saved)
    assert saved.run().counts["unchanged"] == 11


def test_what_the_source_asks_now_is_what_the_target_gets(saved: World) -> None:
    saved.write(LATER)
    saved.run()
    put_back(saved)
    # 4 is back, 5 is gone, 13 is changed, and 2 is as it was at the backup.
    now = [PEOPLE[0], PEOPLE[1], PEOPLE[3], *PEOPLE[5:], ("13", "Another", "2125550013")]
    saved.write(now)
    report = saved.run()
    assert (report.counts["create"], report.counts["update"], report.counts["delete"]) == (1, 1, 1)
    assert report.error is None
    assert holds(saved, now)


def test_a_dry_run_says_what_the_run_will_do_and_changes_nothing(saved: World) -> None:
    saved.write(LATER)
    saved.run()
    put_back(saved)
    before = dict(saved.sandbox.store.rows)
    dry = saved.run(dry_run=True)
    assert due(saved)
    assert dict(saved.sandbox.store.rows) == before
    assert saved.run().counts == dry.counts


def test_a_contact_that_moved_since_is_neither_doubled_nor_lost(by_phone: World) -> None:
    world = by_phone
    world.sandbox.store.add({"Name": "Somebody", "Phone": "7185550001"})
    world.write(PEOPLE)
    world.run()
    save(world)
    moved = [("1", "Tenant 1", "2125559001"), ("2", "Tenant 3", "2125550003"), ("3", "Tenant 2", "2125550002")]
    world.write([*moved, *PEOPLE[3:]])
    world.run()
    put_back(world)
    world.run()
    wanted = [("Somebody", "7185550001"), *((name, phone) for _, name, phone in [*moved, *PEOPLE[3:]])]
    assert phones(world) == sorted(wanted)


def test_a_contact_of_a_person_that_has_taken_a_deleted_ones_place_stays(saved: World) -> None:
    saved.write(PEOPLE[1:])
    saved.run()
    # With the same values: only its id tells that it is not the contact that syncd made.
    saved.sandbox.store.add({"External ID": "1", "Name": "Tenant 1", "Phone": "2125550001"})
    put_back(saved)
    saved.run()
    assert "1" in saved.there()


def test_ids_that_were_deleted_before_the_backup_delete_nothing_after_it(saved: World) -> None:
    saved.write(PEOPLE[1:])
    saved.run()
    save(saved)
    saved.write(PEOPLE)
    saved.run()
    put_back(saved)
    saved.run()
    assert holds(saved, PEOPLE)


def test_a_backup_that_was_made_in_the_middle_of_a_run_leaves_no_twin(saved: World) -> None:
    more = [*PEOPLE, *((str(n), f"Tenant {n}", f"212555{n:04}") for n in range(13, 20))]
    saved.write(more)
    saved.sandbox.arm({"kind": "drop", "method": "POST", "times": None, "done": True})
    saved.run()
    saved.sandbox.disarm()
    save(saved)
    saved.run()
    assert holds(saved, more)
    put_back(saved)
    saved.write(more[:15])
    saved.run()
    assert holds(saved, more[:15])
    with saved.state() as state:
        assert state.journal.open_calls() == []


def test_a_move_whose_former_contact_waits_in_the_backup_leaves_no_twin(by_phone: World) -> None:
    world = by_phone
    world.write(PEOPLE)
    world.run()
    now = [("1", "Tenant 1", "2125559001"), *PEOPLE[1:]]
    world.write(now)
    world.sandbox.arm({"kind": "drop", "method": "DELETE", "times": None, "done": False})
    world.run()
    world.sandbox.disarm()
    save(world)
    put_back(world)
    world.run()
    assert phones(world) == sorted((name, phone) for _, name, phone in now)


def test_the_list_that_cannot_be_read_leaves_the_state_as_restored(saved: World) -> None:
    put_back(saved)
    saved.sandbox.arm({"kind": "status", "status": 500, "method": "GET", "path": "/contacts", "times": None})
    report = saved.run()
    saved.sandbox.disarm()
    assert isinstance(report.error, TargetError)
    assert due(saved)
    saved.run()
    assert holds(saved, PEOPLE)


def test_two_commands_catch_up_once(saved: World) -> None:
    put_back(saved)
    with open_session(saved.settings(), sleep=lambda _: None) as session:
        restored = CatchingUp(session.state)
        assert restored.catch_up([], [], still_left=(), ids=())
        assert not restored.catch_up([], session.state.holdings.all_known(), still_left=(), ids=())
        assert session.state.ledger.known("tenants") == 12


def test_an_undo_after_a_restore_looks_at_the_target_first(saved: World) -> None:
    run = last_run(saved)
    saved.write(LATER)
    saved.run()
    put_back(saved)
    undo(saved, run)
    assert {"13", "P1"} <= set(saved.there())
    assert not due(saved)


def test_what_a_person_undid_since_stays_undone(saved: World) -> None:
    saved.write([("1", "Renamed", "2125550001"), *PEOPLE[1:]])
    saved.run()
    undo(saved)
    put_back(saved)
    report = saved.run()
    assert report.counts["held"] == 1
    assert saved.there()["1"]["Name"] == "Tenant 1"


def test_an_approval_of_before_is_not_used_again(saved: World) -> None:
    saved.sources["tenants"]["deletes"] = {"at_most": {"count": 1, "share": "1%", "free": 0}}
    saved.write(PEOPLE[4:])
    held = saved.run().held
    assert held
    with saved.state() as state:
        for each in held:
            state.holds.approve("tenants", each.digest)
    save(saved)
    put_back(saved)
    assert saved.run().counts["delete"] == 0
