"""The pull: what is read when, how a day is proved, and what a dry run does."""

from __future__ import annotations

from syncd.core.activity.days.windows import Days, ended
from tests.worlds.phone_company import DAY, HOUR, TODAY, Open, at, busy


def test_the_first_pull_goes_back_and_takes_everything(company: Open) -> None:
    world = company()
    for day in ("2026-03-09", "2026-03-10", "2026-03-11", "2026-03-12"):
        busy(world, day, 4)
    world.phones.call(start=at("2026-03-01", 9))
    found = world.pull()
    assert len(world.calls()) == 16
    assert found.taken["call"].to_json() == {"new": 16, "changed": 0, "unchanged": 0}
    assert world.states() == {"2026-03-09": "read", "2026-03-10": "read", "2026-03-11": "read", "2026-03-12": "open"}
    # Newest first, so that yesterday is there soon.
    assert [pages for pages, _ in world.line.pages()] == [
        "2026-03-11..2026-03-13",
        "2026-03-11..2026-03-11",
        "2026-03-10..2026-03-10",
        "2026-03-09..2026-03-09",
    ]
    assert found.forecast == found.requests == 8


def test_a_day_is_proved_by_a_second_reading_and_read_again_later(company: Open) -> None:
    world = company()
    busy(world, "2026-03-12", 4)
    world.pull()
    end = ended("2026-03-12")
    world.live(end + 10 * DAY)
    assert world.states()["2026-03-12"] == "proved"
    readings = [days for days, _ in world.line.pages() if days == "2026-03-12..2026-03-12"]
    # At its end, and 1 hour, 1, 3 and 7 days later; the sum asks for whole ranges.
    assert len(readings) == 5


def test_a_proved_day_gains_a_call_and_it_is_found_by_one_request(company: Open) -> None:
    world = company()
    for number in range(8):
        busy(world, f"2026-03-{number + 2:02}", 3)
    world.rhythm = world.rhythm.__class__(since=11 * DAY)
    world.pull()
    world.live(TODAY + 9 * DAY)
    assert {world.states()[f"2026-03-{number + 2:02}"] for number in range(8)} == {"proved"}
    world.line.asked.clear()
    world.now += DAY
    world.pull()
    sums = [query for path, query in world.line.asked if path == "/calls" and query["limit"] == 1]
    assert len(sums) == 1
    late = world.phones.call(start=at("2026-03-04", 11), talk=10.0)
    world.now += DAY
    found = world.pull()
    assert late in world.calls()
    assert [(day.day, day.state) for day in found.days if day.kind == "call" and day.day == "2026-03-04"] == [
        ("2026-03-04", "changed")
    ]
    world.live(world.now + HOUR)
    assert world.states()["2026-03-04"] == "proved"


def test_a_range_that_is_refused_is_asked_for_in_pieces(company: Open) -> None:
    world = company(date_range="31d")
    for number in range(60):
        world.phones.call(start=TODAY - number * DAY, talk=10.0)
    world.rhythm = world.rhythm.__class__(since=60 * DAY)
    world.pull()
    world.live(TODAY + 2 * DAY, every=6 * HOUR)
    assert world.calls() == world.truth()
    late = world.phones.call(start=TODAY - 50 * DAY, talk=10.0)
    world.live(world.now + 2 * DAY, every=6 * HOUR)
    assert late in world.calls()


def test_days_that_are_too_old_for_the_server_end_the_first_pull_and_are_not_asked_for_again(company: Open) -> None:
    world = company(reach="90d")
    world.rhythm = world.rhythm.__class__(since=120 * DAY)
    found = world.pull()
    assert found.error is None
    assert len(world.states()) in range(88, 94)
    world.line.asked.clear()
    world.now += 600
    assert world.pull().requests == 2


def test_only_the_days_that_are_named_are_read(company: Open) -> None:
    world = company()
    busy(world, "2026-03-10", 3)
    found = world.pull(Days("2026-03-09", "2026-03-10"))
    assert found.taken["call"].new == 3
    assert [days for days, _ in world.line.pages()] == ["2026-03-10..2026-03-10", "2026-03-09..2026-03-09"]
    assert [day.day for day in found.days] == ["2026-03-09"] * 2 + ["2026-03-10"] * 2


def test_a_dry_run_finds_the_same_and_stores_nothing(company: Open) -> None:
    world = company()
    for day in ("2026-03-09", "2026-03-12"):
        busy(world, day, 4)
    dry = world.pull(dry_run=True)
    assert not (world.folder / "activity.db").exists()
    wet = world.pull()
    assert dry.to_json() == {**wet.to_json(), "days": dry.to_json()["days"]}
    assert [day.state for day in dry.days] == [day.state for day in wet.days]
    world.now += 600
    before = world.calls(), world.states()
    world.phones.call()
    assert world.pull(dry_run=True).taken["call"].new == 1
    assert (world.calls(), world.states()) == before


def test_an_unchanged_day_of_5000_calls_takes_10_requests(company: Open) -> None:
    world = company()
    for number in range(5000):
        world.phones.call(start=at("2026-03-09", 8) + 7 * number, talk=5.0)
    day = Days("2026-03-09", "2026-03-09")
    world.pull(day)
    world.line.asked.clear()
    found = world.pull(day)
    assert len(world.line.pages()) == 10
    assert found.taken["call"].to_json() == {"new": 0, "changed": 0, "unchanged": 5000}


def test_nothing_new_takes_one_request_of_each_list(company: Open) -> None:
    world = company()
    world.line.limit = 3
    busy(world, "2026-03-12", 4)
    world.pull()
    busy(world, "2026-03-12", 4, hour=14)
    for _ in range(2):
        world.now += 600
        found = world.pull()
    assert found.requests == 2
    assert found.taken["call"].to_json() == {"new": 0, "changed": 0, "unchanged": 3}
