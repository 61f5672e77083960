"""One run of one source, top to bottom: read, map, match, compare, gate, push, record.

Nothing below this module knows of dry runs: a dry run stops here, with the plan in its hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import structlog

from syncd import __version__
from syncd.core.gates import SCHEMA_GATE
from syncd.core.identity import DIGEST_VERSION
from syncd.core.mapping import compiler
from syncd.core.plan import Held, Plan
from syncd.core.schema import Schema, problems_of_mapping, problems_with
from syncd.core.warnings import of_unconfigured
from syncd.core.wording import counted
from syncd.errors import AccessDenied, ConfigError, SchemaError, StateError, Stopped, SyncdError
from syncd.finish import resume
from syncd.plan.claims import joined_groups, outranked_now, suffices
from syncd.plan.field_history import renames
from syncd.plan.gather import Planned, plan_changes
from syncd.plan.learned import learn_fields, learn_loaded, learn_match
from syncd.plan.rematching import settle_fields
from syncd.plan.request import request_of
from syncd.plan.takeovers import NO_TAKEOVERS, Takeovers, takeovers_of
from syncd.push.result import PushJob, PushResult
from syncd.push.upserts import Push
from syncd.read.reader import columns_of, read_source
from syncd.read.reading import Reading, excluded
from syncd.read.spool import Spool, spooling
from syncd.read.unchanged_rows import FEW, Recall
from syncd.report.source_report import SourceReport
from syncd.state.ledger import LedgerParts
from syncd.target.lookup import Index

if TYPE_CHECKING:
    from syncd.config import Source
    from syncd.run.session import Session
    from syncd.state import State
    from syncd.target.contacts import Target

log = structlog.get_logger()

ENDS_THE_COMMAND = (AccessDenied, StateError, Stopped)


def run_source(session: Session, source: Source, into: SourceReport | None = None) -> SourceReport:
    """Run one source; an error that concerns it alone is in the report.

    ``into``: the report to fill in, so that the caller has it also when an error ends the whole command.

    Raises:
        AccessDenied, StateError, Stopped: no source can go on.
    """
    report = into or SourceReport(source.name, dry_run=session.dry_run)
    with session.leased(source.name), reported(session, source, report), spooling() as spool:
        schema = usable_schema(session.target, source, session.state)
        context = _context(session, source, schema)
        cursor, stood = resume.begin(session, source, context)
        reading, taken = _read_enough(session, source, schema, context, cursor, spool)
        if reading.end.proof == "unchanged":
            return resume.stand(report, stood)
        index = Index(session.target.contacts, schema, session.target.search)
        planned = plan_of(session, source, reading, index, schema, taken)
        _tell_plan(report, session, planned, reading, schema)
        report.invalid = _still_invalid(stood, reading, planned.named) + report.invalid
        report.counts["invalid"] = len(report.invalid)
        if not session.dry_run:
            session.note_plan(source.name, report.planned)
            taken.enter(session.state, source.name)
            session.state.ledger.redigest(source.name, planned.same)
            session.state.ledger.link(source.name, planned.links)
            # Until the push ends, a contact may hold the numbers of the rows before, or of the rows now.
            groups = joined_groups(session.state.claims.merged(source.name), planned.merged)
            session.state.claims.keep_merged(source.name, groups)
            begin_push(report)
            pushed = push_plan(session, source.name, planned.plan, schema, highest=index.highest, since=planned.since)
            tell_push(report, session, source, pushed)
            stays = _close(session, source, reading, planned, pushed, schema)
            resume.move(session.state, source.name, context, reading, planned, report, stood, stays=stays)
            if isinstance(pushed.failure, ENDS_THE_COMMAND):
                raise pushed.failure
    return report


def usable_schema(target: Target, source: Source, state: State) -> Schema:
    """Return the target's fields, with the state speaking of them as the target does now.

    Raises:
        SchemaError: contacts of this source cannot be pushed with them; it says why, and what to do.
    """
    schema = target.fields()
    if found := problems_with(schema):
        raise SchemaError("\n".join(found))
    settle_fields(state, schema)
    need_mapped(schema, source, state)
    return schema


def need_mapped(schema: Schema, source: Source, state: State) -> None:
    """Make sure that the source's mapping and these fields fit.

    Raises:
        SchemaError: they do not; it names file, line and key of each.
    """
    if found := problems_of_mapping(schema, source.rules.mapping, renames(state, schema)):
        raise SchemaError("\n".join(source.placed(problem, field) for field, problem in found))


def contact_mapping(source: Source, columns: list[str], schema: Schema) -> compiler.Mapping:
    """Return the source's mapping for these columns.

    Raises:
        ConfigError: it names columns or fields that do not exist, with file, line and key of each.
    """
    try:
        return compiler.compile(source.rules, columns, schema)
    except compiler.MappingError as error:
        raise ConfigError(*(f"{source.where_is(*key)}: {problem}" for key, problem in error.problems)) from None


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


@cache
def _libraries() -> tuple[str, ...]:
    """The versions of what makes contacts of rows; to look one up takes longer than to read a small file."""
    return version("polars"), version("phonenumbers")


def _context(session: Session, source: Source, schema: Schema) -> str:
    """Name everything besides the source's own content that decides what a run finds, this program included."""
    parts = [
        __version__,
        *_libraries(),
        source.digest,
        schema.described(),
        DIGEST_VERSION,
        session.settings.target.base_url,
        list(session.settings.sources),
        resume.FORM,
    ]
    parts.append(session.state.facts.case_insensitive.get())
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _read_enough(
    session: Session,
    source: Source,
    schema: Schema,
    context: str,
    cursor: str | None,
    spool: Spool,
) -> tuple[Reading, Takeovers]:
    """Read what changed since the cursor, or the whole source where that cannot tell what to do."""
    reading = _read(session, source, schema, context, cursor, spool)
    taken = takeovers_of(reading)
    if taken.of:
        reading.recall.rename(taken.renamed)
    if reading.end.proof == "partial" and not suffices(reading, request_of(session, source), session.state, taken):
        log.info("read whole", source=source.name, reason="contacts share their match value with others")
        return _read_enough(session, source, schema, context, None, spool.emptied())
    return reading, taken


