"""Carries a plan out: mark, call, record, batch by batch, the oldest activities first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import polars as pl

from syncd.activity.delivering.items import Items, Work, adopted, moment_of, untried
from syncd.activity.delivering.report import SinkReport
from syncd.activity.delivering.session import DeliverySession
from syncd.activity.delivering.subjects import Subjects
from syncd.activity.store.deliveries import Marked
from syncd.core.activity.delivering.gates import UNKNOWN
from syncd.core.activity.delivering.plan import PASSED, SOUGHT, Before
from syncd.core.activity.delivering.settled import DOUBT, LOOKS, Answer, Said, Settled, settle, shown_by
from syncd.core.activity.observations import Kind
from syncd.errors import (
    SinkError,
)
from syncd.sink import Sink, Wants, as_sink_errors

_NOTHING = Before("waiting")

_SILENCE = Answer()


@dataclass(slots=True)
class Carrying:
    """``todo``: the changes (:data:`syncd.core.activity.delivering.gates.CHANGES`), in order.

    ``items``: makes them. ``begin``: is called in the transaction that marks the first batch. ``lost``: of what was
    sent up to then there may be no note, in Unix seconds. ``touched``: whether what gates hold has changed.
    ``is_done``: everything was sent.
    """

    session: DeliverySession
    sink: Sink
    wants: Wants
    subjects: Subjects
    report: SinkReport
    items: Items
    begin: Callable[[], object]
    lost: float = 0.0
    touched: bool = False
    is_done: bool = False
    done: int = 0
    settled: list[tuple[str, str, Settled]] = field(default_factory=list)

    def carry_out(self, todo: pl.DataFrame) -> None:
        """Send everything.

        Raises:
            SinkError: the sink cannot be written to; what it was sent before is recorded.
            Stopped: the process was asked to stop.
        """
        early = todo.filter((pl.col("change") == "create") & (pl.col("at") <= self.lost))
        unsure, older = self._unsure(early), frozenset(early.get_column("identity"))
        for works in self._batches(todo):
            batch = [untried(each) if each.item.identity in older else each for each in works]
            if self.session.stopping.is_set():
                self._flush()
            self.session.halt_if_asked()
            self._send(self._sought(batch, unsure), todo.height)
        self._flush()
        self.is_done = True

    def foresee(self, changes: pl.DataFrame, outcome: str) -> None:
        """Put changes that are not sent into the book."""
        book, name = self.session.book, self.sink.name
        # A screen shows of what is held only how much it is, and there may be a hundred thousand of it.
        if outcome == "held" and book.write is None:
            return
        for part in changes.iter_slices(100):
            if not book.wants(name):
                return
            for each in self.items.of(part):
                book.take(name, each.item, outcome, held=outcome == "held")

    def _batches(self, todo: pl.DataFrame) -> Iterator[list[Work]]:
        if self.wants.days:
            yield from self._days(todo)
            return
        yield from (self.items.of(part) for part in todo.iter_slices(self.wants.batch))

    def _days(self, todo: pl.DataFrame) -> Iterator[list[Work]]:
        """Yield whole days: what has changed of each, and the records that the sink has of it already."""
        deliveries, sink = self.session.store.deliveries, self.sink.name
        for (kind,), mine in todo.partition_by("kind", as_dict=True, maintain_order=True).items():
            changes = {identity: (change, day) for identity, change, day in _changes(mine)}
            # What has moved to another day leaves its old one first: a double would stay for ever.
            moved = deliveries.days_of(sink, kind, mine.get_column("key").to_list())
            for day in dict.fromkeys([*moved, *mine.get_column("day")]):
                keys = mine.filter(pl.col("day") == day).get_column("key").to_list()
                known = deliveries.keys_of_day(sink, kind, day)
                works = self.items.these(kind, list(dict.fromkeys([*keys, *known])), changes)
                whole = [each for each in works.values() if each.item.day == day]
                if self._is_whole(kind, known, works):
                    yield sorted(whole, key=moment_of)
                else:
                    self._refuse([each for each in whole if each.is_sent])

    def _is_whole(self, kind: Kind, known: Sequence[str], works: Mapping[str, Work]) -> bool:
        """Return whether all is here that the sink has of a day: it must not lose what was removed here."""
        return all(f"{kind}:{key}" in works for key in known)

    def _refuse(self, works: Sequence[Work]) -> None:
        reason = "the day is not written again: something of it was removed here"
        for each in works:
            self._settle(each, Answer("rejected", each.sent.remote_id, reason=reason))

    def _unsure(self, creates: pl.DataFrame) -> frozenset[str]:
        """Return those of the creates whose notes may be lost of which the sink is asked whether it has them."""
        if self.subjects.can.idempotent or not self.wants.finds:
            return frozenset()
        # What a person let pass since goes on, but for what is let pass after a look.
        return frozenset(creates.filter(pl.col("reason") != PASSED).get_column("identity"))

    def _sought(self, batch: list[Work], unsure: frozenset[str]) -> list[Work]:
        """Adopt the records that the sink has already, of what it may have."""
        creates = [each for each in batch if each.item.change == "create"]
        asked = [each for each in creates if each.reason == SOUGHT or each.item.identity in unsure]
        if not asked:
            return batch
        new = [(each.item.kind, each.key, each.item.day) for each in asked if each.noted is None]
        self.session.store.deliveries.seek(self.sink.name, new)
        found: Mapping[str, str | None] = {}
        # Its options may have changed since.
        if self.wants.finds:
            with as_sink_errors():
                found = self.sink.find([each.item for each in asked])
        names = {each.item.identity for each in asked}
        known = [self._known(each, found) if each.item.identity in names else each for each in batch]
        return [each for each in known if each is not None]

    def _known(self, each: Work, found: Mapping[str, str | None]) -> Work | None:
        """Return how a create is sent of which the sink was asked; None if it is not sent."""
        identity = each.item.identity
        if identity not in found:
            # The sink cannot tell, so it may have the record: a person looks there.
            self.settled.append((each.item.kind, each.key, _as_before(each)._replace(status="held", reason=DOUBT)))
            self.touched = True
            return None
        remote_id = found[identity]
        if remote_id is None:
            return self._missed(each)
        if self.subjects.can.rewrites(each.item.kind, self.subjects.rules):
            return adopted(each, remote_id)
        self._settle(each, Answer("accepted", remote_id, missing=(), was_there=True))
        return None

    def _missed(self, each: Work) -> Work | None:
        """Return a create that the sink does not have; None as long as it may not show what it has."""
        until = shown_by(self.lost)
        if until <= self.session.clock():
            return each
        before = _as_before(each)
        late = before._replace(status="waiting", attempts=max(1, before.attempts), next_try=until)
        self.settled.append((each.item.kind, each.key, late))
        return None

    def _send(self, batch: list[Work], total: int) -> None:
        store, sink, now = self.session.store, self.sink.name, self.session.clock()
        marked = [self._marked(each, now) for each in batch if each.is_sent]
        if not batch:
            return
        # Another process may have taken the sink over while this one stood still.
        self.session.leases.check()
        with store.write():
            if marked:
                self.begin()
            gone = store.deliveries.turn(sink, self.session.run, marked, self._taken())
        # A person may have erased a number since the batch was made.
        batch = [each for each in batch if (each.item.kind, each.key) not in gone]
        if not batch:
            return
        try:
            with as_sink_errors():
                outcomes = self.sink.deliver([each.item for each in batch])
        except SinkError as error:
            self._failed(batch, error)
            raise
        answers = {each.identity: each for each in outcomes}
        for each in batch:
            if each.is_sent:
                self._settle(each, answers.get(each.item.identity) or _SILENCE)
        self.done += len(marked)
        self.session.watcher.pushing(sink, self.done, total)

    def _marked(self, each: Work, now: float) -> Marked:
        is_open = self.subjects.can.idempotent or (each.noted is not None and each.noted.before.is_there)
        tried = None if each.item.change == "associate" else _dumped(each.sent.fields)
        next_try = 0.0 if is_open else now + LOOKS[0]
        return Marked(each.item.kind, each.key, tried, next_try, each.reason, each.item.day, each.parts)

    def _settle(self, each: Work, answer: Said) -> None:
        now = self.session.clock()
        noted = settle(each.sent, answer, self.subjects.can, now, run=self.session.run, created=each.created)
        left = [each for each in each.lacks if each not in noted.parts and each not in answer.missing]
        if noted.status == "accepted" and self.items.without_contacts and left:
            noted = noted._replace(status="held", reason=UNKNOWN)
        before = each.noted.before if each.noted else _NOTHING
        self.touched |= "held" in {before.status, noted.status}
        self.settled.append((each.item.kind, each.key, noted))
        self._count(each, answer, noted)

    def _count(self, each: Work, answer: Said, noted: Settled) -> None:
        report = self.report
        self.session.book.take(self.sink.name, each.item, noted.status if answer.status == "unknown" else answer.status)
        if answer.status == "accepted":
            report.counts[each.item.change] += 1
        report.unknown += noted.status == "pending"
        report.kept += len(answer.kept)
        report.missing += len(answer.missing)
        if answer.status == "rejected":
            report.reasons[answer.reason or "refused"] += 1

    def _failed(self, batch: Sequence[Work], error: SinkError) -> None:
        """Record that the outcome of a batch is unknown; or, if nothing was carried out, that all is as before."""
        for each in batch:
            if not each.is_sent:
                continue
            if error.in_doubt:
                self._settle(each, Answer())
            else:
                self.settled.append((each.item.kind, each.key, _as_before(each)))
        self._flush()

    def _flush(self) -> None:
        self.session.store.deliveries.turn(self.sink.name, self.session.run, [], self._taken())

    def _taken(self) -> list[tuple[str, str, Settled]]:
        taken, self.settled = self.settled, []
        return taken


def _dumped(fields: Mapping[str, Any]) -> str:
    return orjson.dumps(fields).decode() if fields else "{}"


def _changes(changes: pl.DataFrame) -> Iterator[tuple[str, str, str]]:
    return changes.select("identity", "change", "day").iter_rows()


def _as_before(each: Work) -> Settled:
    before = each.noted.before if each.noted else _NOTHING
    status = before.status if before.is_there or before.status in {"pending", "rejected"} else "waiting"
    return Settled(
        status="waiting" if status in {"accepted", "held"} else status,
        digest=each.sent.accepted_digest,
        fields=each.sent.accepted_fields or {},
        tried=each.item.tried or None,
        remote_id=before.remote_id,
        parts=before.parts,
        attempts=before.attempts,
        next_try=0.0,
        reason=before.reason,
        created=each.created,
    )
