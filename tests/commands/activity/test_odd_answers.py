"""Lists as a stranger's server might send them: read as far as they can be, and no row spoils the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syncd.core.activity.instants import begin_of, iso
from tests.worlds.commands import Command
from tests.worlds.odd_lists import OddLists, day, odd_call, odd_lists
from tests.worlds.world import World


@pytest.fixture
def lists(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[OddLists]:
    with odd_lists() as server:
        world.activity = {"since": "3d"}
        world.target |= {"reports": [], "messaging": [], "base_url": server.url}
        world.settings()
        monkeypatch.chdir(world.folder)
        yield server


def printed(syncd: Command, *arguments: str) -> dict[str, Any]:
    code, out, err = syncd("activity", *arguments, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def state_of_the_day(syncd: Command) -> dict[str, Any]:
    [found] = [each for each in printed(syncd, "days")["days"] if (each["kind"], each["day"]) == ("call", day(2))]
    return {name: found[name] for name in ("total", "state")}


@pytest.mark.parametrize(
    "time",
    [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59.9999999Z",
        "9999-12-31T23:59:59-05:00",
    ],
)
@pytest.mark.parametrize("name", ["start_time", "end_time"])
def test_a_time_that_stands_for_none_spoils_no_other_row(lists: OddLists, syncd: Command, name: str, time: str) -> None:
    lists.calls = [odd_call("call_1"), odd_call("call_2", **{name: time}), odd_call("call_3")]
    assert printed(syncd, "pull")["calls"]["new"] == 3
    listed = {each["id"]: each for each in printed(syncd, "list")["activities"]}
    assert listed["call_2"][name] is None
    assert listed.keys() == {"call_1", "call_2", "call_3"}
    assert state_of_the_day(syncd) == {"total": 3, "state": "read"}
    assert syncd("activity", "export", "calls.csv")[0] == 0
    assert syncd("activity", "explain", "call_2")[0] == 0


@pytest.mark.parametrize("write", [int, lambda at: int(at * 1000), lambda at: str(int(at))])
def test_times_as_numbers_are_times(lists: OddLists, syncd: Command, write: Callable[[float], object]) -> None:
    began = begin_of(day(2)) + 9 * 3600
    lists.calls = [odd_call("call_1", start_time=write(began), end_time=write(began + 60))]
    assert printed(syncd, "pull")["calls"]["new"] == 1
    [row] = printed(syncd, "list")["activities"]
    assert (row["start_time"], row["end_time"], row["status"]) == (iso(began), iso(began + 60), "answered")


@pytest.mark.parametrize("others", [0, 3])
def test_one_row_of_another_year_does_not_stop_the_list(lists: OddLists, syncd: Command, others: int) -> None:
    odd = odd_call("call_1", start_time="2024-02-28T09:00:00Z", end_time="2024-02-28T09:01:00Z")
    lists.calls = [odd, *(odd_call(f"other_{number}") for number in range(others))]
    assert printed(syncd, "pull")["calls"]["new"] == others + 1
    assert state_of_the_day(syncd) == {"total": others + 1, "state": "read"}


@pytest.mark.parametrize("identity", ["call_\0", "\0", "call_\0x"])
def test_an_id_that_no_database_takes_spoils_no_other_row(lists: OddLists, syncd: Command, identity: str) -> None:
    lists.calls = [odd_call("call_1"), odd_call(identity), odd_call("call_3")]
    for _ in range(2):
        printed(syncd, "pull", "--days", day(2))
    assert [each["id"] for each in printed(syncd, "list")["activities"]] == ["call_1", "call_3"]
    # What cannot be told apart is not proved.
    assert state_of_the_day(syncd) == {"total": 3, "state": "open"}


@pytest.mark.parametrize("write", [str, float], ids=["text", "fraction"])
def test_counts_in_another_notation_are_counts(lists: OddLists, syncd: Command, write: Callable[[Any], object]) -> None:
    lists.calls = [odd_call(number) for number in range(501)]
    lists.meta = lambda meta: {name: write(count) for name, count in meta.items()}
    assert printed(syncd, "pull", "--days", day(2))["calls"]["new"] == 501
    assert state_of_the_day(syncd) == {"total": 501, "state": "read"}


@pytest.mark.parametrize("pages", [10**30, 10**9])
def test_a_number_of_pages_without_end_is_no_number_to_count_up_to(lists: OddLists, syncd: Command, pages: int) -> None:
    lists.calls = [odd_call("call_1")]
    lists.meta = lambda meta: dict.fromkeys(meta, pages)
    assert printed(syncd, "pull", "--days", day(2))["calls"]["new"] == 1
    assert state_of_the_day(syncd)["state"] == "open"


def test_rows_behind_a_first_page_that_says_there_are_no_pages_are_read(lists: OddLists, syncd: Command) -> None:
    lists.calls = [odd_call(number) for number in range(501)]
    lists.meta = lambda meta: meta | {"total_pages": 0}
    assert printed(syncd, "pull", "--days", day(2))["calls"]["new"] == 501


def test_pages_are_read_until_all_rows_are_there_whatever_their_number_is(lists: OddLists, syncd: Command) -> None:
    # The number of pages is that of 500 rows each, but a page has 100.
    lists.calls, lists.most = [odd_call(number) for number in range(520)], 100
    lists.meta = lambda meta: meta | {"total_pages": 2}
    assert printed(syncd, "pull", "--days", day(2))["calls"]["new"] == 520


@pytest.mark.parametrize("size", [12.5, 10**30, -1, "big", None, True])
def test_the_size_of_a_file_is_a_whole_number_or_not_known(lists: OddLists, syncd: Command, size: object) -> None:
    row = {"message_id": "msg_1", "type": "text", "sent_time": f"{day(2)}T12:00:00Z", "body": "Hello"}
    lists.messages = [row | {"attachments": [{"id": "att_1", "size": size}]}]
    assert printed(syncd, "pull")["messages"]["new"] == 1
    [found] = printed(syncd, "list")["activities"]
    assert found["attachments"][0]["size"] is None
    assert syncd("activity", "export", "messages.parquet")[0] == 0


def test_another_condition_counts_although_no_row_has_changed(world: World, lists: OddLists, syncd: Command) -> None:
    lists.calls = [odd_call("call_1"), odd_call("call_2", direction="internal")]
    for only, shown in (("direction <> 'internal'", ["call_1"]), (None, ["call_1", "call_2"])):
        world.activity = {"since": "3d", **({"only": only} if only else {})}
        world.settings()
        printed(syncd, "pull", "--days", day(2))
        assert [each["id"] for each in printed(syncd, "list")["activities"]] == shown
