"""Reads after the first one: what they ask for, and which contacts they report as changed, deleted or merged."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from syncd.errors import SourceInvalid
from syncd.source import Needs
from tests.worlds.rest_api_world import ANN, BOB, NOON, TIME, World


def test_a_chain_of_merges_ends_at_the_one_that_is_left() -> None:
    merged = [{"id": 1, "into": 2, "gone": True}, {"id": 2, "into": 3, "gone": True}, {"id": 3}]
    inline = {"inline": {"when": "gone", "into": "into"}}
    world = World(lambda request: merged if "since" in request.url.params else [ANN, BOB], **TIME, deletes=inline)
    _, first = world.read()
    _, end = world.read(first.cursor)
    assert (end.merged, end.deleted) == ({"1": "3", "2": "3"}, frozenset())


def test_a_read_asks_for_what_changed_since_the_last_one_began() -> None:
    world = World(lambda _: [ANN], **TIME)
    _, first = world.read()
    world.now += 600
    rows, end = world.read(first.cursor)
    assert world.asked("since")[-1] == str(int(NOON) - 60)
    assert world.asked("until")[-1] == str(int(NOON) + 600)
    assert (len(rows), end.proof) == (1, "partial")


def test_a_server_whose_clock_is_behind_loses_no_change() -> None:
    dated = httpx.Response(200, json=[ANN], headers={"Date": "Mon, 02 Feb 2026 02:00:00 GMT"})  # 40 min before noon
    world = World(lambda _: dated, **TIME)
    _, first = world.read()
    world.read(first.cursor)
    assert int(world.asked("since")[-1] or 0) == int(NOON) - 40 * 60 - 60


def test_a_full_read_comes_again_in_time() -> None:
    world = World(lambda _: [ANN], **TIME, full_every="1h")
    _, first = world.read()
    world.now += 1800
    _, second = world.read(first.cursor)
    world.now += 1800
    _, third = world.read(second.cursor)
    assert [end.proof for end in (first, second, third)] == ["complete", "partial", "complete"]


def test_a_cursor_of_another_version_means_a_full_read() -> None:
    assert World(lambda _: [ANN], **TIME).read('{"version": 0}')[1].proof == "complete"


def test_changes_of_which_some_may_be_missing_are_unproved() -> None:
    paged: dict[str, Any] = {
        "request": {"path": "/people", "query": {"since": "{since}", "page": "{page}"}},
        "page": {"by": "number"},
    }
    world = World(lambda request: [ANN] if request.url.params["page"] == "1" else [], **{**TIME, **paged})
    _, first = world.read()
    world.answer = lambda _: [ANN]
    _, end = world.read(first.cursor)
    assert (end.proof, end.cursor) == ("unproved", None)


def test_the_last_word_of_a_stream_of_changes_counts() -> None:
    def answer(request: httpx.Request) -> Any:
        if "sync" not in request.url.params:
            return {"data": [ANN, BOB], "sync": "s1"}
        edited = [
            {"id": 1, "name": "Ann Lee"},
            {"id": 2, "gone": True},
            {"id": 1, "name": "Ann Poe"},
            {"id": 3, "gone": True},
        ]
        return {"data": [*edited, {"id": 3, "name": "Cy"}], "sync": "s2"}

    world = World(
        answer,
        request={"path": "/people", "query": {"sync": "{cursor}"}},
        records={"path": "data"},
        changes={"by": "token", "from": "sync"},
        deletes={"inline": {"when": "gone"}},
    )
    _, first = world.read()
    rows, end = world.read(first.cursor)
    assert [row["name"] for row in rows] == ["Ann Poe", "Cy"]
    assert end.deleted == {"2"}


def test_a_full_read_in_which_a_record_came_twice_is_not_gone_on_from() -> None:
    pages = {"": {"data": [ANN], "next": "b"}, "b": {"data": [{"id": 1, "name": "Ann Lee"}, BOB], "sync": "s"}}
    world = World(
        lambda request: pages[request.url.params.get("after", "")],
        request={"path": "/people", "query": {"after": "{token}", "sync": "{cursor}"}},
        records={"path": "data"},
        page={"by": "token", "from": "next"},
        changes={"by": "token", "from": "sync"},
    )
    rows, end = world.read()
    assert [row["id"] for row in rows] == ["1", "2"]
    assert (end.proof, end.cursor) == ("complete", None)


def test_a_feed_of_deletes_that_reaches_less_far_back_than_the_last_read_is_not_used() -> None:
    deletes = {"feed": {"request": {"path": "/gone", "query": {"since": "{since}"}}, "horizon": "15d"}}
    world = World(
        lambda request: [] if request.url.path.endswith("gone") else [ANN], **TIME, deletes=deletes, full_every="60d"
    )
    _, first = world.read()
    world.now += 14 * 86400
    assert world.read(first.cursor)[1].proof == "complete"


def test_a_deleted_record_that_is_there_again_is_there() -> None:
    deletes = {"feed": {"request": {"path": "/gone", "query": {"since": "{since}"}}}}
    world = World(
        lambda request: [{"id": 1}, {"id": 2}] if request.url.path.endswith("gone") else [ANN], **TIME, deletes=deletes
    )
    _, first = world.read()
    _, end = world.read(first.cursor)
    assert end.deleted == {"2"}


def test_a_sweep_names_the_keys_that_are_there_and_only_now_and_then() -> None:
    world = World(
        lambda _: [ANN, BOB], Needs(("id",), frozenset({"id", "name"})), **TIME, deletes={"sweep": {"every": "1h"}}
    )
    _, first = world.read()
    _, second = world.read(first.cursor)
    world.now += 3600
    _, third = world.read(second.cursor)
    _, fourth = world.read(third.cursor)
    assert [end.present is None for end in (second, third, fourth)] == [True, False, True]
    assert third.present is not None
    assert third.present.to_dict(as_series=False) == {"id": ["1", "2"]}


def test_a_sweep_that_is_not_whole_says_nothing() -> None:
    totals: dict[str, Any] = {"records": {"path": "data"}, "page": {"by": "none", "total": "total"}}
    world = World(
        lambda _: {"data": [ANN], "total": 1},
        **TIME,
        **totals,
        deletes={"sweep": {"every": 1, "request": {"path": "/ids"}}},
    )
    _, first = world.read()
    world.now += 3600
    world.answer = lambda request: {"data": [ANN], "total": 2 if request.url.path.endswith("ids") else 1}
    _, end = world.read(first.cursor)
    assert (end.proof, end.present) == ("partial", None)


def test_deletes_told_by_id_need_the_id_as_key() -> None:
    world = World(lambda _: [ANN], Needs(("name",), frozenset({"name"})), **TIME, deletes={"inline": {"when": "gone"}})
    with pytest.raises(SourceInvalid, match="key must be 'id'"):
        world.connector.check()


@pytest.mark.parametrize("told", [["7", 8, "1"], "7; 8;1"])
def test_merged_ids_may_be_a_list_or_a_text(told: Any) -> None:
    world = World(lambda _: [{**ANN, "olds": told}], **TIME, deletes={"merged": "olds"})
    _, first = world.read()
    assert world.read(first.cursor)[1].merged == {"7": "1", "8": "1"}


def test_each_branch_of_a_fan_out_goes_on_from_its_own_token() -> None:
    branches = ["a", "b"]

    def answer(request: httpx.Request) -> Any:
        path, asked = request.url.path.rpartition("/")[2], request.url.params
        if path == "views":
            return {"views": branches}
        if "cursor" not in asked:
            return {"data": [{"id": f"{path}1"}], "sync": f"{path}-token"}
        assert asked["cursor"] == f"{path}-token"
        return {"data": [{"id": f"{path}2"}], "sync": f"{path}-token"}

    world = World(
        answer,
        request={"path": "/views/{view}", "query": {"cursor": "{cursor}"}},
        records={"path": "data"},
        changes={"by": "token", "from": "sync"},
        fanout={"into": "view", "lists": [{"request": {"path": "/views"}, "path": "views"}]},
    )
    rows, first = world.read()
    assert rows == [{"id": "a1"}, {"id": "b1"}]
    rows, second = world.read(first.cursor)
    assert (rows, second.proof) == ([{"id": "a2"}, {"id": "b2"}], "partial")
    branches.append("c")
    rows, third = world.read(second.cursor)
    assert (len(rows), third.proof) == (3, "complete")


@pytest.mark.parametrize(
    ("no", "yes"), [("No", "Yes"), (0, 1), ("0", "1"), ("off", "on"), (None, "2026-01-31T10:00:00Z")]
)
def test_a_mark_of_deletion_means_yes_or_no_by_the_table_of_flags(no: object, yes: object) -> None:
    people = [{"id": 1, "flag": no}, {"id": 2, "flag": yes}]
    world = World(lambda _: people, Needs(("id",), frozenset({"id"})), **TIME, deletes={"inline": {"when": "flag"}})
    rows, first = world.read()
    assert [row["id"] for row in rows] == ["1"]
    assert world.read(first.cursor)[1].deleted == frozenset({"2"})


def test_a_mark_of_deletion_that_means_neither_is_an_error() -> None:
    people = [{"id": 1, "flag": "Archived"}]
    world = World(lambda _: people, Needs(("id",), frozenset({"id"})), **TIME, deletes={"inline": {"when": "flag"}})
    with pytest.raises(SourceInvalid, match=r"flag has the value 'Archived', which means neither.*flag == 'Yes'"):
        world.read()
