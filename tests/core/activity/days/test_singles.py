"""Which calls are asked for alone."""

from __future__ import annotations

import pytest

from syncd.core.activity.days.singles import is_read_soon, singly
from syncd.core.activity.instants import begin_of

NOON = begin_of("2026-03-11") + 12 * 3600
"""When 2026-03-10 has ended everywhere."""


@pytest.mark.parametrize(
    ("overdue", "asked", "pages", "chosen"),
    [
        ("", "", 10, ""),
        ("abc", "", 10, "abc"),
        # As many as the pages of the day: the day is as cheap.
        ("abc", "", 3, ""),
        ("abc", "", 4, "abc"),
        # What was asked before has had its requests.
        ("abc", "ab", 4, "c"),
        ("abcd", "abc", 4, ""),
        ("d", "abc", 4, ""),
        ("a", "", 1, ""),
    ],
)
def test_all_that_are_asked_take_fewer_requests_than_the_day(overdue: str, asked: str, pages: int, chosen: str) -> None:
    assert singly(list(overdue), asked, pages) == list(chosen)


@pytest.mark.parametrize(
    ("now", "is_soon"), [(NOON - 3601, False), (NOON - 3600, True), (NOON, True), (NOON + 1, False)]
)
def test_a_day_that_ends_within_the_hour_is_read_soon(now: float, is_soon: bool) -> None:
    assert is_read_soon(begin_of("2026-03-10") + 15 * 3600, now) is is_soon
