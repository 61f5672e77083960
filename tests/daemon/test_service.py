"""The daemon's loop over days of a fake clock: every due run happens once, whatever happens meanwhile."""

from __future__ import annotations

import random
import signal
from collections import Counter
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from syncd.core.settings.schedules import Cron, Every, Schedule
from syncd.daemon.lock import Lock
from syncd.daemon.timetable import Job, Timetable
from syncd.errors import SourceBusy
from tests.worlds.daemon_day import Day

ZONE = "America/New_York"
MIDNIGHT = datetime(2026, 11, 23, tzinfo=ZoneInfo(ZONE)).timestamp()
TURNED_BACK = datetime(2026, 11, 1, tzinfo=ZoneInfo(ZONE)).timestamp()
TURNED_AHEAD = datetime(2026, 3, 8, tzinfo=ZoneInfo(ZONE)).timestamp()

SCHEDULES: dict[str, Schedule] = {
    "quarterly": Every(900),
    "office": Cron("*/15 7-19 * * mon,tue,wed,thu,fri", ZONE),
    "nightly": Cron("30 2 * * *", ZONE),
    "hourly": Cron("5 * * * *", ZONE),
    "daily": Every(86_400),
}


@pytest.fixture
def state(tmp_path: Path) -> str:
    return str(tmp_path / "syncd.db")


def job(name: str, schedule: Schedule, last: float | None) -> Job:
    return Job(f"run {name}", name, ("run", name), schedule, 1800.0, last=last)


def everything(state: str, last: float, workers: int = 2) -> Timetable:
    jobs = tuple(job(name, schedule, last) for name, schedule in SCHEDULES.items())
    return Timetable("/etc/syncd/syncd.yaml", state, workers, jobs)


def one(state: str, seconds: float = 900, last: float | None = None) -> Timetable:
    return Timetable("/etc/syncd/syncd.yaml", state, 2, (job("tenants", Every(seconds), last),))


def counts(day: Day) -> Counter[str]:
    return Counter(name.removeprefix("run ") for name, _ in day.begun)


def starts(day: Day, name: str) -> list[str]:
    moments = [datetime.fromtimestamp(at, ZoneInfo(ZONE)) for each, at in day.begun if each == f"run {name}"]
    return [f"{moment:%H:%M}" for moment in moments]


# A day


@pytest.mark.parametrize("luck", range(5))
def test_in_a_day_every_due_run_happens_once_and_none_twice(state: str, luck: int) -> None:
    day = Day(MIDNIGHT, everything(state, MIDNIGHT - 1), seconds=lambda each: 5 + len(each.name) * 20)
    day.chance = random.Random(luck).random
    assert day.run(24 + 4 / 60) == 0
    assert counts(day) == {"quarterly": 96, "office": 52, "nightly": 1, "hourly": 24, "daily": 1}
    assert day.children.most == 2
    for name, first in (("office", "07:00"), ("hourly", "00:05")):
        due = [int(hour) * 60 + int(minute) for hour, minute in (each.split(":") for each in starts(day, name))]
        expected = [7 * 60 + 15 * step if first == "07:00" else 60 * step + 5 for step in range(len(due))]
        assert all(0 <= late - time <= 12 for late, time in zip(due, expected, strict=True))


