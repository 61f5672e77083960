"""Each open point about calls, messages, media and webhooks in each of its readings."""

from __future__ import annotations

import pytest

from syncd.sandbox.activity.dialects import ACTIVITY
from tests.worlds.phones_dialects import LISTS
from tests.worlds.phones_dialects_events import EVENTS
from tests.worlds.sandbox_dialects import Shows

SHOWS = Shows({**LISTS, **EVENTS})

# How many deliveries run at once is seen at a real endpoint: webhooks/test_sender.py.
ELSEWHERE = {"deliveries_at_once"}

CASES = [(name, value) for name, dialect in ACTIVITY.items() if name not in ELSEWHERE for value in dialect.values]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_a_dialect_does_what_its_value_says(name: str, value: str) -> None:
    show, seen = SHOWS[name]
    assert show(name, value) == seen[value]


@pytest.mark.parametrize("name", sorted(ACTIVITY.keys() - ELSEWHERE))
def test_no_two_values_of_a_dialect_look_alike(name: str) -> None:
    _, seen = SHOWS[name]
    assert set(seen) == set(ACTIVITY[name].values)
    assert len({repr(expected) for expected in seen.values()}) == len(seen)


def test_only_dialects_that_exist_are_shown() -> None:
    assert set(SHOWS) | ELSEWHERE == set(ACTIVITY)
