"""Keeps the row of a run in the state, from its begin to its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from syncd.config import Source
from syncd.core.warnings import of_unconfigured
from syncd.errors import AccessDenied, StateError, Stopped, SyncdError
from syncd.report.source_report import SourceReport
from syncd.run.session import Session

log = structlog.get_logger()

ENDS_THE_COMMAND = (AccessDenied, StateError, Stopped)
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
        crashed = False
    except SyncdError as error:
        crashed = False
        report.error = error
        if isinstance(error, ENDS_THE_COMMAND):
            raise
    finally:
        report.sent = session.target.sent - before
        _end(session, source, report, crashed=crashed)


def _end(session: Session, source: Source, report: SourceReport, *, crashed: bool) -> None:
    outcome = "done" if report.read and not report.error and not crashed else "failed"
    counts = {name: count for name, count in report.counts.items() if count}
    told = log.warning if report.error else log.info
    marks: dict[str, Any] = {"error": type(report.error).__name__} if report.error else {}
    marks |= {"dry_run": True} if session.dry_run else {}
    said = "stopped" if isinstance(report.error, Stopped) else outcome
    told("run ended", source=source.name, outcome=said, rows=report.rows, requests=report.sent, **counts, **marks)
    if session.dry_run or isinstance(report.error, StateError):
        return
    session.state.runs.end(
        session.run,
        source.name,
        outcome=outcome,
        exit_code=SyncdError.exit_code if crashed else report.exit_code,
        requests=report.sent,
        report=report.to_json(),
    )
