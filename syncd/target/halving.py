"""Sending what was not proved again: in halves down to single rows, in as few calls as that takes.

One bad row never costs the others, and nothing that is known is lost when a call fails: the failure is returned with
what is known by then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from syncd.core.outcomes import Accepted, Outcome, Refused, Unknown, without_twins
from syncd.core.schema import Schema
from syncd.errors import SyncdError, TargetUnavailable

_LOST_ANSWERS = 5  # unreadable answers in a row: no smaller batch will help
_UNPROVED = 3  # single rows in a row that stay unknown: no answer of this target proves anything
_LOOK_AFTER = 19  # deletes: what one bad id of 500 costs in halves; more of them are better looked up


@dataclass(frozen=True, slots=True)
class UpsertAnswer:
    """One call's outcomes, one for each row sent.

    ``undone``: the rows that are Unknown were not carried out, as where the batch was refused as a whole.
    ``unreadable`` says what came instead of an answer that tells of rows, or "".
    """

    outcomes: tuple[Outcome, ...]
    status: int
    undone: bool = False
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of all rows: their outcomes, the calls made, and the error that ended the work early, if any.

    ``unsent``: nothing has reached the target. ``resent``: the positions of rows that were sent by more than one call.
    """

    outcomes: tuple[Outcome, ...]
    calls: int
    failure: SyncdError | None = None
    unsent: bool = False
    resent: frozenset[int] = frozenset()


