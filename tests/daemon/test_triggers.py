"""When a schedule is due next: on the days when clocks change, at the ends of months, and after missed times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time

from syncd.core.settings.schedules import Cron, Every
from syncd.daemon.triggers import next_time, zone_of

NEW_YORK = "America/New_York"
LORD_HOWE = "Australia/Lord_Howe"  # its clocks are turned by half an hour


def at(text: str, zone: str = NEW_YORK, *, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def times(text: str, begin: str, end: str, zone: str = NEW_YORK) -> Iterator[str]:
    """Return the wall-clock times, with offset, at which a cron text is due between two times."""
    moment = at(begin, zone)
    while (moment := next_time(Cron(text, zone), moment, moment)) < at(end, zone):
        yield datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%d %H:%M %z")


def test_an_interval_is_counted_from_the_time_that_was_due() -> None:
    assert next_time(Every(900), 1000.0, 1000.0) == 1900.0
    assert next_time(Every(900), 1000.0, 1007.0) == 1900.0


def test_missed_times_of_an_interval_are_passed_over() -> None:
    assert next_time(Every(900), 1000.0, 1000.0 + 5 * 900) == 1000.0 + 6 * 900
    assert next_time(Every(900), 1000.0, 999.0) == 1900.0


@pytest.mark.parametrize(
    ("text", "begin", "end", "due"),
    [
        # 8 March 2026, 02:00 EST becomes 03:00 EDT
        ("30 2 * * *", "2026-03-07T12:00", "2026-03-09T12:00", ["08 03:30 -0400", "09 02:30 -0400"]),
        ("0 3 * * *", "2026-03-07T12:00", "2026-03-08T12:00", ["08 03:00 -0400"]),
        ("30 2,3 * * *", "2026-03-08T00:00", "2026-03-08T12:00", ["08 03:30 -0400"]),
        ("0 * * * *", "2026-03-08T00:30", "2026-03-08T04:30", ["08 01:00 -0500", "08 03:00 -0400", "08 04:00 -0400"]),
        ("30 * * * *", "2026-03-08T01:00", "2026-03-08T04:00", ["08 01:30 -0500", "08 03:30 -0400"]),
        # 1 November 2026, 02:00 EDT becomes 01:00 EST
        ("30 1 * * *", "2026-10-31T12:00", "2026-11-02T12:00", ["01 01:30 -0400", "02 01:30 -0500"]),
        ("0 2 * * *", "2026-10-31T12:00", "2026-11-01T12:00", ["01 02:00 -0500"]),
        (
            "*/30 * * * *",
            "2026-11-01T00:45",
            "2026-11-01T02:15",
            ["01 01:00 -0400", "01 01:30 -0400", "01 01:00 -0500", "01 01:30 -0500", "01 02:00 -0500"],
        ),
        # the ends of months
        ("0 6 31 * *", "2026-01-15T00:00", "2026-06-01T00:00", ["31 06:00 -0500", "31 06:00 -0400", "31 06:00 -0400"]),
        ("0 6 29 2 *", "2026-01-01T00:00", "2029-01-01T00:00", ["29 06:00 -0500"]),
        ("59 23 31 12 *", "2026-12-31T23:58", "2027-01-02T00:00", ["31 23:59 -0500"]),
        ("0 7 * * mon,fri", "2026-11-20T08:00", "2026-11-28T00:00", ["23 07:00 -0500", "27 07:00 -0500"]),
    ],
)
def test_cron_times_are_due_once_each(text: str, begin: str, end: str, due: list[str]) -> None:
    assert list(times(text, begin, end)) == due


def test_a_clock_that_is_turned_by_half_an_hour() -> None:
    assert list(times("45 1 * * *", "2026-04-05T00:00", "2026-04-05T12:00", LORD_HOWE)) == ["05 01:45 +1100"]
    assert list(times("15 2 * * *", "2026-10-04T00:00", "2026-10-04T12:00", LORD_HOWE)) == ["04 02:45 +1100"]
    quarters = list(times("*/15 * * * *", "2026-04-05T01:20", "2026-04-05T02:10", LORD_HOWE))
    assert [each[3:] for each in quarters] == [
        "01:30 +1100",
        "01:45 +1100",
        "01:30 +1030",
        "01:45 +1030",
        "02:00 +1030",
    ]


@pytest.mark.parametrize("zone", [NEW_YORK, LORD_HOWE, "Europe/Berlin", "Asia/Kolkata", "America/Sao_Paulo", "UTC"])
def test_a_nightly_run_comes_once_on_every_day_of_the_year(zone: str) -> None:
    nightly = [each[:5] for each in times("15 2 * * *", "2026-01-01T00:00", "2027-01-01T00:00", zone)]
    assert len(nightly) == 365


@pytest.mark.parametrize(
    ("zone", "day"),
    [(NEW_YORK, "2026-03-08"), (NEW_YORK, "2026-11-01"), (LORD_HOWE, "2026-04-05"), (LORD_HOWE, "2026-10-04")],
)
def test_a_quarterly_run_comes_every_quarter_of_an_hour_of_a_day_on_which_clocks_are_turned(
    zone: str, day: str
) -> None:
    moment, quarters = at(f"{day}T00:00", zone) - 3600, []
    while moment < at(f"{day}T12:00", zone):
        quarters.append(moment := next_time(Cron("*/15 * * * *", zone), moment, moment))
    assert {later - before for before, later in pairwise(quarters)} == {900.0}


def test_only_the_time_that_is_given_counts() -> None:
    now = at("2026-11-23T10:00")
    with freeze_time("1999-12-31 23:59:59"):
        assert next_time(Cron("0 12 * * *", NEW_YORK), now, now) == at("2026-11-23T12:00")


def test_without_a_time_zone_it_is_the_machines_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import tzlocal

    monkeypatch.setenv("TZ", "Asia/Kolkata")
    try:
        tzlocal.reload_localzone()
        assert str(zone_of(Cron("0 12 * * *"))) == "Asia/Kolkata"
        now = at("2026-11-23T10:00", "Asia/Kolkata")
        assert next_time(Cron("0 12 * * *"), now, now) - now == 7200
    finally:
        monkeypatch.undo()
        tzlocal.reload_localzone()
