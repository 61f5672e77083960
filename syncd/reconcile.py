"""Compares the contacts of the ledger with those at the target, and repairs what differs.

The list is read whole, before anything is sent; a contact that it lacks is looked for once more. A repair is a plan
like any other: gates, mark, call, record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Sized
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import polars as pl
import structlog

from syncd.config import Source
from syncd.core import drift
from syncd.core.callers.shared import groups_of_one_number
from syncd.core.change import Status
from syncd.core.changes.left_out import sparing_adopted
from syncd.core.columns import KEY, MATCH
from syncd.core.compare import BEFORE, ID, KIND
from syncd.core.drift import AT, CLASS, FREE, HERE, LEFT, OTHER, RETURNED, SENT, Orders
from syncd.core.field_history import renamed
from syncd.core.plan import Plan
from syncd.core.schema import Schema
from syncd.errors import SchemaError, SourceBusy, StateError
from syncd.finish.callers import keep_callers
from syncd.finish.close import not_done
from syncd.finish.forgetting import sweep
from syncd.finish.record import ENDS_THE_COMMAND
from syncd.plan.comparing import NOT_LOOKED_UP
from syncd.plan.field_history import renames, schema_changed
from syncd.plan.schema_check import need_mapped, settled_schema
from syncd.push.result import PushResult
from syncd.push.run_plan import push_plan
from syncd.report.drift_report import CLASSES, Reconciled, SourceDrift
from syncd.report.exit_code import code_of
from syncd.report.left import left_json
from syncd.report.source_report import COUNTS
from syncd.run.session import Session
from syncd.state.glance import repairs_of
from syncd.target.contacts import Remote
from syncd.target.lookup import Index, search_few

log = structlog.get_logger()


def reconcile(session: Session, sources: Sequence[Source], into: Reconciled) -> None:
    """Compare these sources' contacts with the target's and, if ``into.repair``, put right what may be.

    ``into`` is filled in as far as it gets.

    Raises:
        AccessDenied, StateError, Stopped: no source can go on.
        TargetError: the list could not be read whole.
    """
    into.run = session.run
    before = session.target.sent
    try:
        with ExitStack() as leases:
            # A comparison alone sends nothing, so it needs no lease and never waits for a run.
            free = _leased(session, sources, into, leases) if into.repair else sources
            if free:
                _compare(session, free, into, before)
            for source in free if not session.dry_run else ():
                session.state.facts.reconciled(source.name).set(session.clock())
    finally:
        into.sent = session.target.sent - before


def _leased(session: Session, sources: Sequence[Source], into: Reconciled, leases: ExitStack) -> list[Source]:
    """Hold those sources that no other run holds; the others' reports say so."""
    found = []
    for source in sources:
        try:
            leases.enter_context(session.leased(source.name))
            found.append(source)
        except SourceBusy as busy:
            into.sources.append(SourceDrift(source.name, error=busy))
    return found


