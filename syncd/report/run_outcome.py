"""Fills the report of a run: with its plan, and then with the outcome of its push."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from syncd.config import Source
from syncd.core.callers.numbers import NUMBER
from syncd.core.callers.wording import NOBODY
from syncd.core.columns import KEY, REASON
from syncd.core.compare import as_carried_out
from syncd.core.schema import Schema
from syncd.core.takeover.decide import taken_over
from syncd.core.wording import counted
from syncd.plan.callers import CallersRequest, touched
from syncd.plan.gather import Planned
from syncd.push.result import PushResult
from syncd.read.reading import Reading, excluded
from syncd.report.source_report import SourceReport
from syncd.run.session import Session


def report_plan(report: SourceReport, session: Session, planned: Planned, reading: Reading, schema: Schema) -> None:
    """Put a plan, and what the read said of each row, into the report."""
    report.read = reading.end.proof
    report.rows, report.known = reading.count(planned.verdicts), reading.recall.height
    report.fields = schema.described()
    report.take_plan(planned.plan, schema.phones, session.budget.forecast)
    report_callers(report, session, schema, planned.world.takeovers)
    report.invalid = reading.invalid(planned.verdicts)
    report.excluded = excluded(reading, planned.verdicts)
    report.rejected = [{"key": key, "reason": reason} for key, reason in planned.rejected]
    report.news, report.warnings = planned.news, planned.warnings
    report.taken_over = taken_over(planned.keys)
    report.counts.update(unchanged=planned.unchanged, invalid=len(report.invalid), rejected=len(report.rejected))
    report.counts["excluded"] = sum(each["count"] for each in report.excluded)
    report.counts["forgotten"] = len(reading.left_out)
    report_left_out(report, planned.record.shares.every())


def report_callers(
    report: SourceReport, session: Session, schema: Schema, new_keys: Mapping[str, str] | None = None
) -> None:
    """Put into the report who holds the numbers that its plan touches, before anything of the plan is carried out.

    ``new_keys``: as of :class:`syncd.plan.callers.CallersRequest`.
    """
    if report.plan:
        display = schema.display(session.settings.target.display)
        request = CallersRequest(report.source, session.state, schema, display, new_keys or {})
        report.touched = touched(request, report.plan.todo)


def report_left_out(report: SourceReport, found: pl.DataFrame) -> None:
    """Put into the report which contacts go without a number that another has: ``number``, ``@key``, ``@reason``."""
    report.left_out = found.select(key=KEY, number=NUMBER, reason=REASON).to_dicts()
    report.undecided = found.filter(pl.col(REASON) == NOBODY).get_column(NUMBER).unique().sort().to_list()
    report.counts["left_out"] = found.get_column(KEY).n_unique()


def report_begin(report: SourceReport) -> None:
    """Let the report say of its plan what is known when the push is broken off: that none of it is surely done."""
    # The report counts accepted changes only, and report_plan has counted the planned changes.
    report.counts.update({kind: -count for kind, count in report.plan.counts().items()} if report.plan else {})
    report.otherwise = "unknown"
    report.unknown = report.plan.todo.height if report.plan else 0


def report_push(report: SourceReport, session: Session, source: Source, pushed: PushResult) -> None:
    """Put what became of a plan into the report that the plan is in."""
    report.counts.update(pushed.counts)
    report.without_call = pushed.without_call.total()
    # If all changes were accepted, as usual, no change needs an outcome of its own.
    if report.plan and pushed.counts.total() == report.plan.todo.height:
        report.otherwise = "accepted"
    else:
        report.outcomes, report.otherwise = session.state.history.outcomes(session.run, source.name), "not sent"
    if report.plan and pushed.otherwise:
        report.plan = replace(report.plan, todo=as_carried_out(report.plan.todo, pushed.otherwise))
    report.altered = pushed.altered
    report.unknown = pushed.unknown + pushed.kept
    report.rejected = [{"key": key, "reason": reason} for key, reason in session.state.ledger.rejected(source.name)]
    report.rejected += [each for each in pushed.rejected if each["key"] not in {one["key"] for one in report.rejected}]
    report.counts["rejected"] = len(report.rejected)
    report.tidied = pushed.tidied
    if pushed.tidied:
        report.news.append(f"deleted {counted(pushed.tidied, 'contact')} that an interrupted run had left behind")
    report.error = pushed.failure or report.error
