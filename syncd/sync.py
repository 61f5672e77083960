"""One run of one source, top to bottom: read, map, match, compare, gate, push, record.

No module below knows of dry runs: a dry run stops here, with the plan in its hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from typing import Any

import structlog

from syncd import __version__
from syncd.config import Source
from syncd.core.identity import DIGEST_VERSION
from syncd.core.schema import Schema
from syncd.finish import resume
from syncd.finish.close import close
from syncd.finish.record import ENDS_THE_COMMAND, reported
from syncd.plan.claims import joined_groups, suffices
from syncd.plan.gather import Planned, plan_changes
from syncd.plan.request import request_of
from syncd.plan.schema_check import usable_schema
from syncd.plan.takeovers import NO_TAKEOVERS, Takeovers, takeovers_of
from syncd.push.run_plan import push_plan
from syncd.read.contact_mapping import contact_mapping
from syncd.read.reader import columns_of, read_source
from syncd.read.reading import Reading
from syncd.read.spool import Spool, spooling
from syncd.read.unchanged_rows import FEW, Recall
from syncd.report.run_outcome import report_begin, report_plan, report_push
from syncd.report.source_report import SourceReport
from syncd.run.session import Session
from syncd.state.ledger import LedgerParts
from syncd.target.lookup import Index

log = structlog.get_logger()


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
        report_plan(report, session, planned, reading, schema)
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
            report_begin(report)
            pushed = push_plan(session, source.name, planned.plan, schema, highest=index.highest, since=planned.since)
            report_push(report, session, source, pushed)
            stays = close(session, source, reading, planned, pushed, schema)
            resume.move(session.state, source.name, context, reading, planned, report, stood, stays=stays)
            if isinstance(pushed.failure, ENDS_THE_COMMAND):
                raise pushed.failure
    return report


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
        "yes" if session.state.facts.case_insensitive.get() else None,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _still_invalid(standing: Mapping[str, Any], reading: Reading, named: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the invalid rows of earlier reads that a partial read says nothing of."""
    if named is None:
        return []
    read = {*reading.verdicts.keys(), *named}
    return [each for each in standing.get("invalid", []) if each["key"] not in read]
