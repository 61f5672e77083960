"""Rows under new keys in sources that are read incrementally."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import syncd.source
from tests.worlds.feed import Account, Feed
from tests.worlds.world import World, company

PEOPLE = {f"{n:04}": (f"r{n}", f"Tenant {n}", f"212555{n:04}") for n in range(1, 31)}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(syncd.source, "CONNECTORS", {**syncd.source.CONNECTORS, "feed": "tests.worlds.feed:Feed"})
    monkeypatch.setattr(Feed, "ACCOUNTS", {})
    with company(tmp_path) as made:
        yield made


def account(world: World, tells: str, match: str = "id") -> Account:
    mapping = {"External ID": match, "Name": "name", "Phone": ["phone"]}
    options = {"account": "crm", "tells": tells}
    world.sources = {"crm": {"connector": "feed", "key": "id", "mapping": mapping, "options": options}}
    crm = Feed.ACCOUNTS.setdefault("crm", Account())
    crm.put(**{f"k{key}": row for key, row in PEOPLE.items()})
    return crm


def rename(crm: Account, *keys: str) -> None:
    crm.drop(*keys)
    crm.put(**{f"k{int(key)}": PEOPLE[key] for key in keys})


@pytest.mark.parametrize("tells", ["deleted", "present"])
def test_changed_keys_of_a_partial_read_wait_and_approved_they_are_moves(world: World, tells: str) -> None:
    crm = account(world, tells)
    world.run()
    rename(crm, *PEOPLE)
    report = world.run()
    assert (report.read, report.made, report.counts["held"]) == ("partial", 0, 60)
    assert [held.gate for held in report.held] == ["keys.changed"]
    with world.state() as state:
        assert state.holds.approve("crm", report.held[0].digest)
    report = world.run()
    assert (report.read, report.exit_code, report.counts["move"]) == ("partial", 0, 30)
    assert len(world.there()) == 30
    assert (world.run().made, world.run(full=True).made) == (0, 0)


@pytest.mark.parametrize("tells", ["deleted", "present"])
def test_a_few_changed_keys_of_a_partial_read_go_on(world: World, tells: str) -> None:
    crm = account(world, tells, match="ref")
    world.run()
    writes = world.writes()
    rename(crm, "0001", "0002")
    report = world.run()
    assert (report.read, report.exit_code, report.made, report.taken_over["count"]) == ("partial", 0, 0, 2)
    assert world.writes() == writes
    crm.drop("1")
    assert world.run().counts["delete"] == 1
    assert world.run(full=True).made == 0


def test_a_source_that_does_not_tell_who_is_gone_is_read_whole_when_many_rows_are_known_contacts(world: World) -> None:
    crm = account(world, "deleted")
    world.run()
    rename(crm, *PEOPLE)
    crm.gone.clear()
    report = world.run()
    assert (report.read, report.made, [held.gate for held in report.held]) == ("complete", 0, ["keys.changed"])
    assert crm.asked == [None, "1", None]
    assert len(world.there()) == 30


def test_many_new_rows_that_are_no_known_contacts_need_no_whole_read(world: World) -> None:
    crm = account(world, "deleted")
    world.run()
    crm.put(**{f"k{n}": (f"r{n}", f"New {n}", f"646555{n:04}") for n in range(100, 130)})
    report = world.run()
    assert (report.read, report.counts["create"]) == ("partial", 30)
