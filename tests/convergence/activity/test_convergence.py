"""After any traffic, faults and deaths, a quiet time makes the store equal to the phones, and every day is proved."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from syncd.sandbox.activity.dialects import ACTIVITY
from syncd.sandbox.dialects import SECONDS
from tests.convergence.activity.machine import Activity
from tests.convergence.activity.worlds import NOT_DRAWN, READINGS
from tests.convergence.soak import SOAK

QUICK = settings(
    max_examples=5,
    stateful_step_count=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
LONG = settings(QUICK, max_examples=30, stateful_step_count=25, derandomize=False)


def test_every_reading_of_the_open_points_is_drawn() -> None:
    left = {name: {*each.values[1:]} - {*READINGS.get(name, ())} for name, each in ACTIVITY.items()}
    left["list_order"] -= {"updated"}
    assert {name for name, values in left.items() if values - {SECONDS}} == set()
    assert {name for name in ACTIVITY if name not in READINGS} == NOT_DRAWN


def test_the_store_converges_whatever_happened() -> None:
    run_state_machine_as_test(Activity, settings=QUICK)


@pytest.mark.skipif(not SOAK, reason="SYNCD_SOAK is not set: make soak")
def test_the_store_converges_in_a_soak(capsys: pytest.CaptureFixture[str]) -> None:
    before, begun = (Activity.companies, Activity.steps), time.monotonic()
    while time.monotonic() < begun + SOAK * 60:
        run_state_machine_as_test(Activity, settings=LONG)
    companies, steps = Activity.companies - before[0], Activity.steps - before[1]
    with capsys.disabled():
        minutes = (time.monotonic() - begun) / 60
        print(f"\n{companies:,} companies, {steps:,} steps, {minutes:.0f} minutes: all right")  # noqa: T201
