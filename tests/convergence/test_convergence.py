"""After any sequence of edits, faults and crashes, one clean run makes the target equal to the sources."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from syncd.sandbox.dialects import DIALECTS, SECONDS
from syncd.sandbox.faults import KINDS
from tests.convergence.looking_back import Convergence
from tests.convergence.soak import SOAK
from tests.convergence.worlds import FAULTS, NOT_DRAWN, READINGS

QUICK = settings(
    max_examples=3,
    stateful_step_count=6,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
LONG = settings(QUICK, max_examples=20, stateful_step_count=25, derandomize=False)


def test_every_reading_of_the_open_points_is_drawn() -> None:
    left = {name: {*each.values[1:]} - {*READINGS.get(name, ())} for name, each in DIALECTS.items()}
    assert {name for name, values in left.items() if values - {SECONDS}} == NOT_DRAWN
    assert float(READINGS["read_lag"][0]) > 0


def test_every_fault_is_drawn() -> None:
    assert {*KINDS} - {*FAULTS} == {"hold"}, "runs at once have tests of their own"


def test_the_target_converges_whatever_happened() -> None:
    run_state_machine_as_test(Convergence, settings=QUICK)


@pytest.mark.skipif(not SOAK, reason="SYNCD_SOAK is not set: make soak")
def test_the_target_converges_in_a_soak(capsys: pytest.CaptureFixture[str]) -> None:
    before, begun = (Convergence.companies, Convergence.steps), time.monotonic()
    while time.monotonic() < begun + SOAK * 60:
        run_state_machine_as_test(Convergence, settings=LONG)
    companies, steps = Convergence.companies - before[0], Convergence.steps - before[1]
    with capsys.disabled():
        minutes = (time.monotonic() - begun) / 60
        print(f"\n{companies:,} companies, {steps:,} steps, {minutes:.0f} minutes: all right")  # noqa: T201