Fate = Literal["deleted", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class DeleteAnswer:
    """One call's answer: each id that is proved gone, or the refusal. ``reason`` holds no contact's data."""

    gone: frozenset[int]
    status: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Deleted:
    """What became of all ids, the reasons of those refused, the calls, and the error that ended the work early.

    ``unsent``: nothing has reached the target.
    """

    fates: Mapping[int, Fate]
    reasons: Mapping[int, str]
    calls: int
    failure: SyncdError | None = None
    unsent: bool = False


Look = Callable[[Sequence[int]], None]
"""Sees what stands at the target where these rows, by their positions, belong."""


class Upserts(Protocol):
    """What :class:`syncd.target.contacts.Target` does for rows."""

    def upsert(
        self, contacts: Sequence[Mapping[str, str]], schema: Schema, again: Callable[[], None] | None = None
    ) -> UpsertAnswer: ...


class Deletes(Protocol):
    """What :class:`syncd.target.contacts.Target` does for ids."""

    def delete(self, ids: Sequence[int]) -> DeleteAnswer: ...

    def ids(self, *, most: int) -> frozenset[int] | None: ...


class Upserting:
    """The work of one ``upsert_all``. Rows are known by their position."""

    def __init__(self, target: Upserts, contacts: Sequence[Mapping[str, str]], schema: Schema, look: Look) -> None:
        self._target = target
        self._contacts = contacts
        self._schema = schema
        self._look = look
        self._looked_at: set[int] = set()
        self._made: set[int] = set()
        self._sent: set[int] = set()
        self._resent: set[int] = set()
        self._outcomes: list[Outcome] = [Unknown("not answered")] * len(contacts)
        self._groups = [list(range(len(contacts)))]
        self._calls = 0
        self._unreadable = 0
        self._unproved = 0
        self._failure: SyncdError | None = None

    def run(self) -> Upserted:
        while self._groups and not self._failure:
            self._send(self._groups.pop())
        self._settle_twins()
        unsent = _nothing_reached_it(self._calls, self._failure)
        resent = frozenset(self._resent)
        return Upserted(tuple(self._outcomes), self._calls, self._failure, unsent=unsent, resent=resent)

    def _send(self, rows: list[int]) -> None:
        answer = self._call(rows)
        if not answer:
            return
        unknown = [row for row in rows if isinstance(self._outcomes[row], Unknown)]
        self._despair(answer, settled=len(unknown) < len(rows), alone=len(rows) == 1)
        if not unknown or len(rows) == 1 or self._failure:
            return
        if not answer.undone:
            self._doubt(unknown)
        refused = len(unknown) < len(rows) and not any(isinstance(self._outcomes[row], Accepted) for row in rows)
        whole = refused or len(unknown) == 1  # without the rows that spoilt it, the rest may pass at once
        middle = len(unknown) if whole else (len(unknown) + 1) // 2
        self._groups += [group for group in (unknown[middle:], unknown[:middle]) if group]

    def _call(self, rows: Sequence[int]) -> UpsertAnswer | None:
        self._calls += 1
        self._resent |= self._sent.intersection(rows)
        self._sent.update(rows)
        contacts = [self._contacts[row] for row in rows]
        try:
            answer = self._target.upsert(contacts, self._schema, again=lambda: self._look_at(rows))
        except SyncdError as failure:
            self._failure = failure
            return None
        self._made |= {each.id for each in answer.outcomes if isinstance(each, Accepted) and each.action == "created"}
        for row, outcome in zip(rows, answer.outcomes, strict=True):
            if isinstance(outcome, Refused) and outcome.twin is not None:
                self._outcomes[row] = Refused(outcome.reason, rows[outcome.twin])
            elif isinstance(outcome, Accepted) and outcome.id in self._made:  # by whichever call
                self._outcomes[row] = outcome._replace(action="created")
            else:
                self._outcomes[row] = outcome
        return answer

    def _look_at(self, rows: Sequence[int]) -> None:
        """See what stands where these rows belong before another call covers it: each once, since then it is ours."""
        new = [row for row in rows if row not in self._looked_at]
        if new:
            self._look(new)
            self._looked_at.update(new)

    def _doubt(self, rows: Sequence[int]) -> None:
        """Look at rows of a call that was answered, and that may have carried them out without a word."""
        try:
            self._look_at(rows)
        except SyncdError as failure:
            failure.in_doubt = True  # of the rows, which were sent
            self._failure = failure

    def _despair(self, answer: UpsertAnswer, *, settled: bool, alone: bool) -> None:
        """Give up when no further call can help: it is the target's answers that are wrong, not a row."""
        self._unreadable = self._unreadable + 1 if answer.unreadable else 0
        if settled:
            self._unproved = 0
        elif alone:
            self._unproved += 1
        if self._unreadable >= _LOST_ANSWERS:
            self._failure = TargetUnavailable(f"Vocatech's answers cannot be read: {answer.unreadable}")
        elif self._unproved >= _UNPROVED and not any(isinstance(outcome, Accepted) for outcome in self._outcomes):
            self._failure = TargetUnavailable("Vocatech's answers do not name the contacts that were sent")

    def _settle_twins(self) -> None:
        """Where several rows are one contact at the target, send the first again: the last that was sent is there."""
        self._outcomes = without_twins(self._outcomes, range(len(self._outcomes)))
        twins = {outcome.twin for outcome in self._outcomes if isinstance(outcome, Refused)}
        again = sorted(row for row in twins if row is not None)
        if not again:
            return
        for row in again:
            self._outcomes[row] = Unknown("another contact was taken for it and has overwritten it")
        if not self._failure:
            self._call(again)


@dataclass(slots=True)
class Deleting:
    """The work of one ``delete_all``."""

    target: Deletes
    ids: Sequence[int]
    fates: dict[int, Fate] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    calls: int = 0
    failure: SyncdError | None = None

    def run(self) -> Deleted:
        self.fates = dict.fromkeys(self.ids, "unknown")
        groups = [list(self.fates)]
        while groups and not self.failure:
            groups += self._send(groups.pop())
            if self.calls == _LOOK_AFTER:
                groups = self._still_there(groups)
        unsent = _nothing_reached_it(self.calls, self.failure)
        return Deleted(self.fates, self.reasons, self.calls, self.failure, unsent=unsent)

    def _send(self, ids: list[int]) -> list[list[int]]:
        """Send one list; returns the lists to send instead."""
        self.calls += 1
        try:
            answer = self.target.delete(ids)
        except SyncdError as failure:
            self.failure = failure
            return []
        self.fates.update(dict.fromkeys(answer.gone, "deleted"))
        left = [id_ for id_ in ids if id_ not in answer.gone]
        if len(ids) == 1 and left:
            self.fates[ids[0]] = "refused" if answer.status >= 400 else "unknown"
            self.reasons[ids[0]] = answer.reason
        middle = (len(left) + 1) // 2
        return [group for group in (left[middle:], left[:middle]) if group and len(ids) > 1]

    def _still_there(self, groups: list[list[int]]) -> list[list[int]]:
        """Look at the target's list when that is cheaper than asking on: a refused list may have been deleted."""
        left = sum(map(len, groups))
        if not left:
            return groups
        try:
            there = self.target.ids(most=left)
        except SyncdError as failure:
            self.failure = failure
            return []
        if there is None:
            return groups
        gone = {id_ for group in groups for id_ in group} - there
        self.fates.update(dict.fromkeys(gone, "deleted"))
        return [kept for group in groups if (kept := [id_ for id_ in group if id_ not in gone])]


def _nothing_reached_it(calls: int, failure: SyncdError | None) -> bool:
    """Whether the first call failed, in such a way that it was never sent."""
    return calls == 1 and failure is not None and not failure.in_doubt
