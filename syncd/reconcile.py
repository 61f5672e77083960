"""Reads the target back and holds every contact of the ledger, and every contact there, against the other.

The list is read whole, before anything is sent; a contact that it lacks is looked for once more, since a list may shift
while it is read. A repair is a plan like any other: gates, mark, call, record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Sized
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl
import structlog

from syncd.core.change import Status
from syncd.core.columns import KEY, MATCH
from syncd.core.compare import BEFORE, ID, INDEX_SCHEMA
from syncd.core.drift import (
    AT,
    CLASS,
    FREE,
    HERE,
    LEFT,
    OTHER,
    RETURNED,
    SENT,
    Orders,
    edits,
    extra_ours,
    judge,
    listed,
    remade,
    repair_plan,
    repairs,
    with_orders,
)
from syncd.core.field_history import renamed
from syncd.core.schema import Schema, problems_with
from syncd.core.shared_numbers import groups_of_one_number
from syncd.errors import SchemaError, SourceBusy
from syncd.finish.close import not_done
from syncd.finish.record import ENDS_THE_COMMAND
from syncd.plan.field_history import renames, schema_changed, settle_fields
from syncd.plan.schema_check import need_mapped
from syncd.push.run_plan import push_plan
from syncd.report.drift_report import CLASSES, Reconciled, SourceDrift
from syncd.report.source_report import COUNTS
from syncd.state.glance import repairs_of
from syncd.target.lookup import Index, search_few

if TYPE_CHECKING:
    from syncd.config import Source
    from syncd.core.plan import Plan
    from syncd.push.result import PushResult
    from syncd.run.session import Session
    from syncd.state import State
    from syncd.target.contacts import Remote

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
            held = _taken(session, sources, into, leases) if into.repair else list(sources)
            _compare(session, held, into, before)
            for source in held if not session.dry_run else ():
                session.state.facts.reconciled(source.name).set(session.clock())
    finally:
        into.sent = session.target.sent - before


def _taken(session: Session, sources: Sequence[Source], into: Reconciled, leases: ExitStack) -> list[Source]:
    """Hold those sources that no other run holds; the others' reports say so."""
    found = []
    for source in sources:
        try:
            leases.enter_context(session.leased(source.name))
            found.append(source)
        except SourceBusy as busy:
            into.sources.append(SourceDrift(source.name, error=busy))
    return found


def _compare(session: Session, sources: Sequence[Source], into: Reconciled, before: int) -> None:
    """Compare, and repair; ``before``: requests that were sent before that. The first repair answers for the list."""
    if not sources:
        return
    schema = session.target.fields()
    if problems := problems_with(schema):
        raise SchemaError("\n".join(problems))
    settle_fields(session.state, schema)
    began, since = session.clock(), session.state.journal.newest_change()
    remotes = _listed(session)
    holdings = {source.name: _holdings(session.state, source.name, schema) for source in sources}
    _look_again(session, remotes, pl.concat(holdings.values()), began)
    there = _there(session, remotes, schema, since)
    judged = {name: judge(each, there.frame, schema, since=began) for name, each in holdings.items()}
    found = [_drift(session, source, there, judged[source.name], holdings[source.name].height) for source in sources]
    into.there = len(remotes)
    if any(source.shared_numbers == "warn" for source in sources):
        into.shared = _shared(remotes, schema)
    nobodys = session.state.holdings.unconfigured_ids(session.settings.sources).intersection(remotes)
    into.foreign = sorted(nobodys.union(there.extra.difference(*(each.explained for each in found))))
    into.sources += [each.drift for each in found]
    for source, each in zip(sources, found, strict=True):
        if into.repair and not each.drift.error:
            _repair(session, source, each, there, before)
            before = session.target.sent
        _log(each.drift)


def _shared(remotes: Mapping[int, Remote], schema: Schema) -> list[list[int]]:
    phones = sorted(schema.phones)
    columns = {name: [remote.fields.get(name) for remote in remotes.values()] for name in phones}
    held = pl.DataFrame({ID: list(remotes), **columns}, schema={ID: pl.Int64, **dict.fromkeys(phones, pl.String)})
    return groups_of_one_number(held, ID, phones)


def _holdings(state: State, source: str, schema: Schema) -> pl.DataFrame:
    return renamed(state.holdings.of(source), renames(state, schema), SENT, RETURNED)


