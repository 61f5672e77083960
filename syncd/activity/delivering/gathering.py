"""Gathers what may have to be delivered to one sink, and has the core decide about each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import polars as pl

from syncd.activity.delivering.session import DeliverySession
from syncd.activity.delivering.subjects import Row, Subject, Subjects
from syncd.activity.store.deliveries import Noted
from syncd.core.activity.delivering.gates import CHANGES, UNKNOWN, Share
from syncd.core.activity.delivering.plan import CHANGES as SENT
from syncd.core.activity.delivering.plan import Before, Candidate, decide
from syncd.core.activity.instants import day_of
from syncd.core.activity.observations import Kind
from syncd.core.activity.sent import digest_of
from syncd.sink import Sink

KINDS: tuple[Kind, ...] = ("call", "message")

WEEK = 7 * 86_400.0

Waiting = tuple[str, str, float, str | None, str | None]
"""Kind, key, when it is due, why, and its day, as ``deliveries.note`` takes it."""


@dataclass(slots=True)
class Gathered:
    """What was decided.

    ``changes``: frames of :data:`syncd.core.activity.delivering.gates.CHANGES`. ``waiting``: what is to be noted as not
    due yet. ``forgotten``, ``restored``, ``resting``: keys by kind of deliveries that are not wanted any more, of
    records about which there is nothing to do any more, and of what stays in doubt for good. ``counts``: of all
    decisions. ``new_waiting``: how many did not wait before. ``share``, ``recent``: how many numbers are unknown, of
    all and of those of a week.
    """

    changes: list[pl.DataFrame] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    forgotten: dict[Kind, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    restored: dict[Kind, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    resting: dict[Kind, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    counts: Counter[str] = field(default_factory=Counter)
    share: Share = field(default_factory=Share)
    recent: Share = field(default_factory=Share)
    new_waiting: int = 0

    def frame(self) -> pl.DataFrame:
        """Return the changes as one frame."""
        # What comes twice was looked at twice: the later look knows more.
        return pl.concat([pl.DataFrame(schema=CHANGES), *self.changes]).unique("identity", keep="last")


@dataclass(frozen=True, slots=True)
class Gathering:
    """``since``: the revision up to which everything was seen. ``gates``: whose lists are looked at once more.

    ``passing``: gates whose lists a person approved, with the reason that lets them pass; only a dry run has any, since
    a run notes it first. ``within``: what is of this span of Unix seconds is looked at in place of what has changed,
    and counts as changed.
    """

    session: DeliverySession
    sink: Sink
    subjects: Subjects
    since: int
    gates: Sequence[str] = ()
    passing: Mapping[str, str] = field(default_factory=dict)
    within: tuple[float, float] | None = None

    def gather(self) -> Gathered:
        """Return what is to be done."""
        into = Gathered()
        for kind in KINDS:
            for page in self._pages(kind, into):
                self.session.halt_if_asked()
                self._decide(kind, page, into)
        return into

    def gather_more(self, into: Gathered, since: int) -> None:
        """Decide once more about what has changed since a revision."""
        for kind in KINDS:
            for page in self.subjects.changed(kind, since):
                self._decide(kind, page, into)

    def _pages(self, kind: Kind, into: Gathered) -> Iterator[list[Subject]]:
        if self.within is not None:
            yield from self.subjects.within(kind, self.within)
            return
        yield from self.subjects.changed(kind, self.since)
        now, deliveries = self.session.clock(), self.session.store.deliveries
        gates = [*self.gates, *self.passing]
        for keys in deliveries.due(self.sink.name, kind, now, eager=self.session.eager, gates=gates):
            found = self.subjects.these(kind, keys)
            yield found
            # What is not known any more would be due for ever.
            known = {each.key for each in found}
            into.forgotten[kind] += [key for key in keys if key not in known]

    def _decide(self, kind: Kind, page: Sequence[Subject], into: Gathered) -> None:
        noted = self.session.store.deliveries.of(self.sink.name, kind, [each.key for each in page])
        rows = self._rows(page, noted)
        now, changes = self.session.clock(), []
        for each in page:
            known = noted.get(each.key)
            before = self._passed(known.before) if known else None
            row = rows.get(each.identity)
            candidate = Candidate(
                kind=kind,
                due=each.due,
                is_kept=each.is_kept,
                is_wanted=self.subjects.where.sql is None or row is not None,
                digest=None if row is None or before is None else self._digest(row, before),
                contacts=each.contacts,
                before=before,
            )
            changes += self._take(each, candidate, now, into)
        if changes:
            into.changes.append(pl.DataFrame(changes, schema=CHANGES, orient="row"))

    def _digest(self, row: Row, before: Before) -> int:
        # In a replay nothing is as it was.
        return before.digest + 1 if self.within is not None else digest_of(self.sink.render(row))

    def _rows(self, page: Sequence[Subject], noted: Mapping[str, Noted]) -> Mapping[str, Row]:
        """Return the rows that are needed for a decision: of what has a record, or of all if there is a condition."""
        is_judged = self.subjects.where.sql is not None
        return self.subjects.rows(
            each
            for each in page
            if each.is_kept and each.due is not None and (is_judged or self._is_compared(noted.get(each.key)))
        )

    @staticmethod
    def _is_compared(noted: Noted | None) -> bool:
        return noted is not None and (noted.before.is_there or noted.before.status == "rejected")

    def _passed(self, before: Before) -> Before:
        reason = self.passing.get(before.reason or "") if before.status == "held" else None
        return before._replace(status="waiting", reason=reason) if reason else before

    def _take(self, subject: Subject, each: Candidate, now: float, into: Gathered) -> list[tuple[object, ...]]:
        """Put the decision into ``into``; return it as a row of a frame if it is a change."""
        before, kind = each.before, subject.kind
        do = decide(each, self.subjects.can, self.subjects.rules, now)
        if subject.outcome in {"matched", "shared", "unknown", "person"}:
            # What waits since many numbers were unknown has a contact: it says nothing of the numbers of now.
            if before is None or (before.status, before.reason) != ("held", UNKNOWN):
                into.share = into.share.plus(is_unknown=subject.outcome == "unknown")
            if subject.at >= now - WEEK:
                into.recent = into.recent.plus(is_unknown=subject.outcome == "unknown")
        if do in SENT:
            status, reason = (before.status, before.reason or "") if before else ("", "")
            lacks = bool(each.missing) and self.subjects.can.associates
            day = day_of(subject.at)
            return [(subject.identity, kind, subject.key, do, subject.at, day, lacks, status, reason)]
        into.counts[do] += 1
        if do == "waiting" and each.due is not None:
            if before is None or (before.status, before.next_try) != ("waiting", each.due):
                into.new_waiting += before is None or before.status != "waiting"
                why = before.reason if before and before.status == "waiting" else None
                into.waiting.append((kind, subject.key, each.due, why, day_of(subject.at)))
        elif do == "forget":
            into.forgotten[kind].append(subject.key)
        elif do == "rest":
            into.resting[kind].append(subject.key)
        elif do == "unchanged" and before is not None and before.status in {"held", "waiting", "pending"}:
            into.restored[kind].append(subject.key)
        return []


def pages(keys: Sequence[str], size: int = 500) -> Iterator[list[str]]:
    """Yield keys, some at a time."""
    left = iter(keys)
    while page := list(islice(left, size)):
        yield page
