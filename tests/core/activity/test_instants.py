"""Times of the API become Unix seconds and days, and come back the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.activity.instants import begin_of, day_after, day_of, days_between, iso, seconds


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-10T14:30:00.000Z", 1773153000.0),
        ("2026-03-10T14:30:00+00:00", 1773153000.0),
        ("2026-03-10T10:30:00-04:00", 1773153000.0),
        ("2026-03-10T14:30:00", 1773153000.0),
        ("2026-03-10 14:30:00.250", 1773153000.25),
        ("yesterday", None),
        ("", None),
        ("0001-01-01T00:00:00Z", None),
        ("1970-01-01", None),
        ("9999-12-31T23:59:59.999999Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        (1773153000, 1773153000.0),
        (1773153000.25, 1773153000.25),
        (1773153000250, 1773153000.25),
        ("1773153000", 1773153000.0),
        ("1773153000250", 1773153000.25),
        (0, None),
        (70, None),
        (20260310, None),
        (946684799, None),
        (4102444800000, None),
        (-1773153000, None),
        (10**400, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        ("20260310", 1773100800.0),
        ("17731530002", None),
        ([1773153000], None),
        (None, None),
    ],
)
def test_a_time_is_read_in_every_form_of_the_api(text: object, moment: float | None) -> None:
    assert seconds(text) == moment


@given(st.integers(1_000_000_000_000, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000))
def test_a_written_time_is_read_as_the_same_moment(moment: float) -> None:
    assert seconds(iso(moment)) == pytest.approx(moment, abs=0.0006)
    assert iso(moment).startswith(day_of(round(moment, 3)))


def test_days_are_counted_through_months_and_leap_years() -> None:
    assert day_after("2028-02-28") == "2028-02-29"
    assert day_after("2026-01-01", -1) == "2025-12-31"
    assert days_between("2026-02-27", "2026-03-02") == ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]
    assert days_between("2026-03-02", "2026-03-01") == []
    assert day_of(begin_of("2026-03-10")) == "2026-03-10"
    assert day_of(begin_of("2026-03-10") - 0.001) == "2026-03-09"
