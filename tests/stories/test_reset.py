"""``syncd state reset``: after it, a run finds everything again, makes no twin and deletes nothing wrongly."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

import pytest

from syncd.errors import SourceBusy
from syncd.state.hand.reset import Kind, Resets
from tests.worlds.runs import last_run, undo
from tests.worlds.world import World

PEOPLE = [(str(number), f"Tenant {number}", f"212555{number:04}") for number in range(1, 13)]
PERSONS = {"External ID": "P1", "Name": "Somebody", "Phone": "7185550001"}


@pytest.fixture
def loaded(world: World) -> World:
    """A company with 12 contacts of a source and one contact of a person."""
    world.sandbox.store.add(PERSONS)
    world.sources["tenants"]["deletes"] = {"at_most": {"count": 100, "share": "100%"}}
    world.write(PEOPLE)
    world.run()
    return world


def reset(world: World, kind: Kind, source: str = "tenants") -> None:
    with world.state() as state:
        Resets(state).make(source, kind)


def done(counts: Mapping[str, int]) -> dict[str, int]:
    return {kind: count for kind, count in counts.items() if count}


def numbers(world: World) -> list[str]:
    return sorted(each["fields"].get("Phone", "") for each in world.sandbox.store.contacts())


def wanted(*rows: tuple[str, str, str]) -> list[str]:
    return sorted([PERSONS["Phone"], *(phone for *_, phone in rows)])


def test_a_forgotten_ledger_is_adopted_again_by_one_request(loaded: World) -> None:
    before = loaded.writes()
    reset(loaded, "ledger")
    assert done(loaded.run().counts) == {"adopt": 12}
    assert done(loaded.run().counts) == {"unchanged": 12}
    assert numbers(loaded) == wanted(*PEOPLE)
    assert loaded.deletes() == 0
    assert loaded.writes() <= before + 1


def test_what_the_source_says_now_is_sent_and_what_has_left_it_stays(loaded: World) -> None:
    reset(loaded, "ledger")
    now = [("1", "Renamed", "2125550001"), *PEOPLE[2:], ("13", "Tenant 13", "2125550013")]
    loaded.write(now)
    loaded.run()
    loaded.run()
    assert loaded.deletes() == 0
    assert numbers(loaded) == wanted(*now, PEOPLE[1])
    assert loaded.there()["1"]["Name"] == "Renamed"
    # It made 13 itself, and so it deletes that one.
    loaded.write(now[:-1])
    loaded.run()
    assert "13" not in loaded.there()


def test_calls_of_unknown_outcome_are_settled_all_the_same(loaded: World) -> None:
    more = [*PEOPLE, ("13", "Tenant 13", "2125550013"), ("14", "Tenant 14", "2125550014")]
    loaded.write(more)
    loaded.sandbox.arm({"kind": "drop", "method": "POST", "times": None, "done": True})
    loaded.run()
    loaded.sandbox.disarm()
    reset(loaded, "ledger")
    # 14 was created by the lost call, and its row is gone by now.
    loaded.write(more[:-1])
    loaded.run()
    loaded.run()
    assert numbers(loaded) == wanted(*more[:-1])
    with loaded.state() as state:
        assert state.journal.open_calls() == []
        assert state.ledger.contact("tenants", "13")["origin"] == "created"  # type: ignore[index]


def test_the_former_id_of_a_moved_contact_is_still_deleted(by_phone: World) -> None:
    world = by_phone
    world.write(PEOPLE)
    world.run()
    now = [("1", "Tenant 1", "2125559001"), *PEOPLE[1:]]
    world.write(now)
    world.sandbox.arm({"kind": "drop", "method": "DELETE", "times": None, "done": False})
    world.run()
    world.sandbox.disarm()
    reset(world, "ledger")
    world.run()
    assert numbers(world) == sorted(phone for *_, phone in now)


def test_a_delete_that_was_under_way_is_not_made_and_ends(loaded: World) -> None:
    loaded.write(PEOPLE[1:])
    loaded.sandbox.arm({"kind": "drop", "method": "DELETE", "times": None, "done": False})
    loaded.run()
    loaded.sandbox.disarm()
    reset(loaded, "ledger")
    loaded.run()
    loaded.run()
    assert numbers(loaded) == wanted(*PEOPLE)
    with loaded.state() as state:
        assert not state.cursors.has_open_calls("tenants")


def test_another_source_keeps_what_it_has(loaded: World) -> None:
    loaded.sources["others"] = {**loaded.sources["tenants"], "options": {"path": "others.csv", "settle": 0}}
    loaded.write([("21", "Other 21", "2125550021")], "others.csv")
    loaded.run()
    reset(loaded, "ledger")
    with loaded.state() as state:
        assert (state.ledger.known("tenants"), state.ledger.known("others")) == (0, 1)
    loaded.run_all()
    loaded.write([], "others.csv")
    loaded.run_all()
    assert numbers(loaded) == wanted(*PEOPLE, ("21", "Other 21", "2125550021"))


def test_a_forgotten_cursor_costs_one_whole_read(loaded: World) -> None:
    assert loaded.run().same_as_before
    reset(loaded, "cursor")
    report = loaded.run()
    assert not report.same_as_before
    assert done(report.counts) == {"unchanged": 12}
    assert loaded.run().same_as_before


def test_a_forgotten_history_can_be_undone_no_more_and_nothing_else_changes(loaded: World) -> None:
    run = last_run(loaded)
    loaded.write([("1", "Renamed", "2125550001"), *PEOPLE[1:]])
    loaded.run()
    reset(loaded, "history")
    assert undo(loaded, run).made == 0
    with loaded.state() as state:
        assert list(state.history.changes()) == []
        assert state.ledger.known("tenants") == 12
        # The newest good run stays: an age of nothing would be an alarm.
        assert len(list(state.history.runs(source="tenants"))) >= 1
    loaded.write(PEOPLE[1:])
    assert done(loaded.run().counts) == {"delete": 1, "unchanged": 11}


def test_a_history_with_open_calls_keeps_them(loaded: World) -> None:
    loaded.write([*PEOPLE, ("13", "Tenant 13", "2125550013")])
    loaded.sandbox.arm({"kind": "drop", "method": "POST", "times": None, "done": True})
    loaded.run()
    loaded.sandbox.disarm()
    reset(loaded, "history")
    loaded.write(PEOPLE)
    loaded.run()
    assert numbers(loaded) == wanted(*PEOPLE)


def test_ids_that_were_deleted_stay_ours_without_their_history(loaded: World) -> None:
    loaded.write(PEOPLE[1:])
    loaded.run()
    reset(loaded, "history")
    with loaded.state() as state:
        [row] = state.records("SELECT * FROM change")
        assert row["old_id"] is not None
        assert {row[name] for name in ("key", "match", "run")} == {""}
        assert row["before"] is None


@pytest.mark.parametrize("kind", ["ledger", "cursor", "history"])
def test_nothing_is_reset_while_a_run_holds_the_source(loaded: World, kind: Kind) -> None:
    with loaded.state() as state:
        before = state.rows("SELECT (SELECT count(*) FROM contact), (SELECT count(*) FROM change)")
        state.leases.take("tenants", f"{socket.gethostname()}:{os.getpid()}:x", 60)
        with pytest.raises(SourceBusy):
            Resets(state).make("tenants", kind)
        assert state.rows("SELECT (SELECT count(*) FROM contact), (SELECT count(*) FROM change)") == before


def test_a_reset_that_fails_halfway_changes_nothing(loaded: World) -> None:
    with loaded.state() as state:
        state.execute("CREATE TRIGGER no BEFORE DELETE ON hold BEGIN SELECT raise(ABORT, 'no'); END")
        state.execute(
            'INSERT INTO hold (source, gate, kind, digest, "count", keys, detail, since)'
            " VALUES ('tenants', 'x', 'delete', 'd', 1, '[]', '', 1.0)"
        )
        with pytest.raises(Exception, match="no"):
            Resets(state).make("tenants", "ledger")
        assert state.ledger.known("tenants") == 12
