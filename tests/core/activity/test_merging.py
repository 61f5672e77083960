"""The merge is a join: order, doubles and grouping do not matter, and lists have the last word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from syncd.core.activity.merging import join, merge
from syncd.core.activity.observations import Observation, State
from syncd.core.activity.views import SUPERSEDED, view_of_call, view_of_message
from tests.worlds.phone_calls import (
    NOON,
    call_rows,
    leg_events,
    listed,
    message_events,
    message_rows,
    of_a_call,
    of_a_message,
    of_one,
)

Merge = Callable[[State | None, Observation], State]


def merged(observations: Sequence[Observation], rule: Merge = merge) -> State | None:
    state: State | None = None
    for each in observations:
        state = rule(state, each)
    return state


def holds_in_any_order(rule: Merge) -> None:
    @settings(max_examples=100, deadline=None, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)
    @given(of_one, st.randoms(use_true_random=False))
    def the_property(observations: list[Observation], random: Any) -> None:
        doubled = observations + observations[: len(observations) // 2]
        random.shuffle(doubled)
        assert merged(observations, rule) == merged(doubled, rule)

    the_property()


def test_any_order_and_any_number_of_doubles_give_the_same_state() -> None:
    holds_in_any_order(merge)


def last_event_wins(state: State | None, observation: Observation) -> State:
    return merge(None, observation)


def deduplicated_before_the_work(state: State | None, observation: Observation) -> State:
    # The subject is marked as seen by its first event; the others are taken for doubles.
    return state or merge(None, observation)


def later_fields_win(state: State | None, observation: Observation) -> State:
    return (state or {}) | merge(None, observation)


@pytest.mark.parametrize("broken", [last_event_wins, deduplicated_before_the_work, later_fields_win])
def test_the_property_fails_for_a_merge_that_is_no_join(broken: Merge) -> None:
    with pytest.raises(AssertionError):
        holds_in_any_order(broken)


@settings(max_examples=60, deadline=None)
@given(of_one, st.integers(0, 7), st.integers(0, 7))
def test_groups_may_be_merged_on_their_own(observations: list[Observation], one: int, other: int) -> None:
    first, second = sorted((one, other))
    groups = [observations[:first], observations[first:second], observations[second:]]
    states = [state for group in groups if (state := merged(group))]
    assert (reduce(join, states) if states else None) == merged(observations)
    assert (reduce(lambda late, early: join(early, late), reversed(states)) if states else None) == merged(observations)


@settings(max_examples=50, deadline=None)
@given(of_one)
def test_what_was_merged_once_changes_nothing_again(observations: list[Observation]) -> None:
    state = merged(observations)
    assert all(merge(state, each) == state for each in observations)


@settings(max_examples=50, deadline=None)
@given(of_one)
def test_a_merge_leaves_its_input_as_it_is(observations: list[Observation]) -> None:
    states = [merged(observations[:count]) for count in range(len(observations) + 1)]
    copies = [repr(state) for state in states]
    for state, each in zip(states, observations, strict=False):
        merge(state, each)
    assert [repr(state) for state in states] == copies


LATER = NOON + 3600 + SUPERSEDED


@settings(max_examples=100, deadline=None)
@given(of_a_call, call_rows.filter(lambda row: row["end_time"] is not None))
def test_after_the_final_list_a_call_is_the_lists_row(observations: list[Observation], row: dict[str, Any]) -> None:
    final = listed(row, LATER)
    alone = view_of_call(merge(None, final))
    found = view_of_call(merged([*observations, final]) or {})
    for name in ("status", "outcome", "started", "ended", "direction", "duration", "talk", "rows", "answered"):
        assert getattr(found, name) == getattr(alone, name), name
    # What the list does not say, or says no longer, stays known.
    for name in ("remote_name", "extension"):
        assert getattr(alone, name) in {None, getattr(found, name)}, name
    # So do the texts of other segments.
    for name in ("summary", "transcription"):
        assert set((getattr(alone, name) or "").split("\n")) <= {"", *(getattr(found, name) or "").split("\n")}, name
    assert [segment._replace(media=None) for segment in found.segments] == [
        segment._replace(media=None) for segment in alone.segments
    ]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(leg_events, max_size=4),
    st.lists(call_rows, min_size=2, max_size=3, unique_by=lambda row: (row["start_time"], row["extension"])),
)
def test_legs_that_are_rows_of_their_own_are_one_call(events: list[Observation], rows: list[dict[str, Any]]) -> None:
    legs = [
        listed(row | {"journey": None, "end_time": row["end_time"] or row["start_time"]}, LATER + number)
        for number, row in enumerate(rows)
    ]
    found = view_of_call(merged([*events, *legs]) or {})
    assert found.rows == len(found.segments) == len(rows)
    assert (found.status == "answered") == any(row["status"] == "answered" for row in rows)
    assert {segment.extension for segment in found.segments} == {row["extension"] for row in rows}


@settings(max_examples=100, deadline=None)
@given(of_a_message, message_rows)
def test_after_the_final_list_a_message_is_the_lists_row(observations: list[Observation], row: dict[str, Any]) -> None:
    final = listed(row, 2 * NOON)
    alone, found = view_of_message(merge(None, final)), view_of_message(merged([*observations, final]) or {})
    assert (found.status, found.sent, found.direction) == (alone.status, alone.sent, alone.direction)
    assert alone.body in {None, found.body}
    assert {each.media for each in alone.attachments} <= {each.media for each in found.attachments}


@settings(max_examples=100, deadline=None)
@given(st.lists(message_events, min_size=1, max_size=6))
def test_a_message_has_the_status_of_its_newest_time(events: list[Observation]) -> None:
    newest = max(each.said["status"] for each in events)
    assert view_of_message(merged(events) or {}).status == newest[2]
