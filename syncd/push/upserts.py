"""Carries a plan out: mark, call, record.

Each batch is journalled as pending and committed, then sent, then its outcome is recorded and committed. So whatever
is lost (the call, its answer, this process), the ledger says what is unknown, and the next run sends it again. Upserts
come first and deletes last, and nothing is deleted that a contact claims.

Several batches are on their way at once, each in a thread that calls and judges. One thread alone writes to the state:
what has been answered is recorded, and the next batch marked, in one transaction.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeGuard

import polars as pl
import structlog

from syncd.core.compare import BEFORE, KIND, field_changes
from syncd.core.plan import BATCH, Plan, batches
from syncd.core.schema import Schema
from syncd.errors import StateError, Stopped, SyncdError, TargetUnavailable
from syncd.plan.field_history import open_calls
from syncd.push.deletes import Removal
from syncd.push.doubt import SharedList, find_theirs
from syncd.push.in_flight import Answered, Batch, UnderWay
from syncd.push.result import Pushed
from syncd.push.settling import Settling, takes_fields_away
from syncd.push.unmapped_fields import Carrying, unmentioned
from syncd.state import State
from syncd.state.deletions import Rivals
from syncd.state.journal import Leftover
from syncd.target.contacts import Accepted, Refused, Target
from syncd.target.lookup import FEW

log = structlog.get_logger()


class Push:
    """One source's plan on its way to the target. Used once."""

    def __init__(  # noqa: PLR0913 (each is a part of the run that it works with)
        self,
        *,
        run: str,
        source: str,
        configured: Collection[str],
        state: State,
        target: Target,
        schema: Schema,
        since: int,
        listed: bool,
        in_flight: int,
        stopping: threading.Event,
        progress: Callable[[int], None],
    ) -> None:
        self._run = run
        self._source = source
        self._configured = configured
        self._state = state
        self._target = target
        self._there = SharedList(target)
        self._schema = schema
        self._in_flight = in_flight
        self._stopping = stopping
        self._progress = progress
        self._done = Pushed()
        self._failed_in_a_row = 0
        self._sent = 0
        self._rivals = Rivals(source, since)
        calls: dict[str, list[Leftover]] = {}
        for left in open_calls(state, schema):
            if left.id is None:
                calls.setdefault(left.match, []).append(left)
        self._horizon, self._fresh = state.holdings.highest_known_id(), listed
        self._settling = Settling(schema, calls, theirs=frozenset(), horizon=self._horizon)

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
            configured=self._configured,
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
        treatment = self._state.facts.update_semantics.get()
        if treatment is None:
            treatment, first = self._learn(plan)
            changes = changes.filter(~changes.get_column("@key").is_in([first])) if first else changes
        carrying = Carrying(self._schema, treatment, self._state, self._source)
        listed = sum(map(self._state.ledger.known, self._configured)) // BATCH
        carrying.look(plan, self._there, pages=listed)
        pages = map(carrying.page, batches(changes, BATCH))
        with ThreadPoolExecutor(self._in_flight, thread_name_prefix="push") as pool:
            self._keep_busy(pool, pages)

    def _look_at_doubted(self, changes: pl.DataFrame) -> None:
        """See what stands where earlier calls may have created contacts, before an upsert covers whose it was."""
        known = self._settling.calls
        here = changes.filter(pl.col("@match").is_in(list(known)) & (pl.col(KIND) != "adopt"))
        calls = {match: [call.fields for call in known[match]] for match in here.get_column("@match")}
        self._settling = self._settling.seeing(find_theirs(self._there, self._schema, calls))

    def _keep_busy(self, pool: ThreadPoolExecutor, pages: Iterator[list[dict[str, Any]]]) -> None:
        """Hold ``in_flight`` batches under way; two failures in a row, or a refused key, end it.

        What is answered is recorded, whatever ends the work.
        """
        under_way, through = UnderWay(), True
        try:
            for page in pages:
                answered = under_way.next() if len(under_way) >= self._in_flight else []
                if under_way.broken or self._ends_with(answered):
                    self._turn(answered)
                    through = False
                    break
                batch = self._turn(answered, page)
                if batch.page:
                    under_way.add(pool.submit(self._call, batch))
        finally:
            while under_way:
                self._turn(under_way.next())
        if error := under_way.broken or self._done.failure:
            raise error
        if not through:
            raise Stopped("asked to stop; the batches under way are recorded, the rest waits for the next run")

    def _ends_with(self, answered: Sequence[Answered]) -> bool:
        """Whether no further batch is sent after these answers."""
        failures = [each.answer.failure for each in answered]
        in_a_row = self._failed_in_a_row
        for failure in failures:
            in_a_row = in_a_row + 1 if failure else 0
        hopeless = any(failure and not isinstance(failure, TargetUnavailable) for failure in failures)
        return hopeless or in_a_row >= 2 or self._stopping.is_set()

    def _turn(self, answered: Sequence[Answered], page: Sequence[dict[str, Any]] = ()) -> Batch:
        """Record what was answered and mark what is to be sent next, in one transaction; return what was marked.

        If it fails, the answers are still recorded if they can be.
        """
        try:
            with self._state.write():
                doubtful = [self._recorded(each) for each in answered]
                batch = self._mark(page) if page else Batch((), ())
        except StateError:
            if page:
                self._turn(answered)
            raise
        for each, keys in zip(answered, doubtful, strict=True):
            self._tell(each, keys)
        self._done.kept += len(page) - len(batch.page)
        return batch

    def _mark(self, page: Sequence[dict[str, Any]]) -> Batch:
        """Mark a page, without what another source has in hand: a later run sees what became of that."""
        self._see(self._there.highest)
        entries = self._state.journal.mark(self._run, self._source, page, horizon=self._horizon, rivals=self._rivals)
        if len(entries) < len(page):
            marked = {entry["key"] for entry in entries}
            page = [change for change in page if change["@key"] in marked]
        return Batch(page, entries, self._horizon, self._fresh)

    def _see(self, highest: int) -> None:
        """Note the highest id that is at the target now (0: none was seen)."""
        if highest:
            self._horizon, self._fresh = max(self._horizon, highest), True

    def _call(self, batch: Batch) -> Answered:
        """Send a batch that was marked; the only part of the work that is done beside others."""
        judge = replace(self._settling, horizon=batch.horizon)

        def look(rows: Sequence[int]) -> None:
            nonlocal judge
            judge = self._look_again(judge, [batch.page[row] for row in rows], fresh=batch.fresh)

        answer = self._target.upsert_all([change["payload"] for change in batch.page], self._schema, look)
        if answer.unsent:
            return Answered(batch, answer, ())
        if batch.fresh:  # a batch that was refused whole may have been carried out in part all the same
            judge = judge.seeing((), again={batch.page[row]["@match"] for row in answer.resent})
        ours = self._state.holdings.ours_among([each.id for each in answer.outcomes if _was_known(each)])
        results = zip(batch.page, batch.entries, answer.outcomes, strict=True)
        return Answered(batch, answer, [judge.settled(*each, ours, page=batch.page) for each in results])

    def _look_again(self, judge: Settling, changes: Sequence[Mapping[str, Any]], *, fresh: bool) -> Settling:
        """See what stands where these changes belong, which are sent again since an answer was lost.

        Updates mostly find the contact that was ours: of many, only those are worth it that are to make one. Where the
        horizon is ``fresh``, its own ids tell what was made since, and a first load through bad hours is not held up
        by lists.
        """
        changes = [each for each in changes if each[KIND] != "adopt"]
        making = [each for each in changes if each[KIND] != "update"]
        if len(making) <= FEW < len(changes):
            changes = making
        sent = {
            each["@match"]: [each["payload"], *(call.fields for call in judge.calls.get(each["@match"], ()))]
            for each in changes
        }
        theirs = () if fresh and len(sent) > FEW else find_theirs(self._there, self._schema, sent)
        return judge.seeing(theirs, again=sent)

    def _recorded(self, answered: Answered) -> Collection[str]:
        """Record what became of a batch; return the keys of contacts that another source may have deleted since."""
        if answered.settled:
            self._see(max((each.id for each in answered.answer.outcomes if _was_made(each)), default=0))
            return self._state.journal.record(answered.settled)
        self._state.journal.unmark(answered.batch.entries)
        return ()

    def _tell(self, answered: Answered, doubtful: Collection[str]) -> None:
        """Count what was recorded; a batch that never left this machine is none."""
        page, answer = answered.batch.page, answered.answer
        self._failed_in_a_row = self._failed_in_a_row + 1 if answer.failure else 0
        self._done.failure = answer.failure or self._done.failure
        if not answered.settled:
            return
        for change, outcome in zip(page, answer.outcomes, strict=True):
            self._note(change, None if change["@key"] in doubtful else outcome)
        log.info(
            "batch", source=self._source, rows=len(page), accepted=sum(isinstance(o, Accepted) for o in answer.outcomes)
        )
        self._advance(len(page))

    def _alone(self, change: dict[str, Any]) -> Any:
        """Mark, call and record one change; return its outcome, None if another source has its contact in hand."""
        batch = self._turn((), [change])
        if not batch.page:
            return None
        answered = self._call(batch)
        self._turn([answered])
        if answered.answer.failure and not isinstance(answered.answer.failure, TargetUnavailable):
            raise answered.answer.failure
        return answered.answer.outcomes[0]

    def _advance(self, changes: int) -> None:
        self._sent += changes
        self._progress(self._sent)

    def _note(self, change: Mapping[str, Any], outcome: Any) -> None:
        if takes_fields_away(change, outcome):
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
        displaced = self._state.holdings.displaced(self._source)
        for page in batches(plan.upserts().filter(pl.col(BEFORE).is_not_null()), BATCH):
            for change in page:
                extra = unmentioned(change, self._schema.names)
                if not extra or change[KIND] == "move":  # a new contact has none of them, whatever an update does
                    continue
                if change["@key"] in displaced:  # nor has one that another was sent in the place of
                    continue
                outcome = self._alone({**change, "payload": change["after"], "expected": extra})
                if not isinstance(outcome, Accepted):
                    return "replace", change["@key"]
                lost = any(not outcome.fields.get(name) for name in extra)
                treatment = "replace" if lost else "merge"
                self._state.facts.update_semantics.set(treatment)
                log.info("learned how the target treats unmentioned fields", update=treatment)
                if lost:
                    self._alone({**change, "payload": {**extra, **change["after"]}})
                return treatment, change["@key"]
        return "merge", None


def _was_made(outcome: Any) -> TypeGuard[Accepted]:
    """Whether the target made a contact of the row."""
    return isinstance(outcome, Accepted) and outcome.action == "created"


def _was_known(outcome: Any) -> TypeGuard[Accepted]:
    """Whether the target took the row for a contact that was there."""
    return isinstance(outcome, Accepted) and outcome.action != "created"