def _listed(session: Session) -> dict[int, Remote]:
    def told(read: int) -> None:
        session.watcher.reading("the target", read)

    return {remote.id: remote for remote in session.target.contacts(told)}


def _look_again(session: Session, remotes: dict[int, Remote], holdings: pl.DataFrame, began: float) -> None:
    """Add to ``remotes`` what the list lacked and has all the same: few are searched for, for more it is read again."""
    settled = holdings.filter((pl.col("@status") == Status.ACCEPTED) & (pl.col(AT) < began))
    here = pl.Series(ID, list(remotes), dtype=pl.Int64)
    lacking = settled.filter(~pl.col(ID).is_in(here.implode())).select(ID, MATCH).unique(ID)
    if lacking.is_empty():
        return
    found = search_few(session.target.search, lacking.get_column(MATCH).to_list())
    again = found.remotes if found is not None else _listed(session)
    wanted = set(lacking.get_column(ID))
    remotes.update((id_, remote) for id_, remote in again.items() if id_ in wanted)


@dataclass(frozen=True, slots=True)
class _There:
    """The target as it was listed, and whose its contacts are.

    ``claimed``: ids that contacts of any source hold. ``extra``: the others. ``since``: the newest change before that.
    """

    remotes: Mapping[int, Remote]
    schema: Schema
    frame: pl.DataFrame
    by_match: Index
    claimed: pl.Series
    extra: frozenset[int]
    since: int

    def index(self, wanted: Sized) -> pl.DataFrame:
        """The contacts by match value, or none of them where nothing is ``wanted`` of it."""
        if len(wanted):
            return self.by_match.read()
        return pl.DataFrame(schema={**INDEX_SCHEMA, "many": pl.UInt32})


def _there(session: Session, remotes: Mapping[int, Remote], schema: Schema, since: int) -> _There:
    claimed = session.state.holdings.ids()
    return _There(
        remotes=remotes,
        schema=schema,
        frame=listed({id_: remote.fields for id_, remote in remotes.items()}, schema),
        by_match=Index(remotes.values, schema),
        claimed=claimed,
        extra=frozenset(remotes).difference(claimed),
        since=since,
    )


def _with_before(judged: pl.DataFrame, there: _There) -> pl.DataFrame:
    """Add ``@before``: JSON of what is there, null where that is nothing."""
    texts = [
        json.dumps(dict(there.remotes[id_].fields), ensure_ascii=False) if here else None
        for id_, here in judged.select(ID, HERE).iter_rows()
    ]
    return judged.with_columns(pl.Series(BEFORE, texts, dtype=pl.String))


@dataclass(frozen=True, slots=True)
class _Found:
    """``explained``: ids of contacts that are none of the ledger's, and yet the source's.

    ``news``: ``@key``, ``@id`` of contacts of which the target holds something that we do not know, and may.
    """

    drift: SourceDrift
    explained: frozenset[int] = frozenset()
    news: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={KEY: pl.String, ID: pl.Int64}))


def _drift(session: Session, source: Source, there: _There, judged: pl.DataFrame, known: int) -> _Found:
    """Say what is to be said of one source, which has so many ``known`` contacts, and plan its repair."""
    state, schema = session.state, there.schema
    drift = SourceDrift(source.name, schema.phones, known, running=session.leases.elsewhere(source.name))
    try:
        need_mapped(schema, source, session.state)
    except SchemaError as error:
        drift.error = error
        return _Found(drift)
    waiting = {key for hold in state.holds.of(source.name) for key in hold["keys"]}
    orders = Orders(source.gates, source.on_edit, waiting)
    judged = _with_before(judged, there)
    judged = with_orders(remade(judged, there.index(judged), there.claimed, schema), orders, schema)
    unfinished = _unfinished(state, source.name, there)
    remains = renamed(state.holdings.remains(source.name, there.extra - unfinished), renames(state, schema), BEFORE)
    extra = extra_ours(there.frame, remains, schema)
    _fill(drift, judged, extra, source, schema)
    drift.late = judged.filter((pl.col(CLASS) == "pending") & (pl.col("@status") != Status.PENDING)).height
    drift.counts["held"] = len(waiting)
    drift.counts["pending"] += len(unfinished)
    changes = repairs(judged, extra, schema, deletes=source.gates.mode == "mirror")
    drift.plan = repair_plan(
        changes,
        source.gates,
        known=known,
        approved=state.holds.approved(repairs_of(source.name)),
        schema_changed=schema_changed(state, source.name, schema, source.rules.mapping),
    )
    other = judged.filter(OTHER & (pl.col(CLASS) == "same"))
    kept = judged.filter((pl.col(CLASS) == "edited") & (pl.col(LEFT) == "on_edit: keep") & pl.col(FREE).is_null())
    news = pl.concat([other, kept]).select(KEY, ID)
    return _Found(drift, unfinished.union(extra.get_column(ID)), news)


