"""What becomes of a recording or an attachment after a try."""

from __future__ import annotations

from typing import get_args

import pytest

from syncd.core.activity.media.trying import (
    DAY,
    NEVER,
    Cause,
    MediaState,
    cause_of_api,
    cause_of_file,
    failed,
    kept,
)

NOW = 1_800_000_000.0


def history(cause: Cause) -> list[tuple[MediaState, float]]:
    """Return each state with the seconds until the next try, until no try follows."""
    steps: list[tuple[MediaState, float]] = []
    while not steps or steps[-1][1] < NEVER:
        step = failed(len(steps), cause, NOW)
        assert (step.attempts, step.reason) == (len(steps) + 1, cause)
        steps.append((step.state, step.next_try if step.next_try == NEVER else step.next_try - NOW))
    return steps


def test_what_was_fetched_is_not_fetched_again() -> None:
    step = kept(3)
    assert (step.state, step.attempts, step.next_try, step.reason) == ("kept", 4, NEVER, None)


def test_what_the_api_lacks_is_gone_and_looked_for_once_more() -> None:
    assert history("missing") == [("gone", 3600.0), ("gone", NEVER)]


@pytest.mark.parametrize("cause", ["forbidden", "unsafe"])
def test_what_is_refused_is_asked_for_on_the_next_days(cause: Cause) -> None:
    assert history(cause) == [*[("refused", DAY)] * 3, ("refused", NEVER)]


@pytest.mark.parametrize(
    ("cause", "last"),
    [("lost", "gone"), *((cause, "refused") for cause in ("denied", "empty", "size", "type", "broken", "odd"))],
)
def test_what_may_come_is_wanted_for_days_and_not_for_ever(cause: Cause, last: str) -> None:
    *waits, end = history(cause)
    assert {state for state, _ in waits} == {"wanted"}
    assert [wait for _, wait in waits[:4]] == [600.0, 3600.0, 6 * 3600.0, DAY]
    assert 7 * DAY < sum(wait for _, wait in waits) < 30 * DAY
    assert end == (last, NEVER)


@pytest.mark.parametrize("cause", get_args(Cause))
def test_no_attempt_is_beyond_the_rules(cause: Cause) -> None:
    assert failed(1_000, cause, NOW).next_try == NEVER


@pytest.mark.parametrize(
    ("status", "cause"), [(200, None), (404, "missing"), (410, "missing"), (403, "forbidden"), (422, "forbidden")]
)
def test_what_the_api_answers_has_a_cause(status: int, cause: str | None) -> None:
    assert cause_of_api(status) == cause


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (200, None),
        (0, "unsafe"),
        (302, "unsafe"),
        (404, "lost"),
        (410, "lost"),
        (400, "denied"),
        (403, "denied"),
    ],
)
def test_what_the_host_of_the_files_answers_has_a_cause(status: int, cause: str | None) -> None:
    assert cause_of_file(status) == cause
