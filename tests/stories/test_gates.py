"""Gates in whole runs: which changes are held, and what an approval lets through."""

from __future__ import annotations

from syncd.report.source_report import SourceReport
from syncd.run.session import open_session
from syncd.sync import run_source
from tests.worlds.tenants import ANN, BOB, CY, MANY, holds
from tests.worlds.world import FIELDS, World


def test_an_emptied_source_deletes_nothing_until_it_is_approved(world: World) -> None:
    world.write(MANY)
    world.run()
    world.write([])
    report = world.run()
    assert report.exit_code == 3
    assert report.counts["held"] == 30
    assert {held.gate for held in report.held} == {"deletes.empty", "deletes.share"}
    assert len(world.there()) == 30
    with world.state() as state:
        assert state.holds.approve("tenants", report.held[0].digest) == 2
    report = world.run()
    assert report.exit_code == 0
    assert report.counts["delete"] == 30
    assert world.there() == {}


def test_an_approval_is_for_exactly_its_list(world: World) -> None:
    world.write(MANY)
    world.run()
    world.write(MANY[:15])
    held = world.run().held[0]
    with world.state() as state:
        state.holds.approve("tenants", held.digest)
    world.write(MANY[:14])
    report = world.run()
    assert report.counts["held"] == 16
    assert report.held[0].digest != held.digest
    assert len(world.there()) == 30


def test_creates_and_updates_go_on_while_deletes_are_held(world: World) -> None:
    world.write(MANY)
    world.run()
    world.write([("1", "Renamed", "2125550001"), ("77", "New", "2125550077")])
    report = world.run()
    assert (report.counts["create"], report.counts["update"], report.counts["held"]) == (1, 1, 29)
    assert world.there()["1"]["Name"] == "Renamed"
    assert len(world.there()) == 31


def test_held_deletes_are_shown_until_they_no_longer_arise(world: World) -> None:
    world.write(MANY)
    world.run()
    world.write([])
    assert world.run().counts["held"] == 30
    assert world.run().counts["held"] == 30
    world.write(MANY)
    report = world.run()
    assert report.exit_code == 0
    with world.state() as state:
        assert state.holds.of("tenants") == []


def test_more_updates_than_the_share_are_held(world: World) -> None:
    world.write(MANY)
    world.run()
    world.write([(key, f"{name}!", phone) for key, name, phone in MANY])
    report = world.run()
    assert report.held[0].gate == "updates.share"
    assert report.counts["held"] == 30
    assert world.there()["1"]["Name"] == "Tenant 1"


def test_a_missing_canary_holds_the_deletes(world: World) -> None:
    world.sources["tenants"]["canaries"] = ["1"]
    world.write([ANN, BOB])
    world.run()
    world.write([BOB])
    assert [held.gate for held in world.run().held] == ["deletes.canary"]
    assert set(world.there()) == {"1", "2"}


def test_a_row_without_a_key_holds_the_deletes(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.write([ANN, ("", "Bob Jones", "2125550102")])
    report = world.run()
    assert [held.gate for held in report.held] == ["deletes.keyless"]
    assert set(world.there()) == {"1", "2"}


def test_a_malformed_row_holds_the_deletes(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    (world.folder / "tenants.csv").write_text("id,name,phone\n1,Ann Smith,2125550101\n2,Bob\n")
    report = world.run()
    assert report.invalid[0]["at"] == "tenants.csv:3"
    assert [held.gate for held in report.held] == ["deletes.keyless"]
    assert set(world.there()) == {"1", "2"}


def test_an_added_match_field_holds_the_source_until_it_is_approved(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.sandbox.store.set_fields(
        [{**field, "is_match": field["name"] in {"External ID", "Name"}} for field in FIELDS]
    )
    world.write([ANN, ("2", "Robert Jones", "2125550102"), CY])
    for _ in range(2):
        report = world.run()
        assert [(held.gate, held.count) for held in report.held] == [("schema.match", 2)]
        assert holds(world)["2"] == ("Bob Jones", "2125550102")
    with world.state() as state:
        state.holds.approve("tenants", report.held[0].digest)
    assert world.run().exit_code == 0
    assert set(world.there()) == {"1", "2", "3"}
    assert world.run().counts["unchanged"] == 3


def test_grace_begins_with_a_proved_read(world: World) -> None:
    world.sources["tenants"]["deletes"] = {"grace": "1h"}
    world.sources["tenants"]["options"]["trailer"] = r"END (\d+)"

    def gates_at(seconds: float, rows: list[tuple[str, str, str]], trailer: str) -> list[str]:
        world.write(rows)
        with (world.folder / "tenants.csv").open("a") as file:
            file.write(f"{trailer}\n")
        settings = world.settings()
        with open_session(settings, clock=lambda: 1e9 + seconds) as session:
            return [held.gate for held in run_source(session, settings.sources["tenants"]).held]

    assert gates_at(0, [ANN, BOB], "END 2") == []
    assert gates_at(10, [ANN], "END 2") == ["deletes.unproved", "deletes.grace"]
    assert gates_at(4_000, [ANN], "END 1") == ["deletes.grace"]
    assert gates_at(5_000, [ANN], "END 1") == ["deletes.grace"]
    assert gates_at(7_700, [ANN], "END 1") == []
    assert set(world.there()) == {"1"}


def test_an_approval_waits_while_something_else_holds_its_whole_list(world: World) -> None:
    world.sources["tenants"]["options"]["trailer"] = r"END (\d+)"

    def run(rows: list[tuple[str, str, str]], trailer: str) -> SourceReport:
        world.write(rows)
        with (world.folder / "tenants.csv").open("a") as file:
            file.write(f"{trailer}\n")
        return world.run()

    run(MANY, "END 30")
    held = run(MANY[:10], "END 10").held[0]
    with world.state() as state:
        state.holds.approve("tenants", held.digest)
    assert [each.gate for each in run(MANY[:10], "END 11").held] == ["deletes.unproved", "deletes.share"]
    assert run(MANY[:10], "END 10").counts["delete"] == 20