@dataclass(frozen=True, slots=True)
class _Target:
    """The target as it was listed, and whose its contacts are.

    ``frame``: the contacts with their fields. ``claimed``: ids that contacts of any source hold. ``extra``: the others.
    ``newest_change``: the newest change before the list, which began at ``began``.
    """

    remotes: Mapping[int, Remote]
    schema: Schema
    frame: pl.DataFrame
    by_match: Index
    claimed: pl.Series
    extra: frozenset[int]
    newest_change: int
    began: float

    def index(self, wanted: Sized) -> pl.DataFrame:
        """Return the contacts by match value, or none of them if nothing is ``wanted`` of it."""
        # To index a large list takes longer than all else of a comparison that finds nothing.
        return self.by_match.read() if len(wanted) else NOT_LOOKED_UP


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found of a source.

    ``explained``: ids of contacts that are none of the ledger's, and yet the source's. ``news``: ``@key``, ``@id`` of
    contacts of which the target holds something that we do not know, and may.
    """

    report: SourceDrift
    explained: frozenset[int] = frozenset()
    news: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={KEY: pl.String, ID: pl.Int64}))


def _compare(session: Session, sources: Sequence[Source], into: Reconciled, before: int) -> None:
    """Compare, and repair; ``before``: requests that were sent before that."""
    schema = settled_schema(session)
    for source in sources if into.repair else ():
        # A state from a backup may know of what was forgotten since, and must not bring it back.
        sweep(session, source.name, source.rules.mapping, schema)
    # What is written from here on cannot be judged by the list.
    began, newest_change = session.clock(), session.state.journal.newest_change()
    remotes = _listed(session)
    names = renames(session.state, schema)
    holdings = [renamed(session.state.holdings.of(source.name), names, SENT, RETURNED) for source in sources]
    _look_again(session, remotes, pl.concat(holdings), began)
    claimed = session.state.holdings.ids()
    target = _Target(
        remotes=remotes,
        schema=schema,
        frame=drift.listed({id_: remote.fields for id_, remote in remotes.items()}, schema),
        by_match=Index(remotes.values, schema),
        claimed=claimed,
        extra=frozenset(remotes).difference(claimed),
        newest_change=newest_change,
        began=began,
    )
    found = [_compared(session, source, target, held) for source, held in zip(sources, holdings, strict=True)]
    into.there = len(remotes)
    if any(source.shared_numbers == "warn" for source in sources):
        into.shared = groups_of_one_number(target.frame, ID, schema.phones)
    unconfigured = session.state.holdings.unconfigured_ids(session.settings.sources).intersection(remotes)
    into.foreign = sorted(unconfigured.union(target.extra.difference(*(each.explained for each in found))))
    into.sources += [each.report for each in found]
    for source, each in zip(sources, found, strict=True):
        if into.repair and each.report.plan:
            _repair(session, source, each, each.report.plan, target, before)
            # The requests of the list count with the first repair.
            before = session.target.sent
        _log(each.report)


def _listed(session: Session) -> dict[int, Remote]:
    return {each.id: each for each in session.target.contacts(partial(session.watcher.reading, "the target"))}


def _look_again(session: Session, remotes: dict[int, Remote], holdings: pl.DataFrame, began: float) -> None:
    """Add to ``remotes`` what the list lacked and the target has all the same."""
    settled = holdings.filter((pl.col("@status") == Status.ACCEPTED) & (pl.col(AT) < began))
    here = pl.Series(ID, list(remotes), dtype=pl.Int64)
    lacking = settled.filter(~pl.col(ID).is_in(here.implode())).select(ID, MATCH).unique(ID)
    # A list may shift while it is read: a contact that moves to a page that was read already is in none.
    if lacking.is_empty():
        return
    found = search_few(session.target.search, lacking.get_column(MATCH).to_list())
    again = found.remotes if found is not None else _listed(session)
    wanted = set(lacking.get_column(ID))
    remotes.update((id_, remote) for id_, remote in again.items() if id_ in wanted)


def _compared(session: Session, source: Source, target: _Target, holdings: pl.DataFrame) -> _Found:
    """Compare one source's ``holdings`` (what its ledger says) with the target, and plan the repair."""
    state, schema, name, gates = session.state, target.schema, source.name, source.gates
    report = SourceDrift(name, holdings.height, schema.phones, running=session.leases.elsewhere(name))
    try:
        need_mapped(schema, source, state)
    except SchemaError as error:
        report.error = error
        return _Found(report)
    waiting = {key for hold in state.holds.of(name) for key in hold["keys"]}
    judged = _judged(source, target, holdings, waiting)
    unfinished = _unfinished(session, source, target)
    remains = renamed(state.holdings.remains(name, target.extra - unfinished), renames(state, schema), BEFORE)
    extra = drift.extra_ours(target.frame, remains, schema)
    _fill(report, source, schema, judged, extra)
    report.counts["held"] = len(waiting)
    report.counts["pending"] += len(unfinished)
    changes = drift.repairs(judged, extra, schema, deletes=gates.mode == "mirror")
    moved = changes.filter(pl.col(KIND) == "move").get_column(KEY)
    report.plan = drift.repair_plan(
        sparing_adopted(changes, state.ledger.detail(name, moved), gates),
        gates,
        known=holdings.height,
        approved=state.holds.approved(repairs_of(name)),
        schema_changed=schema_changed(state, name, schema, source.rules.mapping),
    )
    # Fields that the mapping does not name, and edits that the configuration wants to stay, are the contact's now.
    other = pl.col(OTHER) & (pl.col(CLASS) == "same")
    kept = (pl.col(CLASS) == "edited") & (pl.col(LEFT) == "on_edit: keep") & pl.col(FREE).is_null()
    news = judged.filter(other | kept).select(KEY, ID)
    return _Found(report, unfinished.union(extra.get_column(ID)), news)


def _judged(source: Source, target: _Target, holdings: pl.DataFrame, waiting: set[str]) -> pl.DataFrame:
    """Return the contacts of which there is something to say, as :func:`syncd.core.drift.with_orders` does."""
    judged = drift.judge(holdings, target.frame, target.schema, since=target.began)
    texts = [
        json.dumps(dict(target.remotes[id_].fields), ensure_ascii=False) if here else None
        for id_, here in judged.select(ID, HERE).iter_rows()
    ]
    judged = judged.with_columns(pl.Series(BEFORE, texts, dtype=pl.String))
    judged = drift.remade(judged, target.index(judged), target.claimed, target.schema)
    return drift.with_orders(judged, Orders(source.gates, source.on_edit, waiting), target.schema)


