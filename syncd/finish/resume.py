"""Keeps where the next read of a source begins, and what a run reports again if it finds nothing new."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from typing import Any

from syncd import __version__
from syncd.core.identity import DIGEST_VERSION
from syncd.core.plan import NOTHING
from syncd.plan.claims import outranking
from syncd.plan.gather import Planned
from syncd.plan.world import PlanRequest, World
from syncd.read.unknown_keys import Seen
from syncd.report.source_report import SourceReport
from syncd.run.session import Session

FORM = 3
"""The form of :attr:`LastRead.report`; a source whose stored report has another form is read whole."""

REPEATED = ("invalid", "excluded", "rejected", "warnings")
"""The parts of a report that hold until the source changes."""

_REPEATED_COUNTS = ("invalid", "rejected", "excluded", "forgotten")

MOST_INVALID = 1_000
"""Invalid rows that are kept for the next run; a source with more is read whole by every run."""


@dataclass(frozen=True, slots=True)
class LastRead:
    """Where the last read of a source ended.

    ``context``: names everything besides the source's own content that decides what a run finds. ``cursor``: where the
    next read begins; None: at the start. ``report``: parts of that run's report, ``lost_to_others``, the match values
    that other sources have of this source's contacts, and ``unsent``, the keys without a contact.
    """

    context: str
    cursor: str | None = None
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seen(self) -> Seen:
        """What earlier runs know of rows without a contact."""
        return Seen.of(self.report)


def last_read(session: Session, request: PlanRequest) -> LastRead:
    """Return where the read may begin: at the start if only a whole read can tell what to do."""
    context = _context(session, request)
    saved = None if session.full else request.state.cursors.get(request.name, context)
    # What a call that was given up may have made is looked for once more, also if the source is as it was.
    unsettled = request.state.ledger.pending_keys(request.name) or request.state.leftovers.has_given_up(request.name)
    if saved is None or unsettled:
        return LastRead(context)
    # A contact that lost its match value to another source must be sent once that source lets go of it. Its own row
    # has not changed then, so a read from the cursor would not show it.
    lost = set(saved[1].get("lost_to_others", []))
    if lost and not lost <= set(outranking(request)):
        return LastRead(context)
    return LastRead(context, *saved)


def report_again(report: SourceReport, last: LastRead) -> SourceReport:
    """Report what the last run reported: the source has not changed since."""
    report.read = "complete"
    report.same_as_before = True
    report.digest = NOTHING
    report.rows = last.report["rows"]
    report.counts.update(last.report["counts"])
    for part in REPEATED:
        setattr(report, part, last.report[part])
    return report


def report_unread_invalid(report: SourceReport, last: LastRead, world: World) -> None:
    """Report also the invalid rows of earlier reads that a partial read says nothing of."""
    if world.named_gone is not None:
        read, present = {*world.reading.verdicts.keys(), *world.named_gone}, world.reading.present
        before = [each for each in last.report.get("invalid", []) if each["key"] not in read]
        if present is not None:
            here = set(present.filter(present.is_in([each["key"] for each in before])))
            before = [each for each in before if each["key"] in here]
        report.invalid = before + report.invalid
        report.counts["invalid"] = len(report.invalid)


def keep_cursor(last: LastRead, world: World, planned: Planned, report: SourceReport, *, retry: bool) -> None:
    """Let the next read begin after this one, if nothing of this read waits; ``retry``: a delete is tried again."""
    state, source, end = world.state, world.name, world.reading.end
    if planned.record.shares.late.len():
        # The contacts whose numbers are to be decided anew can only be told by their rows.
        state.cursors.drop(source)
        return
    waits = (
        retry or planned.unfinished or planned.plan.held or report.error or report.unknown or not planned.record.settled
    )
    few = len(report.invalid) <= MOST_INVALID
    if end.cursor and few and not waits and not state.cursors.has_open_calls(source):
        state.cursors.save(source, end.cursor, last.context, _to_report_again(last, world, planned, report))
    # Else a partial read is read again from where it began; after any other read the next one is whole.
    elif end.proof != "partial" or not few:
        state.cursors.drop(source)


def _to_report_again(last: LastRead, world: World, planned: Planned, report: SourceReport) -> dict[str, Any]:
    counts = report.counts
    unchanged = counts["unchanged"] + sum(counts[kind] for kind in ("create", "adopt", "update", "move"))
    rows = report.rows
    if world.named_gone is not None:
        # A partial read counts only the rows that changed, so the ledger is asked for the others.
        unchanged = world.state.ledger.known(world.name)
        rows = unchanged + len(report.invalid)
    lost = {*planned.record.granted.to_others, *last.report.get("lost_to_others", [])}
    return {
        "rows": rows,
        "counts": {"unchanged": unchanged, **{name: counts[name] for name in _REPEATED_COUNTS}},
        **{part: getattr(report, part) for part in REPEATED},
        "unsent": last.seen.after(world.reading, planned.verdicts, world.named_gone or ()),
        "lost_to_others": sorted(lost.intersection(world.state.claims.outranked(world.name).values())),
    }


def _context(session: Session, request: PlanRequest) -> str:
    parts = [
        __version__,
        *_libraries(),
        request.source.digest,
        request.schema.described(),
        DIGEST_VERSION,
        session.settings.target.base_url,
        list(request.order),
        FORM,
        "yes" if request.state.facts.case_insensitive.get() else None,
        # What may come back must be read again, and so must what was forgotten while another state was used.
        *([request.marks.stamp] if request.marks else ()),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@cache
def _libraries() -> tuple[str, ...]:
    """Return the versions of the libraries that decide what contact a row makes."""
    # To look up a version takes longer than to read a small file, so each process does it once.
    return version("polars"), version("phonenumbers")
