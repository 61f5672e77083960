"""Carries a plan out: mark, call, record.

Each batch is journalled as pending and committed, then sent, then its outcome is recorded and committed. So whatever
is lost (the call, its answer, this process), the ledger says what is unknown, and the next run sends it again. Upserts
come first and deletes last, and nothing is deleted that a contact claims.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeGuard

import polars as pl
import structlog

from syncd.changes import TREATMENT
from syncd.core.diff import BEFORE, KIND, field_changes
from syncd.core.plan import BATCH, Plan, batches
from syncd.core.schema import Schema
from syncd.doubt import find_theirs, made_by
from syncd.errors import Stopped, SyncdError, TargetUnavailable
from syncd.pushed import Pushed
from syncd.rematching import open_calls
from syncd.removing import Removal
from syncd.state import State
from syncd.state.claims import Rivals
from syncd.state.journal import Leftover, Settled
from syncd.target import Accepted, Refused, Remote, Target

log = structlog.get_logger()


class Push:
    """One source's plan on its way to the target. Used once."""

    def __init__(  # noqa: PLR0913 (each is a part of the run that it works with)
        self,
        *,
        run: str,
        source: str,
        state: State,
        target: Target,
        schema: Schema,
        since: int,
        in_flight: int,
        stopping: threading.Event,
        progress: Callable[[int], None],
    ) -> None:
        self._run = run
        self._source = source
        self._state = state
        self._target = target
        self._schema = schema
        self._in_flight = in_flight
        self._stopping = stopping
        self._progress = progress
        self._lock = threading.Lock()
        self._done = Pushed()
        self._failed_in_a_row = 0
        self._sent = 0
        self._rivals = Rivals(source, since)
        self._horizon = state.horizon()
        self._calls: dict[str, list[Leftover]] = {}
        for left in open_calls(state, schema):
            if left.id is None:
                self._calls.setdefault(left.match, []).append(left)
        self._theirs: set[int] = set()

    def carry_out(self, plan: Plan) -> Pushed:
        """Send the plan's upserts, then its deletes; a failure ends it early and is in the result."""
        try:
            self._upsert(plan)
            self._removal().carry_out([change for page in batches(plan.deletes(), BATCH) for change in page])
        except SyncdError as error:
            self._done.failure = error
        return self._done

    def _removal(self) -> Removal:
        return Removal(
            run=self._run,
            source=self._source,
            state=self._state,
            target=self._target,
            schema=self._schema,
            done=self._done,
            stopping=self._stopping,
            advance=self._advance,
        )

    def _upsert(self, plan: Plan) -> None:
        changes = plan.upserts()
        self._look_at_doubted(changes)
        treatment = self._state.fact(TREATMENT)
        if treatment is None:
            treatment, first = self._learn(plan)
            changes = changes.filter(~changes.get_column("@key").is_in([first])) if first else changes
        pages = (self._carrying(page, treatment) for page in batches(changes, BATCH))
        with ThreadPoolExecutor(self._in_flight, thread_name_prefix="push") as pool:
            self._keep_busy(pool, pages)

    def _look_at_doubted(self, changes: pl.DataFrame) -> None:
        """See what stands where earlier calls may have created contacts, before an upsert covers whose it was."""
        here = changes.filter(pl.col("@match").is_in(list(self._calls)) & (pl.col(KIND) != "adopt"))
        calls = {match: self._calls[match] for match in here.get_column("@match")}
        self._theirs = find_theirs(self._target, self._schema, calls)

    def _keep_busy(self, pool: ThreadPoolExecutor, pages: Iterator[list[dict[str, Any]]]) -> None:
        """Hold ``in_flight`` batches under way; two failures in a row, or a refused key, end it."""
        under_way: set[Future[list[Any]]] = set()
        try:
            for page in pages:
                if len(under_way) >= self._in_flight:
                    under_way = self._collect(under_way)
                if self._stopping.is_set():
                    raise Stopped("asked to stop; the batches under way are recorded, the rest waits for the next run")
                under_way.add(pool.submit(self._batch, page))
        finally:
            finished, _ = wait(under_way)
        for each in finished:
            each.result()
        if self._done.failure:
            raise self._done.failure

    def _collect(self, under_way: set[Future[list[Any]]]) -> set[Future[list[Any]]]:
        finished, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        for each in finished:
            each.result()
        if self._failed_in_a_row >= 2 and self._done.failure:
            raise self._done.failure
        return under_way

    def _batch(self, page: Sequence[dict[str, Any]]) -> list[Any]:
        """Mark, call and record one batch; return its outcomes in the batch's order."""
        entries = self._state.mark(self._run, self._source, page, horizon=self._horizon, rivals=self._rivals)
        page = self._without_rivalled(page, entries)
        if not page:
            return []
        answer = self._target.upsert_all([change["payload"] for change in page], self._schema)
        results = [] if answer.unsent else list(zip(page, entries, answer.outcomes, strict=True))
        doubtful: Collection[str] = ()
        if results:
            ours = self._state.ours_among([each.id for each in answer.outcomes if _was_known(each)])
            settled = [self._settled(*each, ours, page=page, resent=answer.resent) for each in results]
            doubtful = self._state.record(settled)
        else:
            self._state.unmark(entries)
        with self._lock:
            for change, _, outcome in results:
                self._note(change, None if change["@key"] in doubtful else outcome)
            self._failed_in_a_row = self._failed_in_a_row + 1 if answer.failure else 0
            if answer.failure:
                self._done.failure = answer.failure
        log.info(
            "batch", source=self._source, rows=len(page), accepted=sum(isinstance(o, Accepted) for o in answer.outcomes)
        )
        self._advance(len(page))
        if answer.failure and not isinstance(answer.failure, TargetUnavailable):
            raise answer.failure
        return list(answer.outcomes)

    def _without_rivalled(
        self, page: Sequence[dict[str, Any]], entries: Sequence[Mapping[str, Any]]
    ) -> Sequence[dict[str, Any]]:
        """Leave out what was not marked, since another source has its contact in hand: a later run sees what is so."""
        if len(entries) == len(page):
            return page
        marked = {entry["key"] for entry in entries}
        with self._lock:
            self._done.kept += len(page) - len(entries)
        return [change for change in page if change["@key"] in marked]

    def _advance(self, changes: int) -> None:
        with self._lock:
            self._sent += changes
            self._progress(self._sent)

    def _settled(
        self,
        change: Mapping[str, Any],
        entry: Mapping[str, Any],
        outcome: Any,
        ours: Collection[int],
        *,
        page: Sequence[Mapping[str, Any]],
        resent: bool,
    ) -> Settled:
        if isinstance(outcome, Refused):
            twin = change if outcome.twin is None else page[outcome.twin]
            folded = twin["@match"] != change["@match"] and twin["@match"].casefold() == change["@match"].casefold()
            return Settled(entry, "folded" if folded else "refused", reason=outcome.reason)
        if not isinstance(outcome, Accepted):
            return Settled(entry, "unknown")
        if self._takes_fields_away(change, outcome):
            return Settled(entry, "unknown")  # until they are restored
        returned = self._returned(change, outcome.fields)
        adopted = self._was_there(change, outcome, ours, resent=resent)
        return Settled(entry, "accepted", outcome.id, returned, adopted=adopted)

    def _returned(self, change: Mapping[str, Any], fields: Mapping[str, str]) -> Mapping[str, str] | None:
        """What the target holds now, if that is not what was sent; it should hold ``expected`` values as well."""
        if fields == change["after"] and not change.get("expected"):
            return None
        there = {**change.get("expected", {}), **{name: value for name, value in fields.items() if value}}
        return there if self._differs(change["after"], there) else None

    def _differs(self, sent: Mapping[str, str], returned: Mapping[str, str]) -> bool:
        if sent == returned:
            return False
        more = any(value for name, value in returned.items() if name not in sent)
        return more or bool(field_changes(returned, sent, self._schema.phones))

    def _was_there(self, change: Mapping[str, Any], outcome: Accepted, ours: Collection[int], *, resent: bool) -> bool:
        """Whether the contact was at the target before any call of ours could have made it."""
        if outcome.id in ours:
            return False
        calls = self._calls.get(change["@match"], [])
        if change[KIND] == "adopt":  # what was to be adopted may be gone by now
            there = Remote(change["@id"], change["before"])
            return outcome.action != "created" and not made_by(there, calls, self._schema)
        if outcome.action != "updated":
            return False
        new = any(outcome.id > call.horizon for call in calls) or (resent and outcome.id > self._horizon)
        if not new or outcome.id in self._theirs:
            return True
        sent = {*change["payload"], *(name for call in calls for name in call.fields)}
        return any(value for name, value in outcome.fields.items() if name not in sent)

    @staticmethod
    def _takes_fields_away(change: Mapping[str, Any], outcome: Any) -> bool:
        """Whether an update lost values that it did not mention, and that the contact should hold as ``expected``."""
        expected = change.get("expected")
        if not expected or not isinstance(outcome, Accepted):
            return False
        return any(not outcome.fields.get(name) for name in expected)

    def _note(self, change: Mapping[str, Any], outcome: Any) -> None:
        if self._takes_fields_away(change, outcome):
            return
        if isinstance(outcome, Accepted):
            self._done.counts[change[KIND]] += 1
            same = outcome.fields == change["after"]
            altered = {} if same else field_changes(outcome.fields, change["after"], self._schema.phones)
            if altered:
                fields = {name: {"sent": each["new"], "returned": each["old"]} for name, each in altered.items()}
                self._done.altered.append({"key": change["@key"], "id": outcome.id, "fields": fields})
        elif isinstance(outcome, Refused):
            self._done.rejected.append({"key": change["@key"], "reason": outcome.reason})
        else:
            self._done.unknown += 1

    def _learn(self, plan: Plan) -> tuple[str, str | None]:
        """Send the first update alone that shows whether unmentioned fields survive; restore them if they do not.

        Returns what is known now (until it is, updates carry the values) and the key that was sent.
        """
        for page in batches(plan.upserts().filter(pl.col(BEFORE).is_not_null()), BATCH):
            for change in page:
                extra = self._unmentioned(change)
                if not extra or change[KIND] == "move":  # a new contact has none of them, whatever an update does
                    continue
                outcome = next(iter(self._batch([{**change, "payload": change["after"], "expected": extra}])), None)
                if not isinstance(outcome, Accepted):
                    return "replace", change["@key"]
                lost = any(not outcome.fields.get(name) for name in extra)
                treatment = "replace" if lost else "merge"
                self._state.learn(TREATMENT, treatment)
                log.info("learned how the target treats unmentioned fields", update=treatment)
                if lost:
                    self._batch([{**change, "payload": {**extra, **change["after"]}}])
                return treatment, change["@key"]
        return "merge", None

    def _carrying(self, page: list[dict[str, Any]], treatment: str) -> list[dict[str, Any]]:
        """Add what is sent: the contact's fields, and the target's values of the others where they would be lost.

        They would where an update replaces, and where a move makes a new contact.
        """
        for each in page:
            kept = self._unmentioned(each) if treatment == "replace" or each[KIND] == "move" else None
            each["payload"] = {**kept, **each["after"]} if kept else each["after"]
        return page

    def _unmentioned(self, change: Mapping[str, Any]) -> dict[str, str]:
        """The target's last known values of its fields that the contact does not name."""
        rest = set(self._schema.names).difference(change["after"])
        return {name: value for name, value in change["before"].items() if value and name in rest}


def _was_known(outcome: Any) -> TypeGuard[Accepted]:
    """Whether the target took the row for a contact that was there."""
    return isinstance(outcome, Accepted) and outcome.action != "created"
