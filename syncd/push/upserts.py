"""Carries a plan out: mark, call, record.

Each batch is journalled as pending and committed. Then it is sent, and its outcome is recorded and committed. So
whatever is lost (the call, its answer, this process), the ledger says what is unknown, and the next run sends it again.
Upserts come first and deletes last, and no contact is deleted that another key claims.

Several batches are in flight at once, each in a thread that sends the batch and judges the answer. One thread alone
writes to the state: it records answers and marks the next batch in one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import polars as pl
import structlog

from syncd.core.change import Call, CarriedOut, Change
from syncd.core.compare import KIND, field_changes
from syncd.core.outcomes import Accepted, Outcome, Refused, takes_fields_away
from syncd.core.ownership import Evidence, calls_by_match
from syncd.core.plan import BATCH, Plan, batches
from syncd.errors import StateError, Stopped, SyncdError, TargetUnavailable
from syncd.plan.field_history import open_calls
from syncd.push.deletes import Removal
from syncd.push.in_flight import Batch, BatchAnswer, CallsInFlight
from syncd.push.result import PushJob, PushResult, settle
from syncd.push.unmapped_fields import UnmappedFields
from syncd.push.update_probe import probe_update
from syncd.state.journal import Settled
from syncd.state.leaving.deletions import Rivals
from syncd.target.lookup import FEW, SharedList, find_persons

log = structlog.get_logger()


class Push:
    """One source's plan on its way to the target. Used once."""

    def __init__(self, job: PushJob) -> None:
        self._job = job
        self._state = job.session.state
        self._result = job.result
        self._list = SharedList(job.session.target)
        self._failed_in_a_row = 0
        self._sent, self._planned = 0, 0
        self._origins: Sequence[str] = ()
        self._rivals = Rivals(job.source, job.since)
        self._highest_known_id, self._fresh = job.session.state.holdings.highest_known_id(), job.listed
        calls = calls_by_match(open_calls(job.session.state, job.schema, given_up=True))
        self._evidence = Evidence(job.schema, calls, self._highest_known_id)

    def carry_out(self, plan: Plan) -> PushResult:
        """Send the plan's upserts, then its deletes; a failure ends it early and is in the result."""
        self._planned, self._origins = plan.todo.height, plan.origins
        try:
            self._upsert(plan)
            deletes = [change for page in batches(plan.deletes(), BATCH) for change in page]
            Removal(self._job, self._advance).carry_out(deletes)
        except SyncdError as error:
            self._result.failure = error
        return self._result

    def _upsert(self, plan: Plan) -> None:
        changes = plan.upserts()
        self._look_at_doubted(changes)
        # It takes an update to learn this. Until then each run with an update tries, with a call for one contact.
        semantics = self._state.facts.update_semantics.get()
        if semantics is None:
            semantics, first = probe_update(self._job, plan, self._send_alone)
            changes = changes.filter(~pl.col("@key").is_in([first])) if first else changes
        unmapped = UnmappedFields(self._job, semantics)
        listed = sum(map(self._state.ledger.known, self._job.session.settings.sources)) // BATCH
        unmapped.look(plan, self._list, pages=listed)
        # Lazily: a batch of changes becomes Python objects only when there is room for another call.
        pages = map(unmapped.calls, batches(changes, BATCH))
        with ThreadPoolExecutor(self._job.session.settings.target.in_flight, thread_name_prefix="push") as pool:
            self._keep_busy(pool, pages)

    def _look_at_doubted(self, changes: pl.DataFrame) -> None:
        """Look at the contacts that earlier lost calls may have made: after an upsert nobody can tell who made them."""
        known = list(self._evidence.calls)
        here = changes.filter(pl.col("@match").is_in(known) & (pl.col(KIND) != "adopt")).get_column("@match")
        sent = {match: self._evidence.sent(match) for match in here}
        self._evidence = self._evidence.seeing(find_persons(self._list, self._job.schema, sent))

    def _keep_busy(self, pool: ThreadPoolExecutor, pages: Iterator[list[Call]]) -> None:
        """Keep ``in_flight`` batches on their way; two failures in a row, or a refused key, end the work.

        All answers are recorded, whatever ends the work.
        """
        in_flight, through = CallsInFlight(), True
        try:
            for page in pages:
                answered = in_flight.next() if len(in_flight) >= self._job.session.settings.target.in_flight else []
                if in_flight.defect or self._ends_with(answered):
                    self._turn(answered)
                    through = False
                    break
                batch = self._turn(answered, page)
                if batch.calls:
                    in_flight.add(pool.submit(self._call, batch))
        finally:
            while in_flight:
                self._turn(in_flight.next())
        if error := in_flight.defect or self._result.failure:
            raise error
        if not through:
            raise Stopped("asked to stop; the batches under way are recorded, the rest waits for the next run")

    def _ends_with(self, answered: Sequence[BatchAnswer]) -> bool:
        """Whether no further batch is sent after these answers."""
        failures = [each.answer.failure for each in answered]
        # One failure may be an accident. Two in a row are an outage, in which more batches would only become pending.
        in_a_row = self._failed_in_a_row
        for failure in failures:
            in_a_row = in_a_row + 1 if failure else 0
        hopeless = any(failure and not isinstance(failure, TargetUnavailable) for failure in failures)
        return hopeless or in_a_row >= 2 or self._job.session.stopping.is_set()

    def _turn(self, answered: Sequence[BatchAnswer], page: Sequence[Call] = ()) -> Batch:
        """Record answers and mark what is to be sent next, in one transaction; return what was marked."""
        try:
            with self._state.write():
                doubtful = [self._record(each) for each in answered]
                batch = self._mark(page) if page else Batch()
        except StateError:
            # The disk may be full. Answers need less room than a new batch, so they are recorded without it.
            if page:
                self._turn(answered)
            raise
        for each, keys in zip(answered, doubtful, strict=True):
            self._count(each, keys)
        self._result.kept += len(page) - len(batch.calls)
        return batch

    def _mark(self, page: Sequence[Call]) -> Batch:
        """Mark a page, without contacts that another source has in hand: a later run sees what became of those."""
        self._see(self._list.highest)
        highest = self._highest_known_id
        changes = [call.change for call in page]
        entries = self._state.journal.mark(
            self._job.session.run,
            self._job.source,
            changes,
            highest_known_id=highest,
            rivals=self._rivals,
            origins=self._origins,
        )
        if len(entries) < len(page):
            marked = {entry.key for entry in entries}
            page = [call for call in page if call.change.key in marked]
        return Batch(page, entries, highest, self._fresh)

    def _see(self, highest: int) -> None:
        """Note the highest id that is at the target now (0: none was seen)."""
        if highest:
            self._highest_known_id, self._fresh = max(self._highest_known_id, highest), True

    def _call(self, batch: Batch) -> BatchAnswer:
        """Send a batch that was marked. Several threads are in here at once, so it writes nothing."""
        evidence = replace(self._evidence, highest_known_id=batch.highest_known_id)

        def look(rows: Sequence[int]) -> None:
            nonlocal evidence
            evidence = self._look_again(evidence, [batch.calls[row] for row in rows], fresh=batch.fresh)

        payloads = [call.payload for call in batch.calls]
        answer = self._job.session.target.upsert_all(payloads, self._job.schema, look)
        if answer.unsent:
            return BatchAnswer(batch, answer)
        if batch.fresh:
            # A batch that was refused as a whole may have been carried out in part all the same.
            evidence = evidence.seeing((), resent={batch.calls[row].change.match for row in answer.resent})
        accepted = [each for each in answer.outcomes if isinstance(each, Accepted)]
        ours = self._state.holdings.ours_among([each.id for each in accepted if each.action != "created"])
        held = self._state.holdings.held(_met_by_creates(batch, answer.outcomes))
        settled = tuple(settle(batch, answer.outcomes, evidence, ours, held, self._job.seen))
        return BatchAnswer(batch, answer, settled, self._met(batch, settled))

    def _look_again(self, evidence: Evidence, calls: Sequence[Call], *, fresh: bool) -> Evidence:
        """See what stands where these calls belong, which are sent again since an answer was lost."""
        calls = [each for each in calls if each.change.kind != "adopt"]
        # Updates mostly find the contact that was ours. If there are many, only calls that make contacts are worth it.
        making = [each for each in calls if each.change.kind != "update"]
        if len(making) <= FEW < len(calls):
            calls = making
        sent = {each.change.match: [each.payload, *evidence.sent(each.change.match)] for each in calls}
        # With a fresh highest id, ids alone tell what was made since: a first load lists nothing after lost answers.
        persons = () if fresh and len(sent) > FEW else find_persons(self._list, self._job.schema, sent)
        return evidence.seeing(persons, resent=sent)

    def _record(self, answered: BatchAnswer) -> Collection[str]:
        """Record what became of a batch; return the keys of contacts that another source may have deleted since."""
        if answered.settled:
            accepted = [each for each in answered.answer.outcomes if isinstance(each, Accepted)]
            self._see(max((each.id for each in accepted if each.action == "created"), default=0))
            return self._state.journal.record(answered.settled)
        self._state.journal.unmark(answered.batch.entries)
        return ()

    def _count(self, answered: BatchAnswer, doubtful: Collection[str]) -> None:
        """Count what was recorded; a batch that never left this machine does not count."""
        calls, answer = answered.batch.calls, answered.answer
        self._failed_in_a_row = self._failed_in_a_row + 1 if answer.failure else 0
        self._result.failure = answer.failure or self._result.failure
        if not answered.settled:
            return
        for call, outcome, settled in zip(calls, answer.outcomes, answered.settled, strict=True):
            sure = None if call.change.key in doubtful else outcome
            # A contact that lost fields is sent again at once, and that call is counted.
            if not takes_fields_away(call, sure):
                self._note(call.change, sure, settled.otherwise or answered.met.get(call.change.key))
        accepted = sum(isinstance(outcome, Accepted) for outcome in answer.outcomes)
        log.info("batch", source=self._job.source, rows=len(calls), accepted=accepted)
        self._advance(len(calls))

    def _send_alone(self, call: Call) -> Outcome | None:
        """Mark, send and record one call; return its outcome, None if another source has its contact in hand."""
        batch = self._turn((), [call])
        if not batch.calls:
            return None
        answered = self._call(batch)
        self._turn([answered])
        if answered.answer.failure and not isinstance(answered.answer.failure, TargetUnavailable):
            raise answered.answer.failure
        return answered.answer.outcomes[0]

    def _advance(self, changes: int) -> None:
        self._sent += changes
        self._job.session.watcher.pushing(self._job.source, self._sent, self._planned)
        self._job.session.note_progress(self._job.source)

    def _met(self, batch: Batch, settled: Sequence[Settled]) -> Mapping[str, CarriedOut]:
        """Return, by key, what persons' contacts held that moves and updates came upon."""
        changes = [call.change for call in batch.calls]
        came = [
            (change, each.id)
            for change, each in zip(changes, settled, strict=True)
            if each.adopted and each.id and each.id != change.id and change.kind in ("move", "update")
        ]
        # A contact that another key has or had, as in a swap, is not met.
        known = self._state.holdings.known_ids([id_ for _, id_ in came]) if came else ()
        return {change.key: CarriedOut(change.kind, self._job.seen(id_)) for change, id_ in came if id_ not in known}

    def _note(self, change: Change, outcome: Outcome | None, otherwise: CarriedOut | None) -> None:
        if isinstance(outcome, Accepted):
            self._result.counts[otherwise.kind if otherwise else change.kind] += 1
            if otherwise:
                self._result.otherwise[change.key] = outcome.id, otherwise
            same = outcome.fields == change.after
            altered = {} if same else field_changes(outcome.fields, change.after, self._job.schema.phones)
            if altered:
                fields = {name: {"sent": each["new"], "returned": each["old"]} for name, each in altered.items()}
                self._result.altered.append({"key": change.key, "id": outcome.id, "fields": fields})
        elif isinstance(outcome, Refused):
            self._result.rejected.append({"key": change.key, "reason": outcome.reason})
        else:
            self._result.unknown += 1


def _met_by_creates(batch: Batch, outcomes: Sequence[Outcome]) -> list[int]:
    """Return the ids of contacts that were there before the creates of the batch."""
    return [
        outcome.id
        for call, outcome in zip(batch.calls, outcomes, strict=True)
        if isinstance(outcome, Accepted) and call.change.kind == "create" and outcome.action != "created"
    ]
