"""Sources that are in the state file and no longer in the configuration: renamed, removed or replaced."""

from __future__ import annotations

import json

import pytest

from syncd.cli import main
from tests.worlds.drift import compare
from tests.worlds.tenants import ANN, BOB, CY
from tests.worlds.world import World

GONE = (
    "source 'tenants' is not in the configuration, and has 1 contact at the target: syncd neither updates nor deletes "
    "what it has there, until it is named again or a source that is named sends the same contacts"
)


@pytest.fixture
def renamed(world: World) -> World:
    """The source ``tenants`` sent Ann and Bob; it is now called ``people`` and has not run since."""
    world.write([ANN, BOB])
    world.run()
    rename(world, "tenants", "people")
    return world


@pytest.fixture
def left(renamed: World) -> World:
    """Bob's row left the source before the first run under the new name."""
    renamed.write([ANN])
    renamed.run()
    return renamed


def rename(world: World, old: str, new: str) -> None:
    world.sources[new] = world.sources.pop(old)


def holders(world: World) -> set[tuple[str, str]]:
    with world.state() as state:
        return set(state.rows("SELECT source, key FROM contact"))


def status(world: World, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    world.settings()
    capsys.readouterr()
    assert main(["--config", str(world.folder / "syncd.yaml"), "status", *options]) == 0
    return capsys.readouterr().out


def test_a_renamed_source_takes_its_contacts_over_and_deletes_them_when_they_leave(renamed: World) -> None:
    assert renamed.run().warnings == []
    assert holders(renamed) == {("people", "1"), ("people", "2")}
    renamed.write([ANN])
    assert renamed.run().counts["delete"] == 1
    assert set(renamed.there()) == {"1"}


def test_what_a_renamed_source_had_adopted_is_not_deleted_by_its_new_name(world: World) -> None:
    world.sandbox.store.add({"External ID": "2", "Name": "By hand"})
    world.write([ANN, BOB])
    world.run()
    rename(world, "tenants", "people")
    world.run()
    world.write([ANN])
    assert world.run().counts["delete"] == 0
    assert set(world.there()) == {"1", "2"}


def test_a_source_that_is_renamed_twice_leaves_no_claim_behind(renamed: World) -> None:
    renamed.run()
    rename(renamed, "people", "guests")
    renamed.run()
    rename(renamed, "guests", "tenants")
    renamed.run()
    renamed.write([BOB])
    assert renamed.run().counts["delete"] == 1
    assert holders(renamed) == {("tenants", "2")}
    assert set(renamed.there()) == {"2"}


def test_a_source_that_another_process_runs_keeps_its_claims(renamed: World) -> None:
    with renamed.state() as state:
        state.execute("INSERT INTO lease (source, owner, since, expires) VALUES ('tenants', 'elsewhere', 0, 1e11)")
    renamed.run()
    assert ("tenants", "2") in holders(renamed)
    with renamed.state() as state:
        state.execute("DELETE FROM lease WHERE source = 'tenants'")
    renamed.write([ANN])
    assert renamed.run().counts["delete"] == 1
    assert (holders(renamed), set(renamed.there())) == ({("people", "1")}, {"1"})


def test_a_claim_that_an_older_version_left_in_the_state_file_keeps_no_contact(renamed: World) -> None:
    renamed.run()
    with renamed.state() as state:
        columns = "digest, status, remote_id, origin, match, fields, created_at, updated_at"
        state.execute(f"INSERT INTO contact (source, key, {columns}) SELECT 'tenants', key, {columns} FROM contact")
        state.execute("UPDATE contact SET status = 'pending' WHERE source = 'tenants'")
    renamed.write([ANN])
    assert renamed.run().counts["delete"] == 1
    assert set(renamed.there()) == {"1"}


def test_a_contact_that_leaves_while_its_source_is_renamed_stays_and_every_run_says_so(left: World) -> None:
    for _ in range(2):
        assert left.run(dry_run=True).warnings == [GONE]
        report = left.run()
        assert (report.exit_code, report.warnings) == (0, [GONE])
        assert report.counts["delete"] == 0
    assert set(left.there()) == {"1", "2"}


def test_status_warns_of_contacts_that_no_source_looks_after(left: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(status(left, capsys, "--json"))["warnings"] == [GONE]
    assert "warning: source 'tenants' is not in the configuration" in status(left, capsys)
    rename(left, "people", "tenants")
    assert json.loads(status(left, capsys, "--json"))["warnings"] != [GONE]


def test_a_source_that_is_named_again_deletes_what_left_it_meanwhile(left: World) -> None:
    rename(left, "people", "tenants")
    report = left.run()
    assert (report.counts["delete"], report.warnings) == (1, [])
    assert set(left.there()) == {"1"}


def test_a_reconcile_calls_contacts_that_no_source_looks_after_foreign_and_leaves_them(left: World) -> None:
    found = compare(left, repair=True)
    assert (found.foreign, found.sources[0].extra) == ([2], [])
    assert set(left.there()) == {"1", "2"}


def test_what_only_a_removed_source_claims_is_neither_deleted_nor_counted_as_deleted(world: World) -> None:
    tenants = world.sources["tenants"]
    world.sources["guests"] = {**tenants, "options": {"path": "guests.csv", "settle": 0}}
    world.write([BOB, CY], "guests.csv")
    world.write([BOB])
    world.run("guests")
    world.run("tenants")
    world.sources.pop("tenants")
    world.write([CY], "guests.csv")
    report = world.run()
    assert report.counts["delete"] == 0
    assert report.warnings == [GONE]
    assert [(each["key"], each["reason"]) for each in report.left] == [
        ("2", "only a source that is not configured has a claim on it")
    ]
    assert set(world.there()) == {"2", "3"}
