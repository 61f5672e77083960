"""What happened to others, by name: each history of events and lists, and the call or message that it is."""

from __future__ import annotations

from itertools import permutations

import pytest

from syncd.core.activity.instants import seconds
from syncd.core.activity.merging import merge
from syncd.core.activity.observations import Observation, State
from syncd.core.activity.settling import is_settled, settled_at
from syncd.core.activity.views import CallView, MessageView, view_of_call, view_of_message
from tests.worlds.phone_calls import NOON, call, clock, event, leg, listed, message, part

LISTED = NOON + 3 * 3600


def state_of(*observations: Observation) -> State:
    state: State | None = None
    for each in observations:
        state = merge(state, each)
    return state or {}


def call_of(*observations: Observation) -> CallView:
    """The call that these make; in whichever order they come."""
    views = {str(view_of_call(state_of(*order))) for order in permutations(observations)}
    assert len(views) == 1
    return view_of_call(state_of(*observations))


def message_of(*observations: Observation) -> MessageView:
    views = {str(view_of_message(state_of(*order))) for order in permutations(observations)}
    assert len(views) == 1
    return view_of_message(state_of(*observations))


ENDED = leg("ended", "14:31:10", end_time=clock("14:31:10"), duration=70)
TEXT = leg("transcription", "14:40:00", summary="About the roof", transcription="Hello. Hello.")


def test_transcription_before_its_call() -> None:
    found = call_of(TEXT, ENDED)
    assert (found.status, found.summary, found.transcription) == ("answered", "About the roof", "Hello. Hello.")
    alone = call_of(event("call.transcription", "14:40:00", summary="About the roof"))
    assert (alone.status, alone.summary) == ("open", "About the roof")
    whole = call_of(event("call.transcription", "14:40:00", summary="About the roof"), listed(call(), LISTED))
    assert (whole.status, whole.summary, whole.duration) == ("answered", "About the roof", 70)


def test_terminate_before_connect() -> None:
    found = call_of(ENDED, leg("answered", "14:30:20"), leg("started", "14:30:00"))
    assert (found.status, found.ended, found.talk) == ("answered", seconds(clock("14:31:10")), 50)
    assert [segment.answered for segment in found.segments] == [True]


def test_read_before_sent() -> None:
    outgoing = {"direction": "outgoing", "from": "+12125550199", "to": "+12125550101", "channel": "whatsapp"}
    sent = event("message.sent", "14:30:00", **outgoing, status="sent", sent_at=clock("14:30:00"), body="Hello")
    read = event("message.status_updated", "14:35:00", **outgoing, status="read", updated_at=clock("14:34:59"))
    found = message_of(read, sent)
    assert (found.status, found.body, found.remote) == ("read", "Hello", "2125550101")
    at_once = event("message.status_updated", "14:35:00", **outgoing, status="delivered", updated_at=clock("14:34:59"))
    assert message_of(at_once, read, sent).status == "read"


def test_list_before_event() -> None:
    found = call_of(listed(call(status="missed", duration=20, journey=[]), LISTED), ENDED)
    assert (found.status, found.duration, found.segments) == ("missed", 20, ())
    assert (
        message_of(
            listed(message(status="delivered"), LISTED),
            event("message.received", "14:30:00", channel="text", status="sent", sent_at=clock("14:30:00")),
        ).status
        == "delivered"
    )


def test_late_null_does_not_erase_a_summary() -> None:
    parts = [part(0, "User", "101", "14:30:20", 50, answered=True, summary="About the roof", transcription="Hello.")]
    late = [parts[0] | {"summary": None, "transcription": ""}]
    first, second = listed(call(journey=parts), LISTED), listed(call(journey=late), LISTED + 86_400)
    assert call_of(first, second).summary == "About the roof"
    assert call_of(second, TEXT).transcription == "Hello. Hello."
    assert call_of(TEXT, leg("transcription", "14:50:00", summary=None, transcription=" ")).summary == "About the roof"


