"""What a list says later counts, whatever the clock of its server said."""

from __future__ import annotations

import pytest

from tests.worlds.phone_company import DAY, HOUR, TODAY, Open, PhoneCompany, at, busy


def _status(world: PhoneCompany, name: str) -> str:
    with world.store() as store:
        found = store.activities.message("text", name)
    assert found is not None
    return str(found.row["status"])


@pytest.mark.parametrize(("ahead", "later"), [(4000.0, 700.0), (0.0, 0.25)], ids=["ahead", "same second"])
def test_a_row_that_changes_is_not_frozen_by_an_answer_of_a_later_date(
    company: Open, ahead: float, later: float
) -> None:
    world = company(message_fields="list")
    name = world.phones.message(direction="outgoing")
    call = world.phones.call(remote_name="Zoe")
    world.sandbox.arm({"kind": "skew", "seconds": ahead, "of": "dates"})
    world.pull()
    world.sandbox.disarm()
    world.now += later
    world.phones.status(name, "failed")
    world.phones.rename(call, "Ann")
    world.pull()
    # The list is as it was read the last time from now on.
    world.now += 600
    world.pull()
    assert _status(world, name) == "failed"
    with world.store() as store:
        found = store.activities.call(call)
    assert found is not None
    assert found.row["remote_name"] == "Ann"


def test_a_list_knows_more_than_an_event_of_the_same_second(company: Open) -> None:
    world = company(message_fields="list")
    name = world.phones.message(direction="outgoing")
    world.now += 0.2
    world.phones.status(name, "delivered")
    world.hear_of_message(name)
    world.now += 0.3
    world.phones.status(name, "failed")
    world.now += 0.3
    # Its date is that of the whole second.
    world.pull()
    assert _status(world, name) == "failed"


@pytest.mark.parametrize("ahead", [-26 * 365 * DAY, -3 * DAY, 3 * DAY, 400 * DAY])
def test_a_pull_by_a_wrong_clock_reads_no_day_and_leaves_no_work(company: Open, ahead: float) -> None:
    world = company()
    busy(world, "2026-03-11", 3)
    world.ahead = ahead
    error = world.pull().error
    assert error is not None
    assert "this machine's clock is" in str(error)
    assert error.exit_code == 4
    assert all(state == "open" for state in world.states().values())
    world.ahead = 0.0
    world.line.asked.clear()
    assert world.pull().error is None
    # The heads of both lists, three days of each, and nothing else.
    assert world.line.sent <= 10
    world.live(TODAY + 6 * HOUR, every=HOUR)
    assert world.calls() == world.truth()
    assert world.states()["2026-03-11"] == "proved"


def test_days_that_a_clock_ahead_has_read_are_read_again(company: Open) -> None:
    world = company()
    busy(world, "2026-03-10", 3)
    # Not so far ahead that it is refused.
    world.ahead = 11 * HOUR
    world.pull()
    world.ahead = 0.0
    world.phones.call(start=at("2026-03-10", 20))
    world.pull()
    assert world.calls() == world.truth()
