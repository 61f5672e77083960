"""A rehearsed outage: when it is, what a list shows at a moment, and how late things are known."""

from __future__ import annotations

import pytest

from syncd.core.activity.drills import busiest, differing, is_news, lateness, listed, moment_of, text_times
from syncd.core.activity.observations import Observation
from tests.worlds.phone_calls import NOON, call, clock, event, leg, message, part

MINUTE, HOUR = 60.0, 3600.0
HALF_PAST_TWO = NOON + 2.5 * HOUR


@pytest.mark.parametrize(
    ("times", "length", "span"),
    [
        ([10.0, 50.0, 52.0, 54.0], 10.0, (50.0, 60.0)),
        ([10.0, 12.0, 50.0], 10.0, (10.0, 20.0)),
        # What comes outside the day does not count.
        ([-5.0, -4.0, 101.0, 102.0, 30.0], 10.0, (30.0, 40.0)),
        # The outage ends with the day.
        ([97.0, 98.0], 10.0, (90.0, 100.0)),
        ([], 10.0, (0.0, 10.0)),
        ([50.0], 100.0, (0.0, 100.0)),
        ([50.0], 1000.0, (0.0, 100.0)),
    ],
)
def test_the_outage_is_where_the_most_comes(times: list[float], length: float, span: tuple[float, float]) -> None:
    assert busiest(times, length, (0.0, 100.0)) == span


def test_a_call_stands_in_the_list_from_its_end_on_and_its_texts_from_their_delivery_on() -> None:
    segment = part(1, "User", "101", "14:30:20", 50, summary="A leak.")
    told = {("call", "c1"): [leg("ended", "14:31:10"), leg("transcription", "14:40:00", summary="A leak.")]}
    row = listed("call", call(summary="A leak.", journey=[segment]), told)  # type: ignore[arg-type]
    assert row
    assert (row.moment, row.since) == (HALF_PAST_TWO, HALF_PAST_TWO + 70)
    before, after = row.as_of(row.texted - 1), row.as_of(row.texted)
    assert row.texted == HALF_PAST_TWO + 10 * MINUTE
    assert ("summary" in before, "summary" in before["journey"][0]) == (False, False)
    assert after == row.raw
    assert row.has_texts


def test_without_deliveries_a_call_has_its_texts_at_its_end() -> None:
    row = listed("call", call(summary="A leak."), {})
    assert row
    assert row.as_of(row.since) == row.raw
    running = listed("call", call(end_time=None), {})
    assert running
    assert (running.since, running.has_texts) == (running.moment, False)


def test_a_message_has_the_status_that_it_had_then() -> None:
    said = [event("message.status_updated", at, status=word, updated_at=clock(at), channel="text") for at, word in
            (("14:40:00", "delivered"), ("15:00:00", "read"))]  # fmt: skip
    row = listed("message", message(status="read"), {("message", "text:c1"): said})
    assert row
    statuses = [row.as_of(HALF_PAST_TWO + minutes * MINUTE)["status"] for minutes in (0, 10, 29, 30)]
    assert statuses == ["sent", "delivered", "delivered", "read"]


@pytest.mark.parametrize("raw", [None, {}, {"call_id": "c1"}, {"start_time": clock("14:30:00")}, call(start_time="x")])
def test_a_row_without_an_id_or_a_time_is_none(raw: object) -> None:
    assert listed("call", raw, {}) is None


@pytest.mark.parametrize(
    ("said", "tells"),
    [
        (leg("ended", "14:31:10"), True),
        (leg("started", "14:30:00"), True),
        (leg("transcription", "14:40:00", summary="A leak."), False),
        (event("message.received", "14:30:00", channel="text", sent_at=clock("14:30:00")), True),
        (event("message.status_updated", "14:31:00", channel="text", status="read"), False),
    ],
)
def test_texts_and_statuses_are_no_news_of_a_call(said: Observation, tells: bool) -> None:
    assert is_news(said) is tells


def test_the_times_of_a_delivery() -> None:
    assert moment_of(leg("ended", "14:31:10")) == HALF_PAST_TWO
    assert moment_of(event("message.status_updated", "14:31:00", channel="text", status="read")) is None
    assert text_times(leg("transcription", "14:40:00", summary="A leak.")) == [HALF_PAST_TWO + 10 * MINUTE]
    assert text_times(event("message.received", "14:30:00", channel="text", body="Hello")) == []


def test_only_what_lists_and_deliveries_say_is_compared() -> None:
    row = {"summary": "A leak.", "duration": 70, "first_by": "webhook", "contacts": [], "settled": True}
    assert differing(row, {**row, "first_by": "list", "contacts": [1], "settled": False}) == ()
    assert differing(row, {**row, "summary": None, "duration": 71}) == ("duration", "summary")


def test_lateness_is_the_worst_and_the_median() -> None:
    assert lateness([]) is None
    assert lateness([10.0, 600.0, 20.0]) == (600.0, 20.0)
