"""Lengths of time as people write them, in seconds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.settings.durations import FORM, LONGEST, parse_duration, seconds_in


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30s", 30),
        ("15m", 900),
        ("1h30m", 5_400),
        ("2d", 172_800),
        ("1d 2h 3m 4s", 93_784),
        ("1 h", 3_600),
        ("1.5h", 5_400),
        (" 90 ", 90),
        ("0", 0),
        (5, 5),
        (2.5, 2.5),
    ],
)
def test_a_duration_is_read_in_seconds(written: str | float, seconds: float) -> None:
    assert parse_duration(written) == seconds_in(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        "",
        "m",
        "soon",
        "-1",
        "1e3",
        "1h 30",  # a number without a unit beside one with a unit
        "30m1h",  # units from the largest to the smallest only
        "1h1h",
        "\u0663s",  # a digit, but not of ASCII
        "1" * 13,
        True,  # a boolean is a number in Python
    ],
)
def test_any_other_text_is_refused_with_the_forms_that_are_right(written: str) -> None:
    assert seconds_in(written) is None
    with pytest.raises(ValueError, match=FORM):
        parse_duration(written)


@pytest.mark.parametrize("written", [-1, "3661d", LONGEST + 1, math.inf, math.nan])
def test_a_duration_is_not_negative_and_not_longer_than_ten_years(written: str | float) -> None:
    with pytest.raises(ValueError, match="from 0 seconds to 3660 days"):
        parse_duration(written)


def test_the_longest_duration_is_a_duration() -> None:
    assert parse_duration("3660d") == LONGEST


@given(st.tuples(*[st.integers(0, 300)] * 4))
def test_the_parts_of_a_duration_add_up(parts: tuple[int, int, int, int]) -> None:
    days, hours, minutes, seconds = parts
    text = f"{days}d{hours}h{minutes}m{seconds}s"
    assert parse_duration(text) == ((days * 24 + hours) * 60 + minutes) * 60 + seconds
