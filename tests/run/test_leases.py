"""A run that was suspended stops before it sends changes that another run has sent meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.core.change import CallOutcome, Status
from syncd.errors import LeaseLost, SourceBusy
from syncd.report.source_report import SourceReport
from syncd.run.leases import SECONDS, Leases, refuse
from syncd.run.session import open_session
from syncd.state import State
from syncd.state.journal import Settled
from syncd.sync import run_source
from tests.worlds.journal import change
from tests.worlds.tenants import ANN, BOB, CY, holds
from tests.worlds.world import World


class Machine:
    """A clock that can be suspended."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def suspended_before_its_push(world: World, meanwhile: list[tuple[str, str, str]] | None) -> SourceReport:
    """Suspend a run between its plan and its push; meanwhile another run reads the rows ``meanwhile``."""
    clock = Machine()

    settings = world.settings()
    with open_session(settings, clock=clock, sleep=lambda _: None) as session:
        listed = session.target.contacts

        def contacts() -> object:
            found = listed()
            clock.now += SECONDS + 1
            if meanwhile is not None:
                world.write(meanwhile)
                with open_session(settings, clock=clock, sleep=lambda _: None) as other:
                    assert run_source(other, settings.sources["tenants"]).exit_code == 0
            return found

        session.target.contacts = contacts  # type: ignore[method-assign, assignment]
        return run_source(session, settings.sources["tenants"])


def test_a_run_whose_source_was_taken_over_sends_nothing_more(world: World) -> None:
    world.write([ANN, BOB])
    report = suspended_before_its_push(world, [("1", "Ann Brown", "2125550199"), CY])
    assert isinstance(report.error, LeaseLost)
    assert "taken the source over" in str(report.error)
    assert (report.exit_code, report.unknown) == (5, 0)
    assert holds(world) == {"1": ("Ann Brown", "2125550199"), "3": CY[1:]}
    posts = world.posts()
    report = world.run()
    assert (report.exit_code, report.same_as_before, world.posts()) == (0, True, posts)


def test_a_run_that_stood_still_goes_on_if_nobody_took_its_source(world: World) -> None:
    world.write([ANN, BOB])
    assert suspended_before_its_push(world, None).counts["create"] == 2


def test_a_lease_that_ran_out_is_renewed_or_lost(tmp_path: Path) -> None:
    clock = Machine()
    with State(tmp_path / "syncd.db", clock=clock) as state:
        mine, theirs = Leases(state, "here:1:a", clock), Leases(state, "here:2:b", clock)
        with mine.held("s", refuse("s")):
            with pytest.raises(SourceBusy, match=r"another run holds it \(process 1\)"), theirs.held("s", refuse("s")):
                pass
            clock.now += SECONDS + 1
            mine.check()
            clock.now += SECONDS + 1
            with theirs.held("s", refuse("s")):
                pass
            with pytest.raises(LeaseLost):
                mine.check()
        mine.check()


def test_an_answer_that_comes_after_another_runs_call_settles_nothing(tmp_path: Path) -> None:
    """It is unknown which of the two calls reached the target last."""
    with State(tmp_path / "syncd.db") as state:
        [slow] = state.journal.mark("old", "s", [change("a", "m", digest=1)])
        [quick] = state.journal.mark("new", "s", [change("a", "m", digest=2)])
        state.journal.record([Settled(quick, CallOutcome.ACCEPTED, 5)])
        state.cursors.save("s", "c", "x", {})
        state.journal.record([Settled(slow, CallOutcome.ACCEPTED, 5)])
        assert state.ledger.digests("s").rows() == [("a", 2, Status.PENDING)]
        assert state.cursors.get("s", "x") is None
