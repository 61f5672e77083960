"""Fills the report of a run: with its plan, and then with the outcome of its push."""

from __future__ import annotations

from dataclasses import replace

from syncd.config import Source
from syncd.core.compare import as_carried_out
from syncd.core.schema import Schema
from syncd.core.takeover.decide import taken_over
from syncd.core.wording import counted
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
    report.invalid = reading.invalid(planned.verdicts)
    report.excluded = excluded(reading, planned.verdicts)
    report.rejected = [{"key": key, "reason": reason} for key, reason in planned.rejected]
    report.news, report.warnings = planned.news, planned.warnings
    report.taken_over = taken_over(planned.keys)
    report.counts.update(unchanged=planned.unchanged, invalid=len(report.invalid), rejected=len(report.rejected))
    report.counts["excluded"] = sum(each["count"] for each in report.excluded)


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
