"""Carries a plan out: mark, call, record.

Each batch is journalled as pending and committed, then sent, then its outcome is recorded and committed. So whatever
is lost (the call, its answer, this process), the ledger says what is unknown, and the next run sends it again. Upserts
come first and deletes last, and nothing is deleted that a contact claims.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import structlog

from syncd.changes import Index
from syncd.core.diff import BEFORE, KIND, field_changes
from syncd.core.plan import BATCH, Plan, batches
from syncd.core.schema import Schema
from syncd.errors import Stopped, SyncdError, TargetUnavailable
from syncd.state import State
from syncd.state.journal import Leftover, Settled
from syncd.target import Accepted, Refused, Target

log = structlog.get_logger()

FEW = 20
"""Up to so many contacts of unknown id are searched for one by one; for more, the target is listed."""

TREATMENT = "target.update"
"""The fact that says what an update does to fields that it does not mention: ``merge`` or ``replace``."""


@dataclass(slots=True)
class Pushed:
    """What became of a plan. ``counts``: accepted changes by kind. ``failure``: what ended the push early.

    ``unknown``: changes whose outcome is not known; the next run sends them again. ``kept``: deletes that wait
    because a call that may claim their contact is still unknown. ``tidied``: contacts that an earlier, interrupted
    run had left behind and that were deleted now.
    """

    counts: Counter[str] = field(default_factory=Counter)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    altered: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unknown: int = 0
    kept: int = 0
    tidied: int = 0
    failure: SyncdError | None = None


class Push:
    """One source's plan on its way to the target. Used once."""

    def __init__(
        self,
        *,
        run: str,
        source: str,
        state: State,
        target: Target,
        schema: Schema,
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
        self._ours = state.created_ids()
        self._horizon = state.horizon()
        self._doubted = {left.key: left.horizon for left in reversed(state.leftovers(source)) if left.id is None}

    def carry_out(self, plan: Plan) -> Pushed:
        """Send the plan's upserts, then its deletes; a failure ends it early and is in the result."""
        try:
            self._upsert(plan)
            self._delete(plan)
        except SyncdError as error:
            self._done.failure = error
        return self._done

    def _upsert(self, plan: Plan) -> None:
        changes = plan.upserts()
        treatment = self._state.fact(TREATMENT)
        if treatment is None:
            treatment, first = self._learn(plan)
            changes = changes.filter(~changes.get_column("@key").is_in([first])) if first else changes
        pages = (self._carrying(page, treatment) for page in batches(changes, BATCH))
        with ThreadPoolExecutor(self._in_flight, thread_name_prefix="push") as pool:
            self._keep_busy(pool, pages)

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
        entries = self._state.mark(self._run, self._source, page, horizon=self._horizon)
        answer = self._target.upsert_all([change["payload"] for change in page], self._schema)
        results = [] if answer.unsent else list(zip(page, entries, answer.outcomes, strict=True))
        if results:
            self._state.record([self._settled(*each, page=page, resent=answer.resent) for each in results])
        else:
            self._state.unmark(entries)
        with self._lock:
            for change, _, outcome in results:
                self._note(change, outcome)
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

    def _advance(self, changes: int) -> None:
        with self._lock:
            self._sent += changes
            self._progress(self._sent)

    def _settled(
        self,
        change: Mapping[str, Any],
        entry: Mapping[str, Any],
        outcome: Any,
        *,
        page: Sequence[Mapping[str, Any]],
        resent: bool,
    ) -> Settled:
        if isinstance(outcome, Refused):
            twin = change if outcome.twin is None else page[outcome.twin]
            folded = twin["@match"] != change["@match"] and twin["@match"].lower() == change["@match"].lower()
            return Settled(entry, "folded" if folded else "refused", reason=outcome.reason)
        if not isinstance(outcome, Accepted):
            return Settled(entry, "unknown")
        returned = self._returned(change, outcome.fields)
        return Settled(entry, "accepted", outcome.id, returned, adopted=self._was_there(change, outcome, resent=resent))

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

    def _was_there(self, change: Mapping[str, Any], outcome: Accepted, *, resent: bool) -> bool:
        """Whether the contact was at the target before any call of ours could have made it."""
        if outcome.id in self._ours:
            return False
        if change[KIND] == "adopt":
            return True
        if outcome.action != "updated":
            return False
        doubted = self._doubted.get(change["@key"])
        if doubted is None and not resent:
            return True
        return outcome.id <= (self._horizon if doubted is None else doubted)

    def _note(self, change: Mapping[str, Any], outcome: Any) -> None:
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
                extra = _unmentioned(change)
                if not extra or change[KIND] == "move":  # a new contact has none of them, whatever an update does
                    continue
                [outcome] = self._batch([{**change, "payload": change["after"], "expected": extra}])
                if not isinstance(outcome, Accepted):
                    return "replace", change["@key"]
                lost = any(not outcome.fields.get(name) for name in extra)
                treatment = "replace" if lost else "merge"
                self._state.learn(TREATMENT, treatment)
                log.info("learned how the target treats unmentioned fields", update=treatment)
                if lost:
                    self._done.counts[change[KIND]] -= 1
                    self._batch([{**change, "payload": {**extra, **change["after"]}}])
                return treatment, change["@key"]
        return "merge", None

    @staticmethod
    def _carrying(page: Sequence[dict[str, Any]], treatment: str) -> list[dict[str, Any]]:
        """Add what is sent: the contact's fields, and the target's values of the others where they would be lost.

        They would where an update replaces, and where a move makes a new contact.
        """
        return [
            {**each, "payload": {**_unmentioned(each), **each["after"]}}
            if treatment == "replace" or each[KIND] == "move"
            else {**each, "payload": each["after"]}
            for each in page
        ]

    def _delete(self, plan: Plan) -> None:
        changes = [change for page in batches(plan.deletes(), BATCH) for change in page]
        going = {change["@key"] for change in changes}
        again = self._state.pending_keys(self._source) - going
        left = [each for each in self._state.leftovers(self._source) if each.id or each.key not in again]
        if not changes and not left:
            return
        found = self._find([*self._unlocated(changes), *(each for each in left if each.id is None)])
        ids = {change["@key"]: change["@id"] or found.get(change["@match"]) for change in changes}
        wanted = {id_ for id_ in ids.values() if id_}
        remains = {each.change: each.id or found.get(each.match) for each in left}
        claimed, open_ = self._state.claimed(
            {*wanted, *(id_ for id_ in remains.values() if id_)},
            {change["@match"] for change in changes} | {each.match for each in left},
            going={self._source: going},
        )
        waiting = [change for change in changes if change["@match"] in open_]
        self._done.kept = len(waiting)
        ready = [change for change in changes if change["@match"] not in open_]
        self._delete_contacts(ready, ids, claimed)
        tidy = [each for each in left if each.id is not None or each.match not in open_]
        self._tidy(tidy, remains, claimed)

    def _unlocated(self, changes: Iterable[Mapping[str, Any]]) -> list[Leftover]:
        """What may be there without our knowing its id; of a contact that was only ever refused, nothing is."""
        doubted = self._doubted
        return [
            Leftover(0, each["@key"], "create", each["@match"], None, {}, doubted[each["@key"]])
            for each in changes
            if each["@id"] is None and each["@key"] in doubted
        ]

    def _find(self, wanted: Sequence[Leftover]) -> dict[str, int]:
        """Find contacts that calls of unknown outcome made: search is a hint, equal match values are the proof.

        A contact whose id was known before the call is somebody else's and is not returned.
        """
        matches = {each.match for each in wanted}
        if not matches:
            return {}
        if len(matches) > FEW:
            remotes = list(self._target.contacts())
        else:
            remotes = [remote for match in matches for remote in self._target.search(self._hint(match))]
        ids = self._ids(remotes)
        if len(matches) <= FEW and not matches <= ids.keys():  # a hint may miss what is there
            ids = self._ids(list(self._target.contacts()))
        return {each.match: ids[each.match] for each in wanted if each.match in ids and ids[each.match] > each.horizon}

    def _ids(self, remotes: Sequence[Any]) -> dict[str, int]:
        return dict(Index(lambda: remotes, self._schema).read().select("@match", "@id").iter_rows())

    @staticmethod
    def _hint(match: str) -> str:
        return max((part.split(";")[0] for part in match.split("\x1f")), key=len)

    def _delete_contacts(
        self, changes: Sequence[Mapping[str, Any]], ids: Mapping[str, int | None], claimed: set[int]
    ) -> None:
        free = [change for change in changes if ids[change["@key"]] and ids[change["@key"]] not in claimed]
        free_keys = {change["@key"] for change in free}
        handed_over = [change for change in changes if change["@key"] not in free_keys]
        if handed_over:
            self._state.record_deletes(self._state.mark_deletes(self._run, self._source, handed_over))
            self._done.counts["delete"] += len(handed_over)
        for start in range(0, len(free), BATCH):
            self._halt_if_asked()
            page = free[start : start + BATCH]
            entries = self._state.mark_deletes(self._run, self._source, page)
            answer = self._target.delete_all([ids[change["@key"]] or 0 for change in page])
            if answer.unsent and answer.failure:
                self._state.unmark(entries)
                raise answer.failure
            gone, refused = [], []
            for change, entry in zip(page, entries, strict=True):
                id_ = ids[change["@key"]] or 0
                outcome = answer.fates[id_]
                if outcome == "deleted":
                    gone.append(entry)
                elif outcome == "refused":
                    refused.append((entry, answer.reasons.get(id_, "the target refused to delete it")))
                else:
                    self._done.unknown += 1
            self._state.record_deletes(gone, refused)
            self._done.counts["delete"] += len(gone)
            self._done.rejected += [{"key": entry["key"], "reason": reason} for entry, reason in refused]
            log.info("batch deleted", source=self._source, rows=len(page), deleted=len(gone))
            self._advance(len(page))
            if answer.failure:
                raise answer.failure

    def _tidy(self, left: Sequence[Leftover], remains: Mapping[int, int | None], claimed: set[int]) -> None:
        """Delete what moves and lost answers left at the target, and close their journal entries."""
        settled = [each.change for each in left if not remains[each.change] or remains[each.change] in claimed]
        self._state.settle(settled, "superseded")
        owned = [each for each in left if each.change not in set(settled)]
        for start in range(0, len(owned), BATCH):
            self._halt_if_asked()
            page = owned[start : start + BATCH]
            answer = self._target.delete_all(sorted({remains[each.change] or 0 for each in page}))
            done = [each for each in page if answer.fates[remains[each.change] or 0] == "deleted"]
            self._state.settle([each.change for each in done], "accepted")
            self._done.tidied += sum(each.id is None for each in done)
            if len(done) < len(page):
                self._done.unknown += len(page) - len(done)
            if answer.failure:
                raise answer.failure

    def _halt_if_asked(self) -> None:
        if self._stopping.is_set():
            raise Stopped("asked to stop; what was begun is recorded, the rest waits for the next run")


def _unmentioned(change: Mapping[str, Any]) -> dict[str, str]:
    """The target's last known values of fields that the contact does not name."""
    return {name: value for name, value in change["before"].items() if value and name not in change["after"]}
