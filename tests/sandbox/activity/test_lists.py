"""``GET /calls`` and ``GET /messages``: envelopes, filters, pages, and what a row says."""

from __future__ import annotations

import time

import pytest

from syncd.sandbox.server import Sandbox
from tests.worlds.phones_in_memory import PhoneWorld
from tests.worlds.sandbox_client import client_of

MENU = {"type": "AutoAttendant", "name": "Main Menu", "extension": "500", "ring": 0, "talk": 10}
RANG = {"extension": "101", "after": 10, "ring": 15, "talk": 0}
SPOKE = {"extension": "102", "after": 25, "ring": 5, "talk": 60}


def test_a_list_of_calls_has_the_envelope_of_lists(world: PhoneWorld) -> None:
    world.phones.call(call_id="c")
    page = world.page("/calls", direction="incoming", limit=7)
    assert page["query"] == {
        "start_date": "2027-01-01",
        "end_date": "2027-01-20",
        "direction": "incoming",
        "status": "any",
        "search": None,
        "page": 1,
        "limit": 7,
    }
    assert page["meta"] == {"page": 1, "limit": 7, "total_pages": 1, "total_calls": 1}
    assert [row["call_id"] for row in page["calls"]] == ["c"]


def test_a_call_is_listed_with_its_journey(world: PhoneWorld) -> None:
    world.phones.call(call_id="c", segments=[MENU, RANG, SPOKE])
    [row] = world.calls()
    journey = row.pop("journey")
    assert row == {
        "call_id": "c",
        "direction": "incoming",
        "status": "answered",
        "extension": "102",
        "extension_name": "Mara Lindqvist",
        "remote_name": "Jane Smith",
        "remote_number": "2125550142",
        "group_number": "7185550000",
        "start_time": "2027-01-15T07:58:30.000Z",
        "end_time": "2027-01-15T08:00:00.000Z",
        "duration": 90,
    }
    assert [(each["order"], each["type"], each["extension"], each["answered"]) for each in journey] == [
        (0, "AutoAttendant", "500", False),
        (1, "User", "101", False),
        (2, "User", "102", True),
    ]
    assert journey[2] == {
        "order": 2,
        "type": "User",
        "name": "Mara Lindqvist",
        "extension": "102",
        "extension_name": "Mara Lindqvist",
        "start_time": "2027-01-15T07:58:55.000Z",
        "end_time": "2027-01-15T08:00:00.000Z",
        "duration": 65,
        "answered": True,
        "recording_url": "http://api.example.com/v1/media/rec_84003",
    }
    assert journey[1]["recording_url"] is None


def test_a_call_that_goes_on_has_no_end(world: PhoneWorld) -> None:
    world.dialects.choose("call_listed", "start")
    call = world.phones.call(talk=None, start=world.clock.now)
    assert [(row["status"], row["end_time"], row["duration"]) for row in world.calls()] == [(None, None, None)]
    world.clock.now += 30
    assert [row["status"] for row in world.calls()] == ["answered"]
    world.phones.hang_up(call)
    assert [row["duration"] for row in world.calls()] == [30]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["in", "out", "inside", "missed"]),
        ({"direction": "incoming"}, ["in", "missed"]),
        ({"direction": "outgoing"}, ["out"]),
        ({"status": "missed"}, ["missed"]),
        ({"status": "answered", "direction": "any"}, ["in", "out", "inside"]),
        ({"search": "jane"}, ["in", "missed"]),
        ({"search": "inside"}, ["inside"]),
        ({"search": "102"}, ["out"]),
        ({"search": "10"}, []),
        ({"search": "John"}, ["in", "inside", "missed"]),
    ],
)
def test_filters_of_calls(world: PhoneWorld, query: dict[str, str], found: list[str]) -> None:
    world.dialects.choose("list_order", "oldest")
    world.phones.call(call_id="in", start=world.clock.now - 400)
    world.phones.call(
        call_id="out", start=world.clock.now - 300, direction="outgoing", extension="102", remote_name="X"
    )
    world.phones.call(call_id="inside", start=world.clock.now - 200, direction="internal", remote_name="Y")
    world.phones.call(call_id="missed", start=world.clock.now - 100, talk=0)
    page = world.page("/calls", **query)
    assert [row["call_id"] for row in page["calls"]] == found
    assert page["meta"]["total_calls"] == len(found)


