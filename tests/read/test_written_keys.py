"""Deleted and merged keys are compared as the keys of rows are: trimmed, and composed (NFC)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

import syncd.source
from tests.worlds.feed import Account, Feed
from tests.worlds.sql_sqlite_file import SqliteFile
from tests.worlds.world import World, company

DECOMPOSED = unicodedata.normalize("NFD", "Zoë-é")
# The Kelvin and the Ångström sign, a CJK character for compatibility, a key with spaces, an ordinary key.
KEYS = [DECOMPOSED, "\u212a1", "\u212b2", "\uf900", " 7 ", "8"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with company(tmp_path) as made:
        yield made


@pytest.fixture
def crm(world: World, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setattr(syncd.source, "CONNECTORS", {**syncd.source.CONNECTORS, "feed": "tests.worlds.feed:Feed"})
    monkeypatch.setattr(Feed, "ACCOUNTS", {"crm": Account()})
    world.sources.clear()
    world.sources["crm"] = {
        "connector": "feed",
        "options": {"account": "crm"},
        "key": "id",
        "mapping": {"External ID": "ref", "Name": "name", "Phone": ["phone"]},
        "deletes": {"at_most": {"share": "100%"}},
    }
    return Feed.ACCOUNTS["crm"]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_that_a_source_reports_as_gone_is_deleted_at_once(world: World, crm: Account, key: str) -> None:
    crm.put(**{f"k{key}": ("a", "Ann", "2125550101"), "k1": ("b", "Bob", "2125550102")})
    world.run()
    crm.drop(key)
    report = world.run()
    assert (report.read, report.counts["delete"]) == ("partial", 1)
    assert list(world.there()) == ["b"]


@pytest.mark.parametrize("key", KEYS)
def test_a_merged_key_hands_its_contact_over(world: World, crm: Account, key: str) -> None:
    crm.put(**{f"k{key}": ("a", "Ann", "2125550101"), "k1": ("b", "Bob", "2125550102")})
    world.run()
    crm.merge(key, key + "9")
    report = world.run()
    assert (report.counts["create"], report.counts["delete"]) == (0, 0)


def test_a_composite_key_is_deleted_at_once(world: World, tmp_path: Path) -> None:
    server = SqliteFile(tmp_path / "people.db")
    server.run("CREATE TABLE people (house text, flat text, name text, gone text, changed int)")
    server.many("INSERT INTO people VALUES (?, ?, 'Ann', NULL, 1)", [(DECOMPOSED, " 1"), ("\u212a", "2 "), ("x", "3")])
    cursor = {"column": "changed", "type": "number", "overlap": 0}
    options = {"url": server.url, "table": "people", "cursor": cursor, "deleted": "gone"}
    world.sources["tenants"] = {
        "connector": "sql",
        "options": options,
        "key": ["house", "flat"],
        "mapping": {"External ID": "{house} {flat}", "Name": "name"},
        "deletes": {"at_most": {"share": "100%"}},
    }
    world.run()
    server.run("UPDATE people SET gone = 'yes', changed = 2 WHERE flat <> '3'")
    report = world.run()
    assert (report.read, report.counts["delete"]) == ("partial", 2)
    assert list(world.there()) == ["x 3"]