def test_leg_that_ended_missed_call_answered() -> None:
    missed = leg("ended", "14:30:20", "101", end_time=clock("14:30:20"), duration=0)
    answered, over = (
        leg("answered", "14:30:20", "102"),
        leg("ended", "14:31:10", "102", end_time=clock("14:31:10"), duration=70),
    )
    found = call_of(missed, answered, over)
    assert (found.status, found.extension, found.talk) == ("answered", "102", 50)
    assert [(segment.extension, segment.answered) for segment in found.segments] == [("101", False), ("102", True)]
    rows = [
        listed(call(extension="101", status="missed", duration=20, end_time=clock("14:30:20"), journey=[]), LISTED),
        listed(call(extension="102", start_time=clock("14:30:20"), duration=50, journey=[]), LISTED),
    ]
    found = call_of(*rows)
    assert (found.status, found.extension, found.rows, found.duration) == ("answered", "102", 2, 70)


def test_call_never_ends() -> None:
    found = call_of(leg("started", "14:30:00"), leg("answered", "14:30:20"))
    assert (found.status, found.ended, settled_at(found)) == ("open", None, None)
    assert not is_settled(found, 1e12)
    running = listed(call(end_time=None, duration=None, status=None), NOON)
    assert call_of(running).status == "open"
    assert call_of(running, listed(call(), LISTED)).status == "answered"
    # A list that lags behind does not take the end away.
    lagging = listed(call(end_time=None, duration=None, status=None), LISTED + 60)
    assert call_of(lagging, listed(call(), LISTED)).status == "answered"


def test_a_running_leg_keeps_the_call_open() -> None:
    over = listed(call(extension="101", end_time=clock("14:30:20"), status="missed", journey=None), LISTED)
    runs = listed(call(extension="102", end_time=None, duration=None, status=None, journey=None), LISTED)
    assert call_of(over, runs).status == "open"
    assert call_of(over, runs, listed(call(extension="102", journey=None), LISTED + 600)).status == "answered"


def test_summary_of_a_row_that_was_there_already() -> None:
    bare = listed(call(), LISTED)
    assert call_of(bare).summary is None
    assert call_of(bare, TEXT).summary == "About the roof"
    worded = [*call()["journey"][:1], call()["journey"][1] | {"summary": "About the roof"}]
    assert call_of(bare, listed(call(journey=worded), LISTED + 3600)).summary == "About the roof"


def test_texts_of_segments_are_joined_in_their_order() -> None:
    parts = [
        part(0, "User", "101", "14:30:00", 20, answered=True, summary="First"),
        part(1, "User", "102", "14:30:20", 50, answered=True, summary="Second"),
    ]
    assert call_of(listed(call(journey=parts), LISTED), TEXT).summary == "First\nSecond"
    events = [leg("transcription", "14:40:00", each, summary=each) for each in ("102", "101")]
    assert call_of(*events).summary == "101\n102"


def test_a_call_that_a_correction_has_moved_is_listed_once() -> None:
    wrong, right = listed(call(extension="900"), LISTED), listed(call(extension="101"), LISTED + 3600)
    found = call_of(wrong, right)
    assert (found.rows, found.extension) == (1, "101")


def test_a_recording_that_went_is_still_known() -> None:
    url = "https://api.example.com/v1/media/rec_84729"
    with_one, without = call(), call()
    with_one["journey"][1]["recording_url"] = url
    found = call_of(listed(with_one, LISTED), listed(without, LISTED + 86_400))
    assert [segment.media for segment in found.segments] == [None, "rec_84729"]


@pytest.mark.parametrize(("by_list", "expected"), [(False, "webhook"), (True, "list")])
def test_the_first_to_tell_of_a_call_is_remembered(by_list: bool, expected: str) -> None:
    state = merge(None, listed(call(), LISTED), arrived=NOON - 1 if by_list else NOON + 1)
    assert view_of_call(merge(state, ENDED)).first_by == expected