def _read(session: Session, source: Source, schema: Schema, context: str, cursor: str | None, spool: Spool) -> Reading:
    """Read and map the source, and from its first page on the ledger beside it."""
    connector = source.connect()
    contacts = contact_mapping(source, columns_of(connector, session.halt_if_asked), schema)
    with ThreadPoolExecutor(1, thread_name_prefix="ledger") as pool:
        ledger = cache(lambda: pool.submit(session.state.ledger.row_digests, source.name))
        # A merged contact is made of several rows, so all of them are looked at.
        trusted = None if source.shared_match == "merge_phones" else context
        ask = LedgerParts(session.state.ledger, source.name) if cursor else None
        columns = sorted(connector.needs.columns)
        recall = Recall(lambda: ledger().result(), columns, trusted, ask, lambda: ledger().done())

        def told(rows: int) -> None:
            if rows > (FEW if ask else 0):
                ledger()
            session.watcher.reading(source.name, rows)
            session.halt_if_asked()

        reading = read_source(connector, cursor, contacts, schema, spool, told, recall)
        if reading.end.proof not in {"unchanged", "partial"} or reading.present is not None:
            recall.ledger  # noqa: B018 (read while the thread for it is there)
        return reading


def plan_of(
    session: Session,
    source: Source,
    reading: Reading,
    index: Index,
    schema: Schema,
    taken: Takeovers = NO_TAKEOVERS,
) -> Planned:
    """Return what a read of the source means for the target."""
    request = request_of(session, source)
    return plan_changes(reading, request, session.state, index, schema, session.clock(), taken)


def push_plan(session: Session, source: str, plan: Plan, schema: Schema, *, highest: int, since: int) -> PushResult:
    """Carry a plan of the source out.

    ``highest``: the highest id that was seen at the target, 0 if none was. ``since``: the newest change of any source
    that the plan knows of.
    """
    session.bind_state(highest)
    total = plan.todo.height
    job = PushJob(
        run=session.run,
        source=source,
        configured=list(session.settings.sources),
        state=session.state,
        target=session.target,
        schema=schema,
        since=since,
        listed=highest > 0,
        in_flight=session.settings.target.in_flight,
        stopping=session.stopping,
        progress=lambda done: _progress(session, source, done, total),
    )
    return Push(job).carry_out(plan)


def _progress(session: Session, source: str, done: int, total: int) -> None:
    session.watcher.pushing(source, done, total)
    session.note_progress(source)