def test_a_listed_message_has_the_fields_of_lists(world: PhoneWorld) -> None:
    name = world.phones.message(channel="whatsapp", body="Hi", attachments=[{"size": 9}])
    page = world.page("/messages")
    assert page["meta"] == {"page": 1, "limit": 100, "total_pages": 1, "total_messages": 1}
    assert page["messages"] == [
        {
            "message_id": name,
            "direction": "incoming",
            "channel": "whatsapp",
            "type": "media",
            "remote_number": "2125550142",
            "group_number": "7185550000",
            "body": "Hi",
            "status": "delivered",
            "sent_time": "2027-01-15T08:00:00.000Z",
            "attachments": [{"id": "att_84001", "content_type": "image/jpeg", "filename": "photo1.jpg", "size": 9}],
        }
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, "abc"),
        ({"direction": "outgoing"}, "bc"),
        ({"channel": "whatsapp"}, "c"),
        ({"channel": "text", "direction": "any"}, "ab"),
        ({"status": "failed"}, "b"),
        ({"status": "read"}, "c"),
    ],
)
def test_filters_of_messages(world: PhoneWorld, query: dict[str, str], found: str) -> None:
    world.dialects.choose("list_order", "oldest")
    world.phones.message(message_id="a")
    world.phones.message(message_id="b", direction="outgoing", statuses=[("failed", 5)])
    read = [("delivered", 5.0), ("read", 9.0)]
    world.phones.message(message_id="c", direction="outgoing", channel="whatsapp", statuses=read)
    assert world.page("/messages", status="read")["messages"] == []
    world.clock.now += 60
    assert "".join(row["message_id"] for row in world.messages(**query)) == found


def test_a_list_without_dates_is_of_today(world: PhoneWorld) -> None:
    world.phones.call(call_id="today", start=world.clock.now - 100)
    world.phones.call(call_id="yesterday", start=world.clock.now - 86_400)
    page = world.page("/calls", start_date="", end_date="")
    assert [row["call_id"] for row in page["calls"]] == ["today"]


def test_pages_are_numbered_from_1_and_newest_first(world: PhoneWorld) -> None:
    for at in range(5):
        world.phones.call(call_id=str(at), start=world.clock.now - 500 + at)
    pages = [world.page("/calls", limit=2, page=number) for number in (1, 2, 3, 4)]
    assert [[row["call_id"] for row in page["calls"]] for page in pages] == [["4", "3"], ["2", "1"], ["0"], []]
    assert {page["meta"]["total_pages"] for page in pages} == {3}


@pytest.mark.parametrize(
    "query",
    [
        {"start_date": "2027-13-01"},
        {"start_date": "20270101"},
        {"end_date": "yesterday"},
        {"start_date": "2027-01-02", "end_date": "2027-01-01"},
        {"start_date": "9999-12-31", "end_date": "9999-12-31"},
        {"direction": "internal"},
        {"status": "open"},
        {"page": "0"},
        {"limit": "many"},
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(world: PhoneWorld, query: dict[str, str]) -> None:
    assert world.ask("GET", "/calls", **query).status == 400


def test_there_is_no_single_call(world: PhoneWorld) -> None:
    with Sandbox(limits=None) as sandbox, client_of(sandbox) as api:
        call = sandbox.phones.call()
        assert api.get(f"/calls/{call}").status_code == 404


def test_a_page_of_two_hundred_thousand_calls_costs_little() -> None:
    with Sandbox(limits=None) as sandbox, client_of(sandbox) as api:
        # Many days of few calls would be as good; the rows are what counts.
        sandbox.phones.traffic(20_000, since=time.time() - 2 * 86_400)
        query: dict[str, str | int] = {"start_date": "2020-01-01", "end_date": "2099-12-31", "limit": 500}
        total = api.get("/calls", params=query).json()["meta"]["total_calls"]
        began = time.process_time()
        for page in range(2, 12):
            assert len(api.get("/calls", params={**query, "page": page}).json()["calls"]) == 500
        assert (total > 30_000, (time.process_time() - began) / 10 < 0.1) == (True, True)


def test_the_log_has_dates_but_no_search(world: PhoneWorld) -> None:
    with Sandbox(limits=None) as sandbox, client_of(sandbox) as api:
        api.get("/calls", params={"start_date": "2027-01-01", "end_date": "2027-01-02", "search": "2125550142"})
        assert sandbox.requests[0].query == {"start_date": "2027-01-01", "end_date": "2027-01-02"}


def test_answers_are_dated_by_the_sandboxs_clock() -> None:
    with Sandbox(limits=None, clock=lambda: 1_800_000_000.0) as sandbox, client_of(sandbox) as api:
        dates = {api.get(path).headers["Date"] for path in ("/calls", "/contacts", "/nowhere")}
        assert dates == {"Fri, 15 Jan 2027 08:00:00 GMT"}
