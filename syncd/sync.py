"""One run of one source, top to bottom: read, map, match, compare, gate, push, record.

A dry run stops here, when its plan is reported: it never reaches the push.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import structlog

from syncd.config import Source
from syncd.errors import ConfigError, SchemaError, SyncdError
from syncd.finish import resume
from syncd.finish.close import close, keep_before_push
from syncd.finish.forgetting import sweep
from syncd.finish.parting import part
from syncd.finish.record import ENDS_THE_COMMAND, carry_out, reported
from syncd.finish.resume import LastRead
from syncd.finish.unsent import keep_unsent
from syncd.plan.claims import too_little
from syncd.plan.gather import Planned, plan_changes
from syncd.plan.schema_check import usable_schema
from syncd.plan.shared_numbers import decided_anew, left_out
from syncd.plan.takeovers import shows_enough
from syncd.plan.world import PlanRequest, World, request_of, world_of
from syncd.read.beside_ledger import read_beside_ledger
from syncd.read.spool import Spool, spooling
from syncd.report.run_outcome import report_left_out, report_plan
from syncd.report.source_report import SourceReport
from syncd.run.session import Session
from syncd.target.lookup import Index

log = structlog.get_logger()


class Choice(Protocol):
    """Chooses which changes of a run are made."""

    def chosen(self, planned: Planned) -> Planned:
        """Return the plan without the changes that are not made."""

    def unchanged(self, world: World) -> None:
        """Note that the source is as the last run left it, so that there is no plan."""

    def impossible(self, error: SyncdError) -> bool:
        """Note that nothing can be planned any more; return whether that is no error."""


def run_source(
    session: Session, source: Source, into: SourceReport | None = None, choice: Choice | None = None
) -> SourceReport:
    """Run one source; an error that concerns it alone is in the report.

    ``into``: the report to fill in, so that the caller has it also when an error ends the whole command. ``choice``:
    which changes are made; without one, all.

    Raises:
        AccessDenied, StateError, Stopped: no source can go on.
    """
    report = into or SourceReport(source.name, dry_run=session.dry_run)
    kind = "apply" if choice else "run"
    with session.leased(source.name), reported(session, source, report, kind=kind), spooling() as spool:
        try:
            schema = usable_schema(session, source)
            if choice is None:
                sweep(session, source.name, source.rules.mapping, schema)
            request = request_of(session, source, schema)
            last = resume.last_read(session, request)
            world = _read_enough(session, request, last, last.cursor, spool)
        except (SchemaError, ConfigError) as error:
            if choice is None or not choice.impossible(error):
                raise
            report.warnings = [str(error)]
            return report
        if world.reading.end.proof == "unchanged":
            if choice:
                choice.unchanged(world)
            report_left_out(resume.report_again(report, last), left_out(request))
            return report
        index = Index(session.target.contacts, schema, session.target.search)
        planned = plan_changes(world, index, session.clock())
        if choice:
            planned = choice.chosen(planned)
        report_plan(report, session, planned, world.reading, schema)
        resume.report_unread_invalid(report, last, world)
        if not session.dry_run:
            _push(session, planned.world, planned, report, last, index)
    return report


def _read_enough(session: Session, request: PlanRequest, last: LastRead, cursor: str | None, spool: Spool) -> World:
    """Read what changed since the cursor; read the whole source if these rows are not enough to decide."""
    reading = read_beside_ledger(
        session, request.source, request.schema, cursor, last.context, spool, last.seen, request.marks
    )
    world = world_of(request, reading)
    reason = _why_whole(world)
    if reason:
        log.info("read whole", source=request.name, reason=reason)
        whole = _read_enough(session, request, last, None, spool.emptied())
        return replace(whole, reading=replace(whole.reading, listed=reading.present))
    return world


def _why_whole(world: World) -> str:
    """Return why a read that does not show all rows is not enough; "" if it is."""
    if world.reading.end.proof == "unchanged":
        return "numbers that contacts share are decided anew" if decided_anew(world) else ""
    if world.reading.end.proof != "partial":
        return ""
    if reason := too_little(world):
        return reason
    # Rows that this read did not show tell whether these are new contacts, or known ones under new keys.
    return "" if shows_enough(world) else "many rows under new keys have what known contacts have"


def _push(session: Session, world: World, planned: Planned, report: SourceReport, last: LastRead, index: Index) -> None:
    """Push the plan, and keep what the next run needs."""
    session.note_plan(world.name, report.planned)
    # State never runs ahead of the target, nor behind it unknowingly: what the push relies on is kept before it, what
    # it brought about after it, and the cursor moves last.
    keep_before_push(world, planned)
    since = planned.record.newest_change
    pushed = carry_out(session, world.source, report, planned.plan, index, since=since)
    delete_refused = close(session, world, planned, pushed)
    # What was decided meanwhile, and what the push brought about, stands in the state alone.
    report_left_out(report, left_out(world))
    keep_unsent(session, world, planned)
    part(session, world, planned)
    resume.keep_cursor(last, world, planned, report, retry=delete_refused)
    if isinstance(pushed.failure, ENDS_THE_COMMAND):
        raise pushed.failure
