"""What stood when a source was last read to its end: where the next read begins, and what it need not find again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncd.core.plan import NOTHING
from syncd.plan.claims import outranking
from syncd.plan.request import request_of

if TYPE_CHECKING:
    from syncd.config import Source
    from syncd.plan.gather import Planned
    from syncd.read.reading import Reading
    from syncd.report.source_report import SourceReport
    from syncd.run.session import Session
    from syncd.state import State

Standing = dict[str, Any]
"""What is kept beside a cursor, as JSON: a report's parts, and the match values that other sources have of it."""

FORM = 2
"""Of what is kept beside a cursor; a source whose cursor has another form beside it is read whole."""

STANDING_LIMIT = 1_000
"""Invalid rows that are kept beside a cursor at most; a source with more is parsed on every run."""


def begin(session: Session, source: Source, context: str) -> tuple[str | None, Standing]:
    """Return where the read may begin, and what stood then; nowhere, where only a whole read can tell what to do."""
    saved = None if session.full else session.state.cursors.get(source.name, context)
    if saved is None or session.state.ledger.pending_keys(source.name):
        return None, {}
    lost = saved[1].get("lost_to_others", [])
    if lost:
        taken = outranking(session.state, request_of(session, source))
        if not set(lost) <= set(taken):
            return None, {}
    return saved


def stand(report: SourceReport, standing: Standing) -> SourceReport:
    """Report again what stood when the source was last as it is now."""
    report.read = "complete"
    report.same_as_before = True
    report.digest = NOTHING
    report.rows = standing["rows"]
    report.counts.update(standing["counts"])
    report.invalid, report.excluded = standing["invalid"], standing["excluded"]
    report.rejected, report.warnings = standing["rejected"], standing["warnings"]
    return report


def move(
    state: State,
    source: str,
    context: str,
    reading: Reading,
    planned: Planned,
    report: SourceReport,
    standing: Standing,
    *,
    stays: bool,
) -> None:
    """Let the next read begin after this one, if nothing of it waits.

    Else a partial one is read again from where it began; after any other the next is whole.
    """
    waits = stays or planned.plan.held or report.error or report.unknown or not planned.settled
    few = len(report.invalid) <= STANDING_LIMIT
    if reading.end.cursor and few and not waits and not state.cursors.has_open_calls(source):
        state.cursors.save(source, reading.end.cursor, context, _standing(state, report, planned, standing))
    elif reading.end.proof != "partial" or not few:
        state.cursors.drop(source)


def _standing(state: State, report: SourceReport, planned: Planned, before: Standing) -> Standing:
    """What a run that finds the source as it is now reports again, and what decides whether it may."""
    counts = report.counts
    same = counts["unchanged"] + sum(counts[kind] for kind in ("create", "adopt", "update", "move"))
    stands = {name: counts[name] for name in ("invalid", "rejected", "excluded")}
    if planned.named is not None:
        same = state.ledger.known(report.source)
    lost = {*planned.to_others, *before.get("lost_to_others", [])}
    return {
        "rows": report.rows if planned.named is None else same + len(report.invalid),
        "counts": {**stands, "unchanged": same},
        "invalid": report.invalid,
        "excluded": report.excluded,
        "rejected": report.rejected,
        "warnings": report.warnings,
        "lost_to_others": sorted(lost & set(state.claims.outranked(report.source).values())),
    }
