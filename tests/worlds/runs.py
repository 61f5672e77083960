"""Runs of special kinds: an undo, and a run that is stopped while it waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from syncd.errors import Stopped
from syncd.report.source_report import SourceReport, described
from syncd.run.session import Watcher, open_session
from syncd.state import State
from syncd.sync import run_source
from syncd.undo import undo_source
from tests.worlds.world import World


def last_run(world: World) -> str:
    with State(world.folder / "syncd.db") as state:
        return str(next(iter(state.history.runs()))["run"])


def undo(
    world: World, run: str | None = None, *, source: str = "tenants", approve: Sequence[str] = (), dry_run: bool = False
) -> SourceReport:
    report = SourceReport(source, dry_run=dry_run, undoes=run or last_run(world))
    settings = world.settings()
    with open_session(settings, dry_run=dry_run, sleep=lambda _: None) as session:
        undo_source(session, settings.sources[source], report, approve)
    return report


def changes_of(report: SourceReport) -> list[dict[str, Any]]:
    """Return the planned changes, as ``--json`` has them without their outcomes."""
    return list(described(report.plan.todo, report.phones)) if report.plan else []


def stopped_while_it_waits(world: World, limits: list[str]) -> SourceReport:
    """Run, and ask the run to stop when it first waits for the key's limits."""
    world.target["limits"] = limits
    watcher = Watcher(waiting=lambda _seconds: world.stopping.set())
    with open_session(world.settings(), stopping=world.stopping, watcher=watcher, sleep=lambda _: None) as session:
        report = SourceReport("tenants")
        with pytest.raises(Stopped):
            run_source(session, session.settings.sources["tenants"], report)
    world.stopping.clear()
    world.target["limits"] = []
    return report