def _unfinished(session: Session, source: Source, target: _Target) -> frozenset[int]:
    """Return contacts that a call of unknown outcome, or a move, may have left."""
    # They are not repaired: the source's next run sees to them.
    left = session.state.journal.open_calls(source.name, given_up=True)
    matches = pl.Series([each.match for each in left if each.id is None], dtype=pl.String)
    doubted = target.index(matches).filter(pl.col(MATCH).is_in(matches.implode())).get_column(ID)
    return target.extra.intersection([*(each.id for each in left if each.id is not None), *doubted])


def _fill(report: SourceDrift, source: Source, schema: Schema, judged: pl.DataFrame, extra: pl.DataFrame) -> None:
    """Put the classes of the contacts, and the contacts that differ, into the report."""
    report.counts.update(dict(judged.filter(pl.col(CLASS) != "same").group_by(CLASS).len().iter_rows()))
    report.counts["same"] = report.known - report.counts.total()
    report.counts["extra_ours"] = extra.height
    report.late = judged.filter(pl.col(CLASS) == "pending", pl.col("@status") != Status.PENDING).height
    report.missing = judged.filter(pl.col(CLASS) == "missing").sort(KEY).select(key=KEY, id=ID, left=LEFT).to_dicts()
    report.edited = [
        {"key": row[KEY], "id": row[ID], "now": row[FREE], "fields": fields, "left": row[LEFT]}
        for row, fields in drift.edits(judged.filter(pl.col(CLASS) == "edited").sort(KEY), schema)
    ]
    mode = source.gates.mode
    left = None if mode == "mirror" else f"mode: {mode} deletes none"
    report.extra = [{"key": key, "id": id_, "left": left} for key, id_ in extra.select(KEY, ID).rows()]


def _repair(session: Session, source: Source, found: _Found, plan: Plan, target: _Target, before: int) -> None:
    """Carry the plan out, and keep what it holds until it is approved; ``before``: see :func:`_compare`."""
    state, name, report = session.state, source.name, found.report
    state.runs.begin(session.run, name, source.digest, kind="repair")
    session.sent_before = before
    try:
        _push(session, source, found, plan, target)
    except BaseException as error:
        # The row tells ``syncd status`` that the repair failed. A state that has just failed cannot be written to.
        if not isinstance(error, StateError):
            _end(session, report, before, error)
        raise
    _end(session, report, before)
    if isinstance(report.error, ENDS_THE_COMMAND):
        raise report.error


def _push(session: Session, source: Source, found: _Found, plan: Plan, target: _Target) -> None:
    state, name, report = session.state, source.name, found.report
    target.by_match.highest = max(target.remotes, default=0)
    report.pushed = push_plan(session, name, plan, target.by_match, since=target.newest_change)
    seen = ((key, id_, target.remotes[id_].fields) for key, id_ in found.news.iter_rows())
    report.noted = state.holdings.note_returned(
        name, ((key, id_, {field: value for field, value in fields.items() if value}) for key, id_, fields in seen)
    )
    session.leases.check()
    state.holds.keep(repairs_of(name), plan.held, approved=not_done(session, name, plan))
    if not plan.todo.is_empty():
        # What is sent anew may be refused, or its outcome be unknown: the next run must look at every row.
        state.cursors.drop(name)
    report.error = report.pushed.failure
    report.left = left_json(state.leftovers.news(name))


def _end(session: Session, report: SourceDrift, before: int, error: BaseException | None = None) -> None:
    """Note in the state how the repair ended; ``error``: what broke it off."""
    pushed = report.pushed or PushResult()
    waits = {"held": report.plan.waiting.height if report.plan else 0, "rejected": len(pushed.rejected)}
    session.state.runs.end(
        session.run,
        report.source,
        outcome="failed" if error or report.error else "done",
        exit_code=code_of(error) if error else report.exit_code,
        requests=session.target.sent - before,
        # The counts are in the words of a run's report, which ``syncd history`` shows of every kind of run.
        report={**report.to_json(), "counts": dict.fromkeys(COUNTS, 0) | dict(pushed.counts) | waits},
    )
    if report.left:
        session.state.leftovers.tell(report.source)
    keep_callers(session)


def _log(report: SourceDrift) -> None:
    counts = {name: report.counts[name] for name in CLASSES if report.counts[name]}
    done = {kind: count for kind, count in report.pushed.counts.items() if count} if report.pushed else {}
    log.info("reconciled", source=report.source, **counts, **done)
