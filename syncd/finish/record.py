"""Keeps the row of a run in the state, from its start to its end, and carries out the plan of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from syncd.config import Source
from syncd.core.plan import Plan
from syncd.core.warnings import of_unconfigured
from syncd.errors import AccessDenied, OtherCompany, StateError, Stopped, SyncdError
from syncd.finish.callers import keep_callers
from syncd.push.result import PushResult
from syncd.push.run_plan import push_plan
from syncd.report.left import left_json
from syncd.report.run_outcome import report_begin, report_push
from syncd.report.source_report import SourceReport, to_keep
from syncd.run.session import Session
from syncd.target.lookup import Index

log = structlog.get_logger()

ENDS_THE_COMMAND = (AccessDenied, OtherCompany, StateError, Stopped)
"""Errors after which no source of the command can go on."""


@contextmanager
def reported(
    session: Session, source: Source, report: SourceReport, *, kind: str = "run", undoes: str | None = None
) -> Iterator[None]:
    """Keep the run's row in the state, and turn an error of this source into part of its report."""
    before = session.sent_before = session.target.sent
    session.budget.begin()
    if not session.dry_run:
        session.state.runs.begin(session.run, source.name, source.digest, kind=kind, undoes=undoes)
    crashed = True
    try:
        yield
        left = session.state.holdings.unconfigured(session.settings.sources)
        report.warnings = [*report.warnings, *of_unconfigured(left)]
        if not session.dry_run:
            report.left = left_json(session.state.leftovers.news(source.name))
        crashed = False
    except SyncdError as error:
        crashed = False
        report.error = error
        if isinstance(error, ENDS_THE_COMMAND):
            raise
    finally:
        # Also after a defect: the row tells ``syncd status`` that the run failed.
        report.sent = session.target.sent - before
        _end(session, source, report, crashed=crashed)


def carry_out(
    session: Session, source: Source, report: SourceReport, plan: Plan, index: Index, *, since: int
) -> PushResult:
    """Push the plan that is in the report, and report what became of it; arguments: as of ``push_plan``."""
    # If the push is broken off by a defect, the report must not call anything done.
    report_begin(report)
    pushed = push_plan(session, source.name, plan, index, since=since)
    report_push(report, session, source, pushed)
    return pushed


def _end(session: Session, source: Source, report: SourceReport, *, crashed: bool) -> None:
    outcome = "done" if report.read and not report.error and not crashed else "failed"
    counts = {name: count for name, count in report.counts.items() if count}
    marks: dict[str, Any] = {"error": type(report.error).__name__} if report.error else {}
    marks |= {"dry_run": True} if session.dry_run else {}
    write = log.warning if report.error else log.info
    ending = "stopped" if isinstance(report.error, Stopped) else outcome
    write("run ended", source=source.name, outcome=ending, rows=report.rows, requests=report.sent, **counts, **marks)
    # A state that has just failed cannot be written to. The next run marks the row as broken off.
    if session.dry_run or isinstance(report.error, StateError):
        return
    session.state.runs.end(
        session.run,
        source.name,
        outcome=outcome,
        exit_code=SyncdError.exit_code if crashed else report.exit_code,
        requests=report.sent,
        report=to_keep(report),
    )
    if report.left:
        session.state.leftovers.tell(source.name)
    keep_callers(session)