def _tell_plan(report: SourceReport, session: Session, planned: Planned, reading: Reading, schema: Schema) -> None:
    plan = planned.plan
    report.read = reading.end.proof
    report.rows, report.known = reading.rows, reading.recall.height
    report.plan, report.phones, report.digest = plan, schema.phones, plan.digest()
    report.planned = plan.requests()
    report.seconds = session.budget.forecast(report.planned)
    report.invalid = reading.invalid(planned.verdicts)
    report.excluded = excluded(planned.verdicts)
    report.rejected = [{"key": key, "reason": reason} for key, reason in planned.rejected]
    report.warnings = planned.warnings
    report.counts.update(plan.counts())
    report.counts.update(
        unchanged=planned.unchanged,
        held=plan.held_count(),
        invalid=len(report.invalid),
        rejected=len(report.rejected),
        excluded=sum(each["count"] for each in report.excluded),
    )


def begin_push(report: SourceReport) -> None:
    """Let the report say of its plan what is known when the push is broken off: that none of it is surely done."""
    report.counts.update({kind: -count for kind, count in report.plan.counts().items()} if report.plan else {})
    report.otherwise = "unknown"
    report.unknown = report.plan.todo.height if report.plan else 0


def tell_push(report: SourceReport, session: Session, source: Source, pushed: PushResult) -> None:
    """Put what became of a plan into the report that the plan is in."""
    report.counts.update(pushed.counts)
    if report.plan and pushed.counts.total() == report.plan.todo.height:
        report.otherwise = "accepted"
    else:
        report.outcomes, report.otherwise = session.state.history.outcomes(session.run, source.name), "not sent"
    report.altered = pushed.altered
    report.unknown = pushed.unknown + pushed.kept
    report.rejected = [{"key": key, "reason": reason} for key, reason in session.state.ledger.rejected(source.name)]
    report.rejected += [each for each in pushed.rejected if each["key"] not in {one["key"] for one in report.rejected}]
    report.counts["rejected"] = len(report.rejected)
    if pushed.tidied:
        left = counted(pushed.tidied, "contact")
        report.warnings.append(f"deleted {left} that an interrupted run had left behind")
    if pushed.left:
        left = counted(pushed.left, "contact")
        report.warnings.append(f"{left} stayed at the target, where only a source that is not configured has a claim")
    if pushed.failure:
        report.error = pushed.failure


def _close(
    session: Session,
    source: Source,
    reading: Reading,
    planned: Planned,
    pushed: PushResult,
    schema: Schema,
) -> bool:
    """Keep what the next run needs: what was learned, what is held, and who is missing since when.

    Returns whether a delete was refused, which is tried again.

    Raises:
        LeaseLost: another run has the source now, and keeps that itself.
    """
    state = session.state
    session.leases.check()
    if not any(held.gate == SCHEMA_GATE for held in planned.plan.held):
        learn_match(state, source.name, schema)
        if not pushed.failure:
            learn_fields(state, source.name, schema, source.rules.mapping)
            kept = state.claims.merged(source.name) if reading.end.proof == "partial" else {}
            state.claims.keep_merged(source.name, {**kept, **planned.merged})
            if not planned.ambiguous:
                learn_loaded(state, source.name, session.run)
    outranked = outranked_now(state.claims.outranked(source.name), reading, planned.outranked, planned.named)
    state.claims.keep_outranked(source.name, outranked)
    state.ledger.forget(source.name, planned.released)
    state.holds.keep(source.name, planned.plan.held, approved=not_done(session, source.name, planned.plan))
    back = sorted(set(state.ledger.missing_keys(source.name)) - set(planned.gone))
    waiting = planned.plan.waiting.filter(planned.plan.waiting.get_column("@kind") == "delete").get_column("@key")
    state.ledger.see_missing(source.name, waiting.to_list() if planned.sure else [], back)
    state.holds.let_go(source.name, planned.changed_since)
    return any(each["key"] in set(planned.gone) for each in pushed.rejected)


def not_done(session: Session, source: str, plan: Plan) -> Sequence[Held]:
    """The approved changes that this run could not make: their approval is not spent."""
    return plan.still_approved(session.state.journal.done_keys(session.run, source)) if plan.opened else ()


def _still_invalid(standing: Mapping[str, Any], reading: Reading, named: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the invalid rows of earlier reads that a partial read says nothing of."""
    if named is None:
        return []
    read = {*reading.verdicts.keys(), *named}
    return [each for each in standing.get("invalid", []) if each["key"] not in read]
