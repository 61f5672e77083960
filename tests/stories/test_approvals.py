"""An approval is used up by exactly the changes that it approved."""

from __future__ import annotations

from syncd.state import State
from tests.worlds.tenants import ANY_NUMBERS, MANY
from tests.worlds.world import FIELDS, World

DOWN = {"kind": "status", "method": "DELETE", "status": 503, "times": None}


def approve(world: World, digest: str) -> None:
    with State(world.folder / "syncd.db") as state:
        assert state.holds.approve("tenants", digest)


def emptied_and_approved(world: World) -> None:
    world.write(MANY)
    world.run()
    world.write([])
    approve(world, world.run().held[0].digest)


def test_an_approval_outlives_a_target_that_fails_before_any_delete(world: World) -> None:
    emptied_and_approved(world)
    world.sandbox.arm(DOWN)
    assert world.run().exit_code == 4
    assert len(world.there()) == 30
    world.sandbox.disarm()
    report = world.run()
    assert (report.exit_code, report.counts["delete"]) == (0, 30)
    assert world.there() == {}


def test_what_is_left_of_an_approved_list_stays_approved(world: World) -> None:
    """The target carries out the first of two batches of deletes, and then fails."""
    rows = [(str(n), f"T {n}", "") for n in range(1, 701)]
    world.write(rows)
    world.run()
    world.write([])
    approve(world, world.run().held[0].digest)
    world.sandbox.arm({**DOWN, "after": 1})
    report = world.run()
    assert (report.exit_code, report.counts["delete"]) == (4, 500)
    with State(world.folder / "syncd.db") as state:
        assert {(hold["count"], hold["approved"] is not None) for hold in state.holds.of("tenants")} == {(200, True)}
    world.sandbox.disarm()
    assert world.run().counts["delete"] == 200
    with State(world.folder / "syncd.db") as state:
        assert state.holds.of("tenants") == []


def test_what_is_left_of_an_approved_list_is_not_approved_for_others(world: World) -> None:
    emptied_and_approved(world)
    world.sandbox.arm(DOWN)
    world.run()
    world.sandbox.disarm()
    world.write(MANY[:1])
    assert world.run().counts["held"] == 29
    assert len(world.there()) == 30


def approve_at(world: World, gate: str) -> None:
    with world.state() as state:
        [digest] = [hold["digest"] for hold in state.holds.of("tenants") if hold["gate"] == gate]
        assert state.holds.approve("tenants", digest)


def test_what_another_gate_holds_of_an_approved_list_waits_for_that_one(world: World) -> None:
    world.sources["tenants"]["deletes"] = {"grace": "1h", "at_most": {"share": "5%", "free": 0}}
    rows = [(str(n), f"T {n}", "") for n in range(100)]
    for left in (0, 6):
        world.write(rows[left:])
        world.run()
    with world.state() as state:
        state.execute("UPDATE contact SET missing_since = missing_since - 7200")
    world.write(rows[10:])
    world.run()
    approve_at(world, "deletes.share")
    assert world.run().counts["delete"] == 6
    report = world.run()
    assert [(held.gate, held.count) for held in report.held] == [("deletes.grace", 4)]
    assert len(world.there()) == 94


def test_an_approval_of_other_match_fields_is_none_of_too_many_updates(world: World) -> None:
    world.numbers = ANY_NUMBERS
    rows = [(str(n), f"T {n}", "2125550101") for n in range(30)]
    world.write(rows)
    world.run()
    world.sandbox.store.set_fields([{**each, "is_match": each["name"] in ("External ID", "Name")} for each in FIELDS])
    world.write([*((id_, name, "2125550199") for id_, name, _ in rows), ("new", "New", "2125550105")])
    world.run()
    approve_at(world, "schema.match")
    assert (world.run().counts["create"], world.run().counts["update"]) == (1, 0)


def test_an_approval_to_let_contacts_go_deletes_none_where_that_is_allowed_meanwhile(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "Own"})
    world.write([("1", "Ann", "")])
    world.run()
    world.write([])
    report = world.run()
    assert report.counts["held"] == 1
    approve(world, report.held[0].digest)
    world.sources["tenants"]["deletes"] = {"adopted": True}
    report = world.run()
    assert [held.gate for held in report.held] == ["deletes.empty"]
    assert set(world.there()) == {"1"}


def test_an_empty_read_that_proves_nothing_lets_no_contact_go(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "Own"})
    world.write([("1", "Ann", "")])
    world.run()
    (world.folder / "count.txt").write_text("1\n")
    world.sources["tenants"]["options"]["count_file"] = "count.txt"
    world.write([])
    for _ in range(3):
        report = world.run()
        assert (report.exit_code, [held.gate for held in report.held]) == (3, ["deletes.unproved"])
        with world.state() as state:
            state.holds.approve("tenants", report.held[0].digest)
    with world.state() as state:
        assert state.ledger.known("tenants") == 1
