"""What is remembered of a field that the sink holds in another form than it was sent in."""

from __future__ import annotations

from typing import Any

from syncd.core.activity.delivering.plan import Before, Can
from syncd.core.activity.delivering.settled import Answer, Sent, settle
from syncd.core.activity.sent import compact

LONG = "cut after so many characters " * 10


def fields_after(answer: Answer, **more: Any) -> Any:
    before = {"accepted_fields": {"title": "Mine", "body": "old"}, "before": Before("accepted")}
    sent = Sent("update", 7, {"title": "New", "body": "text"}, (), **{**before, **more})
    return settle(sent, answer, Can(), 0.0, run="r1", created="r0").fields


def test_the_form_of_the_sink_is_remembered_in_place_of_what_was_sent() -> None:
    answer = Answer("accepted", "1", stored={"body": LONG, "owner": None})
    assert fields_after(answer) == {"title": "New", "body": compact(LONG), "owner": None}


def test_a_field_that_a_person_changed_stays_theirs() -> None:
    answer = Answer("accepted", "1", kept=("title",), stored={"body": "TEXT"})
    assert fields_after(answer) == {"title": "Mine", "body": "TEXT"}