@pytest.mark.parametrize(("midnight", "hours", "night"), [(TURNED_BACK, 25, "02:30"), (TURNED_AHEAD, 23, "03:30")])
def test_so_it_is_on_the_days_on_which_clocks_are_turned(state: str, midnight: float, hours: int, night: str) -> None:
    day = Day(midnight, everything(state, midnight - 1, workers=5))
    day.run(hours)
    assert counts(day) == Counter(quarterly=hours * 4, nightly=1, hourly=hours, daily=hours // 24)
    assert starts(day, "nightly") == [night]


def test_a_daemon_that_is_restarted_all_day_misses_nothing_and_repeats_nothing(state: str) -> None:
    begun: Counter[str] = Counter()
    last = dict.fromkeys(SCHEDULES, MIDNIGHT - 1)
    for hour in range(0, 24, 2):
        jobs = tuple(job(name, schedule, last[name]) for name, schedule in SCHEDULES.items())
        day = Day(MIDNIGHT + hour * 3600, Timetable("/c", state, 5, jobs))
        day.run(2)
        begun += counts(day)
        last |= {name.removeprefix("run "): at for name, at in day.begun}
    assert begun == {"quarterly": 96, "office": 52, "nightly": 1, "hourly": 24, "daily": 1}


def test_a_machine_that_slept_through_the_day_makes_up_with_one_run_each(state: str) -> None:
    day = Day(MIDNIGHT, everything(state, MIDNIGHT - 1, workers=5))
    day.script = [(60.0, lambda: day.clock.go_on(20 * 3600))]
    day.run(20.1)
    assert counts(day) == {"quarterly": 1, "office": 1, "nightly": 1, "hourly": 2}


def test_a_clock_that_is_set_back_an_hour_repeats_no_time_of_day(state: str) -> None:
    day = Day(MIDNIGHT, everything(state, MIDNIGHT - 1, workers=5))
    day.script = [(3 * 3600.0, lambda: setattr(day.clock, "wall", day.clock.wall - 3600))]
    with capture_logs() as logs:
        day.run(8)
    assert starts(day, "nightly") == ["02:30"]
    assert counts(day)["quarterly"] == 32
    assert {"event": "the clock was set", "seconds": -3600, "log_level": "info"} in logs


def test_a_clock_that_was_wrong_at_the_start_is_forgotten(state: str) -> None:
    day = Day(MIDNIGHT + 4000 * 86_400, everything(state, MIDNIGHT - 1, workers=5))
    day.script = [(600.0, lambda: setattr(day.clock, "wall", MIDNIGHT + 600))]
    day.run(24)
    after = Counter(name for name, at in day.begun if at < MIDNIGHT + 86_400)
    assert after["run quarterly"] == 95
    assert after["run nightly"] == 1
    assert after["run office"] == 52


# What goes wrong


def test_a_run_that_fails_is_told_once_and_once_more_when_it_is_good_again(state: str) -> None:
    codes = iter([0, 2, 2, 2, -11, -11, 0, 0])
    day = Day(MIDNIGHT, one(state, 60), code=lambda _: next(codes, 0))
    with capture_logs() as logs:
        day.run(0.2)
    told = [
        (line["event"], line.get("exit", line.get("signal")))
        for line in logs
        if line["event"].startswith(("run ", "exit ")) and line["log_level"] != "debug"
    ]
    assert told == [
        ("exit code changed", 2),
        ("exit code changed", "SIGSEGV"),
        ("run is good again", 0),
    ]


def test_without_a_configuration_it_ends_with_the_exit_code_that_says_why(state: str) -> None:
    day = Day(MIDNIGHT, 2)
    assert day.run(1) == 2
    assert day.clock.steady < 60
    assert Day(MIDNIGHT, -9).run(1) == 4


def test_a_reload_puts_the_new_schedule_in_force(state: str) -> None:
    day = Day(MIDNIGHT, one(state), one(state, 300, MIDNIGHT))
    day.script = [(10.0, signal.SIGHUP)]
    day.run(1)
    assert [round(at - MIDNIGHT) for _, at in day.begun] == [0.0, *range(300, 3600, 300)]


def test_a_reload_of_a_broken_file_leaves_the_old_schedule(state: str) -> None:
    day = Day(MIDNIGHT, one(state), 2)
    day.script = [(10.0, signal.SIGHUP)]
    with capture_logs() as logs:
        assert day.run(1) == 0
    assert len(day.begun) == 4
    assert ("not loaded", 2) in day.heard.told
    assert "the configuration could not be read again; the old schedule stays" in [line["event"] for line in logs]


def test_a_reload_does_not_move_to_a_state_file_that_another_daemon_works_with(
    state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = Lock()
    taken.take(str(tmp_path / "taken.db"))
    day = Day(MIDNIGHT, one(state), one(str(tmp_path / "taken.db"), 60))
    day.script = [(10.0, signal.SIGHUP)]
    day.run(1)
    taken.release()
    assert len(day.begun) == 4
    assert ("not loaded", 5) in day.heard.told
    assert "taken.db: another syncd daemon works with this state file" in capsys.readouterr().err


def test_two_daemons_do_not_share_a_state_file(state: str) -> None:
    taken = Lock()
    taken.take(state)
    day = Day(MIDNIGHT, one(state))
    with pytest.raises(SourceBusy, match="another syncd daemon works with this state file"):
        day.run(1)
    assert day.begun == []
    taken.release()
    assert day.run(1) == 0


# Stopping


def test_asked_to_stop_it_lets_the_runs_end_and_begins_none(state: str) -> None:
    day = Day(MIDNIGHT, everything(state, MIDNIGHT - 90_000), seconds=lambda _: 600.0)
    assert day.run(10 / 3600) == 0
    assert len(day.begun) == 2
    assert 11 < day.clock.steady < 14
    assert day.heard.told[-4:] == [("stopping", None), ("ended", 4), ("ended", 4), ("stopped", None)]
    assert not day.children.killed


def test_asked_twice_it_breaks_them_off(state: str) -> None:
    day = Day(MIDNIGHT, one(state), seconds=lambda _: 600.0)
    day.script = [(10.0, signal.SIGINT), (10.5, signal.SIGINT)]
    assert day.run(1) == 0
    assert day.children.killed
    assert day.clock.steady < 11


# Who is told


def test_a_watcher_is_told_of_everything(state: str) -> None:
    day = Day(MIDNIGHT, one(state))
    day.run(0.1)
    assert day.heard.told == [
        ("loaded", 1),
        ("started", "run tenants"),
        ("ended", 0),
        ("stopping", None),
        ("stopped", None),
    ]


def test_a_watcher_that_fails_costs_no_run(state: str) -> None:
    day = Day(MIDNIGHT, one(state))
    day.heard.told = None  # type: ignore[assignment]
    with capture_logs() as logs:
        assert day.run(0.3) == 0
    assert len(day.begun) == 2
    assert {line.get("watcher") for line in logs if line["event"] == "a watcher of the daemon failed"} == {"Heard"}
