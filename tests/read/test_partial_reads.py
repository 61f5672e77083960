"""A source that is read incrementally ends with the same contacts as a source that is read whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Never

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import syncd.source
from syncd.read import unchanged_rows
from syncd.state.ledger import Ledger
from tests.examples import SOAKING, examples
from tests.worlds.feed import Account, Feed
from tests.worlds.world import World, company

FEED: dict[str, Any] = {
    "connector": "feed",
    "key": "id",
    "mapping": {"External ID": "ref", "Name": "name", "Phone": ["phone"]},
    "deletes": {"at_most": {"share": "100%"}},
}


@pytest.fixture(autouse=True)
def feed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncd.source, "CONNECTORS", {**syncd.source.CONNECTORS, "feed": "tests.worlds.feed:Feed"})
    monkeypatch.setattr(Feed, "ACCOUNTS", {})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with company(tmp_path) as made:
        made.sources.clear()
        yield made


def account(world: World, name: str = "crm", **settings_: Any) -> Account:
    options = {"account": name, **settings_.pop("options", {})}
    world.sources[name] = json.loads(json.dumps({**FEED, "options": options, **settings_}))
    return Feed.ACCOUNTS.setdefault(name, Account())


def people(crm: Account) -> None:
    crm.put(k1=("a", "Ann", "2125550101"), k2=("b", "Bob", "2125550102"), k3=("c", "Cy", "2125550103"))


@pytest.mark.parametrize("tells", ["deleted", "present"])
def test_what_changed_is_pushed_and_what_left_is_deleted(world: World, tells: str) -> None:
    crm = account(world, options={"tells": tells})
    people(crm)
    world.run()
    crm.put(k1=("a", "Ann Lee", "2125550101"))
    crm.drop("3")
    report = world.run()
    assert report.read == "partial"
    assert (report.rows, report.counts["update"], report.counts["delete"]) == (1, 1, 1)
    assert {key: each["Name"] for key, each in world.there().items()} == {"a": "Ann Lee", "b": "Bob"}
    assert crm.asked == [None, "1"]


def test_where_every_key_is_listed_an_emptied_source_deletes_nothing_unasked(world: World) -> None:
    crm = account(world, options={"tells": "present"})
    people(crm)
    world.run()
    crm.drop("1", "2", "3")
    report = world.run()
    assert [held.gate for held in report.held] == ["deletes.empty"]
    assert len(world.there()) == 3


def test_a_missing_canary_holds_deletes_where_every_key_is_listed(world: World) -> None:
    crm = account(world, options={"tells": "present"}, canaries=["1"])
    people(crm)
    world.run()
    crm.drop("1", "2")
    assert [held.gate for held in world.run().held] == ["deletes.canary"]


def test_a_held_delete_is_found_again_by_the_next_partial_read(world: World) -> None:
    crm = account(world, deletes={"at_most": {"count": 0, "share": "100%", "free": 0}})
    people(crm)
    world.run()
    crm.drop("1")
    first, second = world.run(), world.run()
    assert [held.gate for held in first.held] == [held.gate for held in second.held] == ["deletes.count"]
    with world.state() as state:
        state.holds.approve("crm", second.held[0].digest)
    assert world.run().counts["delete"] == 1
    assert set(world.there()) == {"b", "c"}
    assert None not in crm.asked[1:]


def test_a_row_that_was_merged_into_a_new_one_is_the_same_contact(world: World) -> None:
    crm = account(world)
    crm.put(k1=("a", "Ann", "2125550101"), k2=("b", "Bob", "2125550102"))
    world.run()
    before = {each["fields"]["External ID"]: each["id"] for each in world.sandbox.store.contacts()}
    crm.merge("1", "9")
    dry = world.run(dry_run=True)
    report = world.run()
    assert dry.digest == report.digest
    assert report.counts["create"] == report.counts["delete"] == 0
    assert {each["fields"]["External ID"]: each["id"] for each in world.sandbox.store.contacts()} == before
    crm.drop("9")
    assert world.run().counts["delete"] == 1
    assert set(world.there()) == {"b"}


def test_of_two_rows_that_become_one_the_other_contact_is_deleted(world: World) -> None:
    crm = account(world)
    crm.put(k1=("a", "Ann", "2125550101"), k2=("b", "Bob", "2125550102"))
    world.run()
    crm.merge("1", "2")
    report = world.run()
    assert report.counts["delete"] == 1
    assert set(world.there()) == {"b"}


def test_a_new_row_with_the_match_value_of_an_unread_one_has_the_source_read_whole(world: World) -> None:
    crm = account(world)
    people(crm)
    world.run()
    crm.put(k9=("a", "Another Ann", "2125550109"))
    report = world.run()
    assert report.read == "complete"
    assert crm.asked == [None, "1", None]
    assert [each["key"] for each in report.invalid] == ["9"]


def test_the_row_that_was_kept_back_is_sent_when_the_other_leaves(world: World) -> None:
    crm = account(world)
    people(crm)
    crm.put(k9=("a", "Another Ann", "2125550109"))
    world.run()
    crm.drop("1")
    world.run()
    assert world.there()["a"]["Name"] == "Another Ann"


@pytest.mark.parametrize("leaves", [True, False])
def test_a_row_that_was_merged_into_an_unread_one_takes_its_number_with_it(world: World, leaves: bool) -> None:
    crm = account(world, shared_match="merge_phones")
    crm.put(k1=("a", "Ann", "2125550101"), k2=("a", "Bob", "2125550102"))
    world.run()
    assert world.there()["a"]["Phone"] == "2125550101;2125550102"
    if leaves:
        crm.drop("2")
    else:
        crm.put(k2=("z", "Bob", "2125550102"))
    assert world.run().read == "complete"
    assert world.there()["a"]["Phone"] == "2125550101"


def test_the_row_that_another_source_kept_back_is_sent_when_that_lets_go(world: World) -> None:
    first, crm = account(world, "first"), account(world)
    first.put(k1=("a", "Ann", "2125550101"))
    crm.put(k5=("a", "Ann of the CRM", "2125550105"))
    world.run()
    world.run()
    assert crm.asked == [None, "1"]  # no whole read while the other source has the match value
    first.drop("1")
    world.run()
    world.run()
    assert world.there()["a"]["Name"] == "Ann of the CRM"


def test_a_row_that_an_earlier_source_let_go_is_sent_though_a_later_source_took_it(world: World) -> None:
    a, b, c = (account(world, name) for name in "abc")
    for name, crm in (("a", a), ("b", b), ("c", c)):
        crm.put(k1=("7", f"Ann of {name}", "2125550101"), k2=(name, name, "2125550102"))
    world.run()
    a.drop("1")
    world.run("a")
    assert world.run("c").counts["create"] == 1
    b.put(k2=("b", "Bob", "2125550102"))
    world.run("b")
    assert world.there()["7"]["Name"] == "Ann of b"


def test_an_invalid_row_is_told_of_until_it_is_mended(world: World) -> None:
    crm = account(world)
    people(crm)
    crm.put(k4=("", "No ref", "2125550104"))
    world.run()
    crm.put(k5=("e", "Eve", "2125550105"))
    for _ in range(2):
        assert [each["key"] for each in world.run().invalid] == ["4"]
    crm.put(k4=("d", "Dee", "2125550104"))
    assert world.run().invalid == []


def test_a_rejected_contact_that_is_to_be_tried_again_is_read_again(world: World) -> None:
    crm = account(world)
    people(crm)
    world.sandbox.arm({"kind": "poison", "field": "Name", "value": "Ann"})
    assert world.run().counts["rejected"] == 1
    world.sandbox.disarm()
    with world.state() as state:
        assert state.ledger.retry_rejected("crm") == 1
    assert world.run().counts["create"] == 1
    assert crm.asked == [None, None]


def test_a_read_of_few_changed_rows_asks_the_ledger_for_what_they_touch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = account(world)
    people(crm)
    crm.put(k4=("d", "Di", "2125550104"), k5=("e", "Ed", "2125550105"))
    world.run()
    monkeypatch.setattr(Ledger, "row_digests", _never)
    crm.put(k1=("a", "Ann Lee", "2125550101"), k6=("f", "Flo", "2125550106"))
    crm.drop("2")
    crm.merge("3", "7")
    crm.merge("4", "5")
    report = world.run()
    assert report.read == "partial"
    assert {kind: report.counts[kind] for kind in ("create", "update", "delete")} == {
        "create": 1,
        "update": 1,
        "delete": 2,
    }
    assert set(world.there()) == {"a", "c", "e", "f"}
    assert report.known == 5


def _never(*_: object) -> Never:
    raise AssertionError("the whole ledger was read")


@pytest.mark.parametrize(
    ("there", "new"), [("Ann", "ANN"), ("straße", "STRASSE"), ("\u212aim", "kim"), ("ΣΑΣ", "σας"), ("Ⓐ", "ⓐ")]
)
def test_a_new_row_that_differs_from_an_unread_one_in_case_only_has_the_source_read_whole(
    world: World, there: str, new: str
) -> None:
    crm = account(world)
    people(crm)
    crm.put(k4=(there, "Ann", "2125550104"))
    world.run()
    crm.put(k5=(new, "Ann", "2125550105"))
    report = world.run()
    assert report.read == "complete"
    assert "differ from another in the case" in report.warnings[0]


EXAMPLES = examples(2, 200)
REFS = st.sampled_from(["a", "A", "b", "c", "ß", "SS", "7"])
ROWS = st.tuples(REFS, st.sampled_from(["Ann", "Bob"]), st.sampled_from(["2125550101", "12", "2125550102;2125550103"]))
KEYS = st.sampled_from(["1", "2", "3", "4"])
EDITS = st.tuples(st.sampled_from(["crm", "other"]), st.sampled_from(["put", "put", "drop", "merge"]), KEYS, KEYS, ROWS)


def edit(accounts: dict[str, Account], name: str, what: str, key: str, other: str, row: Any) -> None:
    here = accounts[name]
    if what == "put":
        here.put(**{f"k{key}": row})
    elif what == "drop":
        here.drop(key)
    elif key in here.rows and key != other:
        here.merge(key, other)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=not SOAKING, suppress_health_check=list(HealthCheck))
@given(
    steps=st.lists(st.lists(EDITS, min_size=1, max_size=3), min_size=3, max_size=5),
    policy=st.sampled_from(["first", "hold", "merge_phones"]),
    tells=st.sampled_from(["deleted", "present"]),
    few=st.sampled_from([0, 10_000]),
)
def test_after_partial_reads_a_whole_one_finds_nothing_left_to_do(
    steps: list[list[Any]], policy: str, tells: str, few: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    Feed.ACCOUNTS.clear()
    with pytest.MonkeyPatch.context() as patch, company(tmp_path_factory.mktemp("world")) as world:
        patch.setattr(unchanged_rows, "MOST_ROWS_LOOKED_UP", few)
        world.sources.clear()
        names = ("crm", "other")
        accounts = {name: account(world, name, shared_match=policy, options={"tells": tells}) for name in names}
        for edits in steps:
            for each in edits:
                edit(accounts, *each)
            for _ in range(2):  # a source can take in the second round what another released in the first
                world.run_all()
            for name in names:
                left = world.run(name, dry_run=True, full=True)
                held = [gate.gate for gate in left.held]
                assert held or not left.plan or left.plan.todo.is_empty(), (name, left.to_json())
