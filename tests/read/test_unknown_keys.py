"""A sweep lists keys that no read has shown: their rows are read, whatever their dates say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import syncd.source
from syncd.read import unknown_keys
from tests.worlds.feed import Account, Feed
from tests.worlds.world import World, company

FEED: dict[str, Any] = {
    "connector": "feed",
    "key": "id",
    "where": "name <> 'nobody'",
    "mapping": {"External ID": "ref", "Name": "name", "Phone": ["phone"]},
    "deletes": {"at_most": {"share": "100%"}},
}
ANN, BOB, CY = ("a", "Ann", "2125550101"), ("b", "Bob", "2125550102"), ("c", "Cy", "2125550103")
NOBODY = ("n", "nobody", "")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(syncd.source, "CONNECTORS", {**syncd.source.CONNECTORS, "feed": "tests.worlds.feed:Feed"})
    monkeypatch.setattr(Feed, "ACCOUNTS", {})
    with company(tmp_path) as made:
        made.sources.clear()
        yield made


def account(world: World, **options: Any) -> Account:
    wanted = {"account": "crm", "tells": "present", **options}
    world.sources["crm"] = json.loads(json.dumps({**FEED, "options": wanted}))
    return Feed.ACCOUNTS.setdefault("crm", Account())


def names(world: World) -> dict[str, str]:
    return {key: each["Name"] for key, each in world.there().items()}


def test_a_row_with_an_old_date_is_looked_up(world: World) -> None:
    crm = account(world)
    crm.put(k1=ANN, k2=BOB)
    world.run()
    crm.bring_back(k3=CY)
    report = world.run()
    assert (report.read, report.counts["create"]) == ("partial", 1)
    assert crm.looked_up == ["3"]
    assert names(world) == {"a": "Ann", "b": "Bob", "c": "Cy"}


@pytest.mark.parametrize("how", ["it cannot look up", "there are many"])
def test_the_source_is_read_whole_where_a_look_up_is_no_way(
    world: World, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = account(world, looks_up=how != "it cannot look up")
    monkeypatch.setattr(unknown_keys, "MOST_LOOKED_UP", 0 if how == "there are many" else 1000)
    crm.put(k1=ANN)
    world.run()
    crm.bring_back(k2=BOB, k3=CY)
    report = world.run()
    assert (report.read, crm.asked[1:], crm.looked_up) == ("complete", ["1", None], [])
    assert names(world) == {"a": "Ann", "b": "Bob", "c": "Cy"}


@pytest.mark.parametrize("looks_up", [True, False])
def test_an_excluded_row_is_asked_for_once(world: World, looks_up: bool) -> None:
    crm = account(world, looks_up=looks_up)
    crm.put(k1=ANN, k2=NOBODY)
    world.run()
    world.run()
    crm.bring_back(k3=NOBODY)
    world.run()
    asked, looked_up = list(crm.asked), list(crm.looked_up)
    world.run()
    world.run()
    assert (crm.asked[len(asked) :], crm.looked_up) == (["1", "1"], looked_up)
    assert looked_up == (["3"] if looks_up else [])


def test_an_excluded_row_that_becomes_a_contact_leaves_and_returns_is_read(world: World) -> None:
    crm = account(world)
    crm.put(k1=ANN, k2=NOBODY)
    world.run()
    crm.put(k2=BOB)
    world.run()
    assert names(world) == {"a": "Ann", "b": "Bob"}
    crm.drop("2")
    world.run()
    assert names(world) == {"a": "Ann"}
    crm.bring_back(k2=BOB)
    world.run()
    assert names(world) == {"a": "Ann", "b": "Bob"}


def test_of_too_many_excluded_rows_a_sweep_reads_the_source_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unknown_keys, "MOST_REMEMBERED", 1)
    crm = account(world)
    crm.put(k1=ANN, k2=NOBODY, k3=NOBODY)
    world.run()
    crm.bring_back(k4=CY)
    assert world.run().read == "complete"
    assert names(world) == {"a": "Ann", "c": "Cy"}


def test_a_key_that_the_sweep_lists_and_no_read_shows_is_remembered(world: World) -> None:
    crm = account(world, looks_up=False, ghost="9")
    crm.put(k1=ANN)
    world.run()
    world.run()
    world.run()
    assert crm.asked == [None, "1", None, "1"]


def test_a_dry_run_looks_up_and_remembers_nothing(world: World) -> None:
    crm = account(world)
    crm.put(k1=ANN)
    world.run()
    crm.bring_back(k2=BOB)
    assert world.run(dry_run=True).counts["create"] == 1
    assert world.run().counts["create"] == 1


def test_a_row_that_waits_for_its_push_is_looked_up_again(world: World) -> None:
    crm = account(world)
    crm.put(k1=ANN)
    world.run()
    crm.bring_back(k2=BOB)
    world.sandbox.arm({"kind": "status", "status": 503, "method": "POST", "times": None})
    assert world.run().exit_code == 4
    world.sandbox.disarm()
    assert world.run().exit_code == 0
    assert names(world) == {"a": "Ann", "b": "Bob"}


def test_an_invalid_row_that_left_is_reported_no_more(world: World) -> None:
    crm = account(world)
    crm.put(k1=ANN, k2=("", "No match value", ""))
    assert world.run().exit_code == 3
    assert world.run().exit_code == 3
    crm.rows.pop("2")
    report = world.run()
    assert (report.read, report.invalid, report.exit_code) == ("partial", [], 0)


@pytest.mark.parametrize("tells", ["present", "deleted"])
def test_an_invalid_row_that_was_mended_without_a_new_date_is_a_contact(world: World, tells: str) -> None:
    crm = account(world, tells=tells)
    crm.put(k1=ANN, k2=("", "Bob", ""))
    assert world.run().exit_code == 3
    crm.bring_back(k2=BOB)
    report = world.run()
    assert (report.read, report.invalid, report.exit_code) == ("partial", [], 0)
    assert names(world) == {"a": "Ann", "b": "Bob"}


def test_a_row_without_a_key_that_left_is_found_by_a_sweep(world: World) -> None:
    crm = account(world)
    crm.put(k1=ANN, k=CY)
    assert world.run().exit_code == 3
    crm.rows.pop("")
    report = world.run()
    assert (report.read, report.invalid, report.exit_code) == ("complete", [], 0)


def test_a_lookup_that_fails_makes_a_whole_read_of_unknown_keys_and_nothing_of_invalid_rows(world: World) -> None:
    crm = account(world)
    crm.put(k1=ANN)
    world.run()
    crm.fails = True
    crm.bring_back(k2=BOB, k3=("", "No match value", ""))
    report = world.run()
    assert (report.read, report.exit_code, names(world)) == ("complete", 3, {"a": "Ann", "b": "Bob"})
    crm = account(world, tells="deleted")
    crm.fails = False
    world.run()
    crm.fails = True
    report = world.run()
    assert (report.read, report.exit_code) == ("partial", 3)
