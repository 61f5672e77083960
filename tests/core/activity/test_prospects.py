"""What the next runs do about a call, a day and a file, and why."""

from __future__ import annotations

import pytest

from syncd.core.activity import prospects
from syncd.core.activity.days.proof import Standing
from syncd.core.activity.days.windows import ended
from syncd.core.activity.merging import merge
from syncd.core.activity.prospects import Events, File, Prospect
from syncd.core.activity.views import CallView, view_of_call
from tests.worlds.phone_calls import NOON, call, leg, listed

DAY, HOUR = "2026-03-10", 3600.0
END = ended(DAY)
RECHECK = (HOUR, 24 * HOUR)
CALL_END = NOON + 2.5 * HOUR + 70
"""When the invented calls end: at 14:31:10."""


def view(*said: object) -> CallView:
    state = None
    for each in said:
        state = merge(state, each)  # type: ignore[arg-type]
    assert state is not None
    return view_of_call(state)


def test_an_open_call_waits_for_its_end() -> None:
    [only] = prospects.of_call(view(leg("started", "14:30:00")), NOON)
    assert only == Prospect("look", "the call is open: no event and no list has told its end")
    [only] = prospects.of_call(view(listed(call(end_time=None), NOON)), NOON)
    assert only.why.endswith("no list shows its end")


def test_an_ended_call_waits_for_its_summary_and_then_no_longer() -> None:
    ended_call = view(listed(call(), CALL_END))
    [wait] = prospects.of_call(ended_call, CALL_END + 60)
    assert (wait.do, wait.at) == ("wait", CALL_END + 2700)
    [late] = prospects.of_call(ended_call, CALL_END + 2700)
    assert (late.do, late.at) == ("wait", None)
    assert list(prospects.of_call(view(listed(call(summary="Yes."), CALL_END)), CALL_END + 60)) == []


@pytest.mark.parametrize(
    ("standing", "now", "do", "at"),
    [
        (Standing(), END - HOUR, "look", None),
        (Standing(), END, "read", None),
        (Standing("read", END, END), END + 60, "read", END + HOUR),
        (Standing("proved", END + HOUR, END + HOUR), END + 2 * HOUR, "read", END + 24 * HOUR),
        (Standing("changed", END + 30 * HOUR, END + 30 * HOUR), END + 30 * HOUR, "read", END + 31 * HOUR),
    ],
)
def test_a_day_is_read_when_it_is_due(standing: Standing, now: float, do: str, at: float | None) -> None:
    found = prospects.of_day(DAY, standing, now, RECHECK)
    assert found is not None
    assert (found.do, found.at) == (do, at)


def test_a_proved_day_is_read_no_more_after_the_last_time() -> None:
    assert prospects.of_day(DAY, Standing("proved", END + 25 * HOUR, END), END + 26 * HOUR, RECHECK) is None


def test_events_and_files() -> None:
    assert [each.do for each in prospects.of_events(Events(2, 1))] == ["merge", "read"]
    assert list(prospects.of_events(Events(0, 0))) == []
    wanted = File("rec_1", "wanted", 5.0, "it was not there", "activity.recordings", is_fetched=True)
    assert prospects.of_file(wanted, 4.0) == Prospect("fetch", "rec_1 is wanted again: it was not there", 5.0)
    assert prospects.of_file(wanted._replace(is_fetched=False), 4.0) == Prospect(
        "nothing", "rec_1 is not fetched: activity.recordings is not configured"
    )
    assert prospects.of_file(wanted._replace(state="kept"), 4.0) is None
