"""A call whose text is overdue is asked for alone, if no other reading brings the text soon and that is cheaper."""

from __future__ import annotations

import pytest

from tests.worlds.phone_company import HOUR, TODAY, Open, PhoneCompany, at, busy

WORDS = "Wants a lease.", "Hello, I want a lease."


def office(company: Open, calls: int = 24, **dialects: str) -> tuple[PhoneCompany, str]:
    """Return a company, and a call of three hours behind which ``calls`` others stand: three rows are a page.

    All others have got their texts; the text of the long one comes half an hour after its end.
    """
    world = company(**{"journey": "with_text", **dialects})
    world.line.limit, world.now = 3, at("2026-03-12", 12.25)
    long = world.phones.call(start=at("2026-03-12", 9), talk=3 * HOUR)
    for call in busy(world, "2026-03-12", calls, hour=11.0):
        world.phones.transcribe(call, *WORDS)
    world.pull()
    world.line.asked.clear()
    world.now = TODAY
    return world, long


def searches(world: PhoneCompany) -> list[str]:
    """Return the calls that were asked for alone, and forget all requests."""
    found = [query["search"] for _, query in world.line.asked if "search" in query]
    world.line.asked.clear()
    return found


def summary(world: PhoneCompany, call: str) -> str | None:
    with world.store() as store:
        found = store.activities.call(call)
    assert found is not None
    text: str | None = found.row["summary"]
    return text


def test_an_overdue_text_behind_the_head_of_the_list_takes_one_request(company: Open) -> None:
    world, long = office(company)
    world.phones.transcribe(long, *WORDS, announce=False)
    world.pull()
    assert searches(world) == [long]
    assert summary(world, long) == WORDS[0]


def test_each_call_is_asked_for_once(company: Open) -> None:
    world, long = office(company)
    world.pull()
    assert searches(world) == [long]
    world.live(TODAY + 4 * HOUR, every=600)
    assert searches(world) == []


def test_many_overdue_texts_wait_for_their_day(company: Open) -> None:
    world, _ = office(company)
    busy(world, "2026-03-12", 10, hour=10.0)
    world.pull()
    assert searches(world) == []


def test_a_day_of_one_page_is_never_asked_for_singly(company: Open) -> None:
    world, _ = office(company, calls=2)
    world.pull()
    assert searches(world) == []


@pytest.mark.parametrize("wait", [-60.0, 60.0])
def test_a_text_is_not_overdue_before_45_minutes(company: Open, wait: float) -> None:
    world, long = office(company)
    # A phone rang for five seconds.
    world.now = at("2026-03-12", 12) + 5 + 2700 + wait
    world.pull()
    assert searches(world) == ([long] if wait > 0 else [])


def test_lists_without_texts_are_not_asked(company: Open) -> None:
    world, _ = office(company, journey="plain")
    world.pull()
    assert searches(world) == []


def test_a_day_that_is_read_within_the_hour_is_waited_for(company: Open) -> None:
    world, long = office(company)
    world.now = at("2026-03-13", 11.5)
    world.pull()
    assert searches(world) == []
    world.phones.transcribe(long, *WORDS, announce=False)
    world.now = at("2026-03-13", 12)
    world.pull()
    assert (searches(world), summary(world, long)) == ([], WORDS[0])


def test_a_server_that_does_not_search_is_asked_once(company: Open) -> None:
    world, _ = office(company, call_search="ignored")
    world.pull()
    assert len(searches(world)) == 1
    with world.store() as store:
        assert len(list(store.activities.select(kind="call"))) == 25
    other = world.phones.call(start=at("2026-03-12", 10), talk=HOUR)
    world.live(TODAY + 2 * HOUR)
    assert other in world.calls()
    assert searches(world) == []


def test_a_dry_run_asks_and_stores_nothing(company: Open) -> None:
    world, long = office(company)
    world.phones.transcribe(long, *WORDS, announce=False)
    world.pull(dry_run=True)
    assert searches(world) == [long]
    assert summary(world, long) is None