def _unfinished(state: State, source: str, there: _There) -> frozenset[int]:
    """Contacts that a call of unknown outcome, or a move, may have left: the source's next run sees to them."""
    left = state.journal.open_calls(source)
    matches = pl.Series([each.match for each in left if each.id is None], dtype=pl.String)
    doubted = there.index(matches).filter(pl.col(MATCH).is_in(matches.implode())).get_column(ID)
    return there.extra.intersection([*(each.id for each in left if each.id is not None), *doubted])


def _fill(drift: SourceDrift, judged: pl.DataFrame, extra: pl.DataFrame, source: Source, schema: Schema) -> None:
    drift.counts.update(dict(judged.filter(pl.col(CLASS) != "same").group_by(CLASS).len().iter_rows()))
    drift.counts["same"] = drift.known - drift.counts.total()
    drift.counts["extra_ours"] = extra.height
    missing = judged.filter(pl.col(CLASS) == "missing").sort(KEY)
    drift.missing = [{"key": key, "id": id_, "left": left} for key, id_, left in missing.select(KEY, ID, LEFT).rows()]
    changed = judged.filter(pl.col(CLASS) == "edited").sort(KEY)
    drift.edited = [
        {"key": row[KEY], "id": row[ID], "now": row[FREE], "fields": fields, "left": row[LEFT]}
        for row, fields in edits(changed, schema)
    ]
    left = None if source.gates.mode == "mirror" else f"mode: {source.gates.mode} deletes none"
    drift.extra = [{"key": key, "id": id_, "left": left} for key, id_ in extra.select(KEY, ID).rows()]


def _repair(session: Session, source: Source, found: _Found, there: _There, before: int) -> None:
    """Carry the plan out, and keep what it holds until it is approved; ``before``: see :func:`_compare`."""
    state, drift = session.state, found.drift
    plan = drift.plan
    if plan is None:
        return
    state.runs.begin(session.run, source.name, source.digest, kind="repair")
    session.sent_before = before
    highest = max(there.remotes, default=0)
    drift.pushed = push_plan(session, source.name, plan, there.schema, highest=highest, since=there.since)
    drift.noted = state.holdings.note_returned(source.name, _news(found.news, there.remotes))
    session.leases.check()
    state.holds.keep(repairs_of(source.name), plan.held, approved=not_done(session, source.name, plan))
    if not plan.todo.is_empty():
        state.cursors.drop(source.name)  # what is sent anew may be refused, or its outcome be unknown
    drift.error = drift.pushed.failure
    state.runs.end(
        session.run,
        source.name,
        outcome="failed" if drift.error else "done",
        exit_code=drift.exit_code,
        requests=session.target.sent - before,
        report={**drift.to_json(), "counts": _made(plan, drift.pushed)},
    )
    if isinstance(drift.error, ENDS_THE_COMMAND):
        raise drift.error


def _made(plan: Plan, pushed: PushResult) -> dict[str, int]:
    """What the repair made, in the words of a run's report."""
    waits = {"held": plan.waiting.height, "rejected": len(pushed.rejected)}
    return dict.fromkeys(COUNTS, 0) | dict(pushed.counts) | waits


def _news(news: pl.DataFrame, remotes: Mapping[int, Remote]) -> Iterator[tuple[str, int, Mapping[str, str]]]:
    for key, id_ in news.iter_rows():
        yield key, id_, {name: value for name, value in remotes[id_].fields.items() if value}


def _log(drift: SourceDrift) -> None:
    counts = {name: drift.counts[name] for name in CLASSES if drift.counts[name]}
    done = {kind: count for kind, count in drift.pushed.counts.items() if count} if drift.pushed else {}
    log.info("reconciled", source=drift.source, **counts, **done)
