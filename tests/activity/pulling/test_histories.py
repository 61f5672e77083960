"""The histories that other tools have had: nothing is lost, and no day counts as whole that is not."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.activity.days.windows import ended
from tests.examples import crossed
from tests.worlds.phone_company import DAY, HOUR, TODAY, Open, at, busy


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_call_arrives_between_page_1_and_2(company: Open, order: str) -> None:
    world = company(list_order=order)
    world.line.limit = 3
    busy(world, "2026-03-09", 8)
    world.phones.call(start=at("2026-03-12", 8))
    world.now = TODAY

    def arrive(number: int) -> None:
        path, query = world.line.asked[-1]
        if path == "/calls" and query["start_date"] == query["end_date"] == "2026-03-09" and query["page"] == 1:
            world.line.after = lambda _number: None
            world.phones.call(start=at("2026-03-09", 20))
            world.phones.call(start=at("2026-03-09", 2))

    world.line.after = arrive
    world.pull()
    assert world.calls() == world.truth()
    assert world.states()["2026-03-09"] == "read"
    world.live(TODAY + 2 * HOUR)
    assert world.states()["2026-03-09"] == "proved"


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_call_arrives_between_two_pages_of_the_head(company: Open, order: str) -> None:
    world = company(list_order=order)
    world.line.limit = 3
    busy(world, "2026-03-12", 7)
    world.pull()
    busy(world, "2026-03-12", 4, hour=12)
    left = [1]

    def arrive(_number: int) -> None:
        if left:
            left.clear()
            world.phones.call(start=at("2026-03-12", 14))

    world.line.after = arrive
    world.now += 600
    world.pull()
    assert world.calls() == world.truth()


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_call_deleted_between_the_pages(company: Open, order: str) -> None:
    world = company(list_order=order)
    world.line.limit = 3
    ids = busy(world, "2026-03-09", 8)
    gone = ids[-1] if order == "newest" else ids[0]

    def leave(_number: int) -> None:
        path, query = world.line.asked[-1]
        if path == "/calls" and query["start_date"] == query["end_date"] == "2026-03-09":
            world.line.after = lambda _number: None
            world.phones.forget(gone)

    world.line.after = leave
    world.pull()
    world.live(TODAY + 2 * HOUR)
    assert world.states()["2026-03-09"] == "proved"
    # What was read is not deleted because a list lacks it.
    assert world.calls() == sorted(ids)


def test_a_call_that_leaves_the_list_stays_and_is_named_as_missing(company: Open) -> None:
    world = company()
    ids = busy(world, "2026-03-12", 4)
    world.pull()
    world.prove("2026-03-12")
    world.phones.forget(ids[0])
    world.live(ended("2026-03-12") + 26 * HOUR)
    with world.store() as store:
        missing = {row["id"]: row["missing_since"] for row in store.activities.select()}
    assert missing[ids[0]]
    assert not missing[ids[1]]
    # The list has changed, and the change is proved by the reading after it.
    assert world.states()["2026-03-12"] == "proved"


def test_unstable_order_of_equal_times(company: Open) -> None:
    world = company(list_order="unstable")
    world.line.limit = 5
    ids = [world.phones.call(start=at("2026-03-09", 9), talk=10.0) for _ in range(17)]
    world.live(TODAY + 12 * HOUR)
    assert world.calls() == sorted(ids)
    assert world.states()["2026-03-09"] == "proved"


def test_total_is_a_lie(company: Open) -> None:
    world = company()
    busy(world, "2026-03-09", 4)
    ids = busy(world, "2026-03-12", 4)

    def lie(body: Any, _query: Any) -> Any:
        if "calls" in body:
            body["meta"]["total_calls"] += 1
        return body

    world.line.changed = lie
    world.live(TODAY + DAY, every=900)
    # Nothing is lost by it, nothing counts as proved, and it does not cost the key's requests.
    assert set(ids) <= set(world.calls())
    assert set(world.states().values()) == {"open"}
    assert len(world.line.pages()) < 96 + 200


def test_a_page_is_repeated(company: Open) -> None:
    world = company()
    world.line.limit = 3
    busy(world, "2026-03-09", 8)
    asked: dict[str, Any] = {}

    def repeat(body: Any, query: Any) -> Any:
        if query["start_date"] != query["end_date"] or "calls" not in body:
            return body
        asked.setdefault("first", body["calls"])
        return body | {"calls": asked["first"]}

    world.line.changed = repeat
    world.pull()
    assert world.states()["2026-03-09"] == "open"
    world.line.changed = lambda body, _query: body
    world.live(TODAY + 3 * HOUR)
    assert world.states()["2026-03-09"] == "proved"
    assert world.calls() == world.truth()


@pytest.mark.parametrize(("calendar", "rows"), crossed(["utc", "company", "eastern"], ["call", "legs"]))
def test_midnight_in_every_zone(company: Open, calendar: str, rows: str) -> None:
    world = company(calendar=calendar, call_rows=rows)
    for hours in range(0, 48, 2):
        world.phones.call(start=at("2026-03-10", hours + 0.99), talk=120.0)
    # A call over midnight, in each of the calendars.
    for hours in (24, 28, 29, 30):
        world.phones.call(start=at("2026-03-10", hours) - 60, segments=[{"talk": 90.0}, {"after": 20.0, "talk": 0.0}])
    world.pull()
    world.live(TODAY + 4 * DAY, every=3 * HOUR)
    assert world.calls() == world.truth()
    days = [day for day in world.states() if ended(day) + HOUR <= world.now - 3 * HOUR]
    assert {world.states()[day] for day in days} == {"proved"}


@pytest.mark.parametrize("night", ["2026-03-08", "2026-11-01"])
def test_a_day_of_23_and_of_25_hours(company: Open, night: str) -> None:
    world = company(calendar="company")
    world.now = at(night, -20)
    for half_hours in range(96):
        world.phones.call(start=at(night, -12 + half_hours / 2), talk=10.0, announce=False)
    world.live(at(night, 5 * 24), every=2 * HOUR)
    assert world.calls() == world.truth()
    assert world.states()[night] == "proved"


def test_outbound_is_never_announced(company: Open) -> None:
    world = company(outbound_events="no")
    world.pull()
    call = world.phones.call(direction="outgoing")
    world.now += 600
    world.pull()
    with world.store() as store:
        found = store.activities.call(call)
    assert found is not None
    assert found.row["first_by"] == "list"


class Killed(BaseException):
    """Stands for the end of the process."""


def test_killed_between_page_and_position(company: Open) -> None:
    world = company()
    world.line.limit = 3
    for day in ("2026-03-09", "2026-03-10", "2026-03-12"):
        busy(world, day, 8)
    for number in range(1, 99):
        # The process ends after each of its requests once.
        def kill(sent: int, last: int = number) -> None:
            if sent == last:
                raise Killed

        world.line.asked.clear()
        world.line.after = kill
        try:
            world.pull()
        except Killed:
            world.end_process()
            continue
        break
    assert number > 6
    world.line.after = lambda _number: None
    world.live(TODAY + 2 * HOUR)
    assert world.calls() == world.truth()
    assert world.states()["2026-03-09"] == world.states()["2026-03-10"] == "proved"


def test_10000_calls_the_filter_is_ignored_by_the_server(company: Open) -> None:
    world = company()
    busy(world, "2026-02-01", 20)
    busy(world, "2026-03-12", 4)
    line, ask = world.line, world.line.client.request

    def everything(method: str, path: str, *, params: dict[str, Any], **options: Any) -> Any:
        dates = {"start_date": "2026-01-01", "end_date": "2026-12-31"} if path == "/calls" else {}
        return ask(method, path, params={**params, **dates}, **options)

    line.client.request = everything  # type: ignore[method-assign, assignment]
    line.limit = 10
    found = world.pull()
    assert "other days than 2026-03-11..2026-03-13" in str(found.error)
    assert found.error is not None
    assert found.error.exit_code == 4
    # The newest calls come in all the same, and no day counts as read.
    assert len(world.calls()) == 10
    assert set(world.states().values()) == {"open"}
    assert line.pages() == [("2026-03-11..2026-03-13", 1)]
    assert set(world.states("message")) >= {"2026-03-10"}


def test_429_in_the_middle_of_a_window(company: Open) -> None:
    world = company()
    world.line.limit = 3
    busy(world, "2026-03-12", 8)
    world.sandbox.arm({"kind": "status", "status": 429, "retry_after": "0.1", "path": "/calls", "after": 1, "times": 2})
    assert world.pull().error is None
    assert world.calls() == world.truth()


def test_a_limit_clamped_to_100_is_believed(company: Open) -> None:
    world = company(list_cap="100", list_order="oldest")
    busy(world, "2026-03-12", 250, hour=3)
    world.pull()
    world.phones.call(start=at("2026-03-12", 14.5))
    world.line.asked.clear()
    world.pull()
    assert world.line.pages() == [("2026-03-11..2026-03-13", 3)]
    assert world.calls() == world.truth()


def test_outage_of_3_hours_with_webhooks_only(company: Open) -> None:
    world = company()
    world.pull()
    begin = at("2026-03-12", 17)
    ids = []
    for number in range(60):
        moment = begin + number * 300
        world.now = moment + 70
        ids.append(world.phones.call(start=moment, talk=60.0))
        # The receiver is off from 18 to 21 o'clock; before and after, each call is announced.
        if not begin + HOUR <= moment < begin + 4 * HOUR:
            world.announce(ids[-1])
    assert len(world.calls()) == 24
    world.now += 60
    world.pull()
    assert world.calls() == sorted(ids)
    world.prove("2026-03-12")
    with world.store() as store:
        day = store.days.get("call", "2026-03-12")
    assert day is not None
    # The certificate tells how much of the day the webhooks have brought.
    assert (day.total, day.state, day.by_webhook) == (60, "proved", 24)


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_long_call_comes_into_the_list_when_it_ends_behind_others(company: Open, order: str) -> None:
    world = company(list_order=order)
    world.line.limit = 3
    busy(world, "2026-03-12", 8)
    long = world.phones.call(start=at("2026-03-12", 9) + 30, talk=7 * HOUR)
    world.pull()
    assert long not in world.calls()
    world.now += 2 * HOUR
    world.pull()
    assert world.calls() == world.truth()


@pytest.mark.parametrize("path", ["/calls", "/messages"])
def test_a_list_that_fails_does_not_keep_the_other_from_being_read(company: Open, path: str) -> None:
    world = company()
    world.phones.call(start=TODAY - HOUR, talk=10.0)
    world.phones.message(sent=TODAY - HOUR)
    world.sandbox.arm({"kind": "status", "status": 418, "path": path, "times": None})
    found = world.pull()
    assert found.error is not None
    assert found.error.exit_code == 3
    assert {kind: taken.new for kind, taken in found.taken.items()} == (
        {"call": 0, "message": 1} if path == "/calls" else {"call": 1, "message": 0}
    )
