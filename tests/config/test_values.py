"""Durations, limits, shares and schedules, as a person writes them."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.budget import Window
from syncd.config.schedule import parse_cron, parse_schedule, parse_timezone
from syncd.config.values import parse_base_url, parse_limits, parse_region, parse_share
from syncd.core.settings.durations import LONGEST, parse_duration
from syncd.core.settings.schedules import Cron, Every

anything = st.text(max_size=30) | st.text(alphabet="0123456789dhms.%/,* -", max_size=20)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15m", 900), ("1h30m", 5400), ("1h 30m", 5400), ("2d", 172800), ("90", 90), ("0s", 0), (60, 60), (0.5, 0.5),
        ("1.5h", 5400), ("1d2h3m4s", 93784), (" 30s ", 30), ("30 s", 30),
    ],
)  # fmt: skip
def test_a_duration_is_read(text: Any, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", " ", "15x", "m", "-5m", -1, "1m1h", "15 minutes", "1e9", "٣s", True, math.inf, math.nan, "4000d", "1..5s"],
)
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@settings(deadline=None)
@given(days=st.integers(0, 99), hours=st.integers(0, 99), minutes=st.integers(0, 999), seconds=st.integers(0, 9999))
def test_every_duration_comes_back_as_it_was_written(days: Any, hours: int, minutes: int, seconds: float) -> None:
    whole = days * 86400 + hours * 3600 + minutes * 60 + seconds
    assert parse_duration(f"{days}d{hours}h{minutes}m{seconds}s") == parse_duration(f"{whole}") == whole


@settings(deadline=None)
@given(windows=st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, int(LONGEST)), st.sampled_from("smh"))))
def test_every_list_of_limits_comes_back_as_it_was_written(windows: list[tuple[int, int, str]]) -> None:
    sizes = {"s": 1, "m": 60, "h": 3600}
    written = [f"{requests}/{max(1, seconds // sizes[unit])}{unit}" for requests, seconds, unit in windows]
    expected = tuple(Window(r, float(max(1, s // sizes[unit]) * sizes[unit])) for r, s, unit in windows)
    assert parse_limits(written) == expected
    assert parse_limits(expected) == expected
    assert not windows or parse_limits(", ".join(written)) == expected


@pytest.mark.parametrize("text", ["", "60", "60/", "/1m", "0/1m", "60/0s", "60/1x", "-1/1m", "60/1m,", "6.5/1m"])
def test_what_is_no_limit_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="is not a limit: write requests per time, such as 60/1m"):
        parse_limits(text)


@pytest.mark.parametrize(
    ("text", "share"), [("20%", 0.2), ("12.5 %", 0.125), ("0.5", 0.5), (1, 1.0), (0, 0.0), ("100%", 1)]
)
def test_a_share_is_a_percentage_or_a_part(text: Any, share: float) -> None:
    assert parse_share(text) == share


@pytest.mark.parametrize("text", ["", "%", "20", 20, "120%", "-1%", True, math.inf, math.nan, "half"])
def test_what_is_no_share_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="write a percentage such as 20%, or a number from 0 to 1"):
        parse_share(text)


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("*", "*"), ("1-5", "mon,tue,wed,thu,fri"), ("0", "sun"), ("7", "sun"), ("5-7", "fri,sat,sun"),
        ("mon-fri", "mon,tue,wed,thu,fri"),
        ("SAT,SUN", "sat,sun"), ("sun-tue", "sun,mon,tue"), ("fri-mon", "fri,sat,sun,mon"), ("1,3,5", "mon,wed,fri"),
        ("*/2", "sun,tue,thu,sat"), ("1-5/2", "mon,wed,fri"), ("0-6", "sun,mon,tue,wed,thu,fri,sat"),
    ],
)  # fmt: skip
def test_cron_counts_its_days_from_sunday(field: str, days: Any) -> None:
    assert parse_cron(f"0 7 * * {field}").text == f"0 7 * * {days}"


def test_the_scheduler_takes_cron_text_and_means_the_same_days() -> None:
    from datetime import UTC, datetime

    from apscheduler.triggers.cron import CronTrigger

    trigger = CronTrigger.from_crontab(parse_cron("0 7 * * 0").text, timezone=UTC)
    assert trigger.get_next_fire_time(None, datetime(2024, 5, 1, tzinfo=UTC)).strftime("%A") == "Sunday"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("60 * * * *", "a value is out of its range"),
        ("* * * *", "five cron fields"),
        ("@daily", "five cron fields"),
        ("0 7 * * fry", "a field is not understood"),
        ("0 7 * * 8", "is not a schedule"),
        ("0 7 1 * mon", "names days of the month and of the week"),
        ("0 0 31 2 *", "is a schedule that no date ever fits"),
        ("0s", "is too often"),
        ("often", "write 15m, or five cron fields"),
    ],
)
def test_a_schedule_that_never_runs_as_meant_is_refused(text: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_schedule(text)


def test_an_interval_and_cron_text_are_told_apart() -> None:
    assert parse_schedule("15m") == parse_schedule(900) == Every(900.0)
    assert parse_schedule("*/15 7-19 * * *") == Cron("*/15 7-19 * * *")


@pytest.mark.parametrize("name", ["America/New_York", "UTC", "Europe/Berlin"])
def test_a_time_zone_is_one_that_this_machine_knows(name: str) -> None:
    assert parse_timezone(name) == name


@pytest.mark.parametrize("name", ["", "America", "../etc/passwd", "Mars/Base", "\0", "a" * 5000])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        parse_timezone(name)


def _refusal(parse: Callable[[Any], Any], value: Any) -> str:
    try:
        parse(value)
    except ValueError as error:
        return str(error)
    return ""


@settings(deadline=None)
@given(text=anything)
@pytest.mark.parametrize(
    "parse", [parse_duration, parse_limits, parse_share, parse_schedule, parse_region, parse_base_url]
)
def test_any_text_is_read_or_refused_without_repeating_it(parse: Callable[[Any], Any], text: Any) -> None:
    assert "·marked" not in _refusal(parse, text) + _refusal(parse, f"{text}·marked")


@settings(deadline=None)
@given(fields=st.lists(st.text(alphabet="0123456789*/-,lastmonfri", min_size=1, max_size=6), min_size=5, max_size=5))
def test_any_cron_text_is_read_or_refused(fields: list[str]) -> None:
    try:
        read = parse_cron(" ".join(fields))
    except ValueError:
        return
    assert parse_cron(read.text) == read
