"""Which days are asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from syncd.core.activity.days.windows import Days, are_other_days, between, ended, of_moment, runs, strays, window
from syncd.core.activity.instants import begin_of

ZONES = ["Etc/GMT+12", "America/New_York", "UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Etc/GMT-14"]


@pytest.mark.parametrize("zone", ZONES)
# Days of 23 and of 25 hours are among them, on both sides of the earth.
@pytest.mark.parametrize("day", ["2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01", "2026-04-05", "2026-07-15"])
def test_the_window_holds_today_and_yesterday_of_every_zone(zone: str, day: str) -> None:
    for half_hours in range(48):
        now = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("UTC")) + timedelta(hours=half_hours / 2)
        local = now.astimezone(ZoneInfo(zone)).date()
        found = window(now.timestamp())
        assert found.first <= (local - timedelta(days=1)).isoformat()
        assert local.isoformat() <= found.last
        assert local.isoformat() in of_moment(now.timestamp()).each()
        # What has ended everywhere is no zone's today.
        gone = [each for each in found.each() if ended(each) <= now.timestamp()]
        assert local.isoformat() not in gone


def test_a_day_that_left_the_window_has_ended_everywhere() -> None:
    first = window(begin_of("2026-03-10") + 12.5 * 3600).first
    assert first == "2026-03-09"
    assert ended("2026-03-08") == begin_of("2026-03-09") + 12 * 3600


def test_days_are_cut_in_halves_and_in_pieces() -> None:
    days = Days("2026-02-27", "2026-03-03")
    assert (days.length, str(days)) == (5, "2026-02-27..2026-03-03")
    assert days.halves() == (Days("2026-02-27", "2026-02-28"), Days("2026-03-01", "2026-03-03"))
    assert days.pieces(2) == [
        Days("2026-02-27", "2026-02-28"),
        Days("2026-03-01", "2026-03-02"),
        Days("2026-03-03", "2026-03-03"),
    ]
    assert days.pieces(9) == [days]


def test_days_that_follow_each_other_are_runs() -> None:
    assert runs(["2026-03-02", "2026-02-28", "2026-03-01", "2026-03-05"]) == [
        Days("2026-02-28", "2026-03-02"),
        Days("2026-03-05", "2026-03-05"),
    ]
    assert runs([]) == []


def test_rows_that_no_calendar_explains_are_told_from_the_others() -> None:
    day, begin = Days("2026-03-10", "2026-03-10"), begin_of("2026-03-10")
    times = [begin - 26 * 3600, begin + 36 * 3600, begin - 10 * 86_400, begin + 10 * 86_400]
    assert strays(day, times) == [False, False, True, True]
    assert strays(day, []) == []


@pytest.mark.parametrize(
    ("outside", "inside", "are_others"),
    [(0, 0, False), (0, 9, False), (1, 0, False), (1, 400, False), (2, 0, True), (5, 5, False), (6, 5, True)],
)
def test_the_days_are_others_if_most_rows_are(outside: int, inside: int, are_others: bool) -> None:
    assert are_other_days(outside, inside) is are_others


def test_a_time_between_two_moments_has_all_days_of_every_calendar() -> None:
    noon = begin_of("2026-03-10") + 12 * 3600
    assert between(noon, noon + 3 * 3600) == Days("2026-03-10", "2026-03-11")
    assert between(noon + 3600, noon) == Days("2026-03-10", "2026-03-11")
