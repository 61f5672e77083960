"""Which jobs start when: in order, one per source, at most one per worker, and never twice for one due time."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.settings.schedules import Cron, Every, Schedule
from syncd.daemon.agenda import FIRST_RETRY, LAST_RETRY, Agenda
from syncd.daemon.timetable import Job, Timetable, timetable_of

NOON = 1_795_435_200.0  # 2026-11-23T12:00Z
HOUR, DAY = 3600.0, 86_400.0
NEVER_RUN: Any = None


def job(name: str = "tenants", schedule: Schedule | None = None, **more: Any) -> Job:
    more = {"last": NOON, "timeout": 60.0, **more}
    return Job(f"run {name}", name, ("run", name), schedule or Every(900), **more)


def table(*jobs: Job, workers: int = 2) -> Timetable:
    return Timetable("/etc/syncd/syncd.yaml", "/var/lib/syncd/syncd.db", workers, jobs)


def agenda(*jobs: Job, workers: int = 2, now: float = NOON, chance: float = 0.0) -> Agenda:
    return Agenda(table(*jobs, workers=workers), now, chance=lambda: chance)


def names(jobs: list[Job]) -> list[str]:
    return [job.source for job in jobs]


def cron(text: str) -> Cron:
    return Cron(text, "UTC")


# At the start


def test_a_source_that_never_ran_runs_at_once() -> None:
    made = agenda(job(last=NEVER_RUN), job("staff", cron("30 2 * * *"), last=NEVER_RUN))
    assert names(made.ready(NOON)) == ["tenants", "staff"]


@pytest.mark.parametrize("schedule", [Every(900), cron("*/15 * * * *")])
def test_a_source_that_is_overdue_runs_at_once_and_then_on_time(schedule: Schedule) -> None:
    made = agenda(job(schedule=schedule, last=NOON - HOUR), chance=1.0)
    assert names(made.ready(NOON)) == ["tenants"]
    made.begin("run tenants", NOON)
    made.end("run tenants", NOON + 5, 0)
    assert made.ready(NOON + 899) == []
    assert names(made.ready(NOON + 900 + 45)) == ["tenants"]


def test_a_source_that_is_not_due_yet_waits() -> None:
    made = agenda(job(last=NOON - 600), job("nightly", cron("30 2 * * *"), last=NOON - 9 * HOUR))
    assert made.ready(NOON + 299) == []
    assert names(made.ready(NOON + 300)) == ["tenants"]
    assert {each.source: start for each, start in made.upcoming()}["nightly"] == NOON + 14.5 * HOUR


def test_a_last_start_that_lies_ahead_was_a_wrong_clock() -> None:
    made = agenda(job(last=NOON + 400 * DAY), job("nightly", cron("30 2 * * *"), last=NOON + 400 * DAY))
    assert made.next_start() == NOON + 900
    assert max(start for _, start in made.upcoming()) == NOON + 14.5 * HOUR


# Workers and sources


def test_no_more_runs_than_workers_and_who_waits_longest_goes_first() -> None:
    made = agenda(*(job(name, last=NOON - 900 - ago) for name, ago in (("a", 1), ("b", 3), ("c", 2))), workers=2)
    for name in "abc":
        made._entries[f"run {name}"].starts -= {"a": 1, "b": 3, "c": 2}[name]
    assert names(made.ready(NOON)) == ["b", "c"]
    made.begin("run b", NOON)
    assert names(made.ready(NOON)) == ["c"]
    made.begin("run c", NOON)
    assert made.ready(NOON) == []
    made.end("run b", NOON + 1, 0)
    assert names(made.ready(NOON + 1)) == ["a"]


def test_two_jobs_of_one_source_never_run_at_once() -> None:
    other = Job("reconcile tenants", "tenants", ("reconcile", "tenants"), Every(DAY), 60.0)
    made = agenda(job(last=NEVER_RUN), other)
    assert [each.name for each in made.ready(NOON)] == ["run tenants"]
    made.begin("run tenants", NOON)
    assert made.ready(NOON) == []
    made.end("run tenants", NOON + 1, 0)
    assert [each.name for each in made.ready(NOON + 1)] == ["reconcile tenants"]


def test_a_run_that_outlasts_its_next_times_is_followed_by_one() -> None:
    made = agenda(job(last=NEVER_RUN))
    made.begin("run tenants", NOON)
    assert made.ready(NOON + 3000) == []
    made.end("run tenants", NOON + 3000, 0)
    assert names(made.ready(NOON + 3000)) == ["tenants"]
    made.begin("run tenants", NOON + 3000)
    made.end("run tenants", NOON + 3001, 0)
    assert made.next_start() == NOON + 3600


def test_a_start_is_put_off_a_little_and_the_times_do_not_drift() -> None:
    made = agenda(job(last=NEVER_RUN), chance=1.0)
    starts, now = [], NOON
    for _ in range(10):
        made.begin("run tenants", now)
        made.end("run tenants", now + 1, 0)
        starts.append(now := made.next_start() or 0)
    assert starts == [NOON + 900 * number + 45 for number in range(1, 11)]
    assert agenda(job(schedule=cron("30 2 * * *")), chance=1.0).next_start() == NOON + 14.5 * HOUR + 60


# After a run


@pytest.mark.parametrize("code", [4, 5, -9, -11])
def test_a_run_that_says_try_again_is_tried_again_sooner_each_time_later(code: int) -> None:
    made = agenda(job(schedule=cron("30 2 * * *"), last=NEVER_RUN))
    waits, now = [], NOON
    for _ in range(7):
        made.begin("run tenants", now)
        made.end("run tenants", now, code)
        starts = made.next_start() or 0
        waits.append(starts - now)
        now = starts
    assert waits == [60, 120, 240, 480, 960, 1800, 1800]
    assert (waits[0], waits[-1]) == (FIRST_RETRY, LAST_RETRY)
    made.begin("run tenants", now)
    made.end("run tenants", now, 0)
    assert made.next_start() == NOON + 14.5 * HOUR


def test_a_retry_is_never_later_than_the_next_time() -> None:
    made = agenda(job(schedule=Every(30), last=NEVER_RUN))
    made.begin("run tenants", NOON)
    made.end("run tenants", NOON + 1, 4)
    assert made.next_start() == NOON + 30


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_a_run_that_a_person_must_look_at_waits_for_its_next_time(code: int) -> None:
    made = agenda(job(last=NEVER_RUN))
    made.begin("run tenants", NOON)
    made.end("run tenants", NOON + 1, code)
    assert made.next_start() == NOON + 900


# A new timetable


def test_a_reload_keeps_what_did_not_change() -> None:
    made = agenda(job(last=NOON - 600), chance=1.0)
    before = made.next_start()
    made.replace(table(job(last=NOON - 10, timeout=5)), NOON)
    assert made.next_start() == before
    assert made.ready(before or 0)[0].timeout == 5


def test_a_reload_brings_new_sources_and_takes_old_ones() -> None:
    made = agenda(job("old"), job("stays"))
    made.replace(table(job("stays"), job("new", last=NEVER_RUN)), NOON)
    assert names(made.ready(NOON)) == ["new"]
    assert {each.source for each, _ in made.upcoming()} == {"stays", "new"}


def test_a_schedule_that_changed_counts_from_the_last_start() -> None:
    made = agenda(job(schedule=Every(DAY), last=NOON - HOUR))
    made.replace(table(job(schedule=Every(900), last=NOON - HOUR)), NOON)
    assert names(made.ready(NOON)) == ["tenants"]


def test_a_run_under_way_survives_a_reload_that_drops_or_changes_its_source() -> None:
    made = agenda(job(last=NEVER_RUN), workers=1)
    made.begin("run tenants", NOON)
    made.replace(table(job("staff", last=NEVER_RUN), workers=1), NOON)
    assert made.ready(NOON) == []
    made.end("run tenants", NOON + 1, 4)
    assert names(made.ready(NOON + 1)) == ["staff"]
    assert [each.source for each, _ in made.upcoming()] == ["staff"]


def test_a_source_that_comes_back_while_its_run_is_under_way_is_not_started_twice() -> None:
    made = agenda(job(last=NEVER_RUN))
    made.begin("run tenants", NOON)
    made.replace(table(), NOON)
    made.replace(table(job(last=NEVER_RUN, schedule=Every(5))), NOON + 1)
    assert made.ready(NOON + 100) == []
    made.end("run tenants", NOON + 100, 0)
    assert names(made.ready(NOON + 100)) == ["tenants"]


# A clock that is set


@pytest.mark.parametrize("step", [-400 * DAY, -HOUR, -60.0, HOUR, 400 * DAY])
def test_an_interval_does_not_mind_a_clock_that_is_set(step: float) -> None:
    made = agenda(job(last=NOON))
    made.clock_was_set(NOON + 300 + step, step)
    assert made.next_start() == NOON + 900 + step


def test_times_of_day_that_a_small_step_back_shows_again_are_not_served_again() -> None:
    made = agenda(job(schedule=cron("0 12 * * *"), last=NOON - DAY))
    made.begin("run tenants", NOON)
    made.end("run tenants", NOON + 5, 0)
    made.clock_was_set(NOON - 600, -605)
    assert made.next_start() == NOON + DAY


def test_a_schedule_of_every_hour_goes_on_after_a_step_back() -> None:
    made = agenda(job(schedule=cron("*/15 * * * *"), last=NOON))
    made.clock_was_set(NOON - 2 * HOUR, -2 * HOUR)
    assert made.next_start() == NOON - 2 * HOUR + 900


def test_a_large_step_back_means_that_the_clock_was_wrong() -> None:
    made = agenda(job(schedule=cron("0 12 * * *"), last=NOON + 400 * DAY), now=NOON + 400 * DAY)
    made.clock_was_set(NOON + 1, -400 * DAY)
    assert made.next_start() == NOON + DAY


def test_a_step_ahead_over_many_times_is_made_up_for_by_one_run() -> None:
    made = agenda(job(schedule=cron("*/15 * * * *"), last=NOON))
    made.clock_was_set(NOON + 5 * HOUR + 1, 5 * HOUR)
    assert names(made.ready(NOON + 5 * HOUR + 1)) == ["tenants"]
    made.begin("run tenants", NOON + 5 * HOUR + 1)
    made.end("run tenants", NOON + 5 * HOUR + 2, 0)
    assert made.next_start() == NOON + 5 * HOUR + 900


def test_a_retry_waits_as_long_as_it_would_have() -> None:
    made = agenda(job(schedule=cron("0 12 * * *"), last=NEVER_RUN))
    made.begin("run tenants", NOON)
    made.end("run tenants", NOON, 4)
    made.clock_was_set(NOON - 5 * HOUR, -5 * HOUR)
    assert made.next_start() == NOON - 5 * HOUR + 60


# The timetable as text


def test_a_timetable_travels_as_json() -> None:
    import json

    made = table(job(), job("staff", cron("30 2 * * *"), last=NEVER_RUN))
    assert timetable_of(json.dumps(made.to_json())) == made


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"jobs": 3}', '{"jobs": [{}]}', "Welcome to my connector!"])
def test_text_that_is_no_timetable_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        timetable_of(text)


def test_a_job_also_starts_at_the_moment_that_it_is_told() -> None:
    made = agenda(job(schedule=Every(HOUR)))
    made.due_at("run tenants", NOON + 60)
    assert made.next_start() == NOON + 60
    # A later moment does not put it off, and a job that is under way is not told.
    made.due_at("run tenants", NOON + 600)
    assert made.next_start() == NOON + 60
    made.begin("run tenants", NOON + 60)
    made.due_at("run tenants", NOON + 61)
    made.end("run tenants", NOON + 62, 0)
    assert made.next_start() == NOON + HOUR
    made.due_at("nobody", NOON)
