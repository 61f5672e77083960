"""Writes what a dry run planned as a plan that can be applied."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from syncd.plan.applying import NO_PLAN
from syncd.plan.file import PlanFile, PlannedSource, write_plan
from syncd.report.source_report import SourceReport
from syncd.report.table_file import explained
from syncd.run.session import Session


def keep_plan(path: Path, session: Session, reports: Sequence[SourceReport]) -> None:
    """Write the plan of the sources without an error; if each source has one, no file is written.

    Raises:
        ConfigError: the file cannot be written.
    """
    settings, state = session.settings, session.state
    identity = state.plans.identity()
    sources = tuple(
        PlannedSource(
            each.source,
            settings.sources[each.source].digest,
            # A source that is as it was has no plan, so that its fields are not asked for.
            each.fields or "[]",
            (each.plan or NO_PLAN).todo,
        )
        for each in reports
        if each.error is None
    )
    if not sources:
        return
    plan = PlanFile(
        made=session.clock(),
        run=session.run,
        state=identity.name if identity else None,
        change=state.journal.newest_change(),
        target=settings.target.base_url,
        sources=sources,
    )
    with explained(f"--plan {path}"):
        write_plan(path, plan)
