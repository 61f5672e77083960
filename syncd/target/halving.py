"""Sends rows of unknown outcome again, in halves down to single rows, in as few calls as that takes.

One bad row never costs the others. If a call fails, the failure is returned together with all outcomes known by then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from syncd.core.outcomes import WITHOUT_MATCH, Accepted, Outcome, Refused, Unknown, without_twins
from syncd.core.remote import match_keys
from syncd.core.schema import Schema
from syncd.errors import SyncdError, TargetUnavailable

if TYPE_CHECKING:
    from syncd.target.contacts import Target

_LOST_ANSWERS = 5  # after so many unreadable answers in a row no smaller batch will help
_UNPROVED = 3  # after so many single rows in a row that stay unknown, the target's answers prove nothing
_LOOK_AFTER = 19  # so many calls one bad id among 500 costs in halves; if there are more bad ids, a list is cheaper


@dataclass(frozen=True, slots=True)
class UpsertAnswer:
    """One call's outcomes, one for each row sent.

    ``undone``: the rows with an Unknown outcome were not carried out, as if the batch was refused as a whole.
    ``unreadable``: what came instead of an answer with lists of rows; "" if the answer has such lists.
    """

    outcomes: tuple[Outcome, ...]
    status: int
    undone: bool = False
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class UpsertResult:
    """The outcomes of all rows, the number of calls, and the error that ended the work early, if there was one.

    ``unsent``: no row has reached the target. ``resent``: the positions of rows that were sent by more than one call.
    """

    outcomes: tuple[Outcome, ...]
    calls: int
    failure: SyncdError | None = None
    unsent: bool = False
    resent: frozenset[int] = frozenset()


Fate = Literal["deleted", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class DeleteAnswer:
    """One call's answer: the ids that are certainly gone, or the refusal. ``reason`` holds no contact's data."""

    gone: frozenset[int]
    status: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DeleteResult:
    """The fates of all ids, the reasons of refusals, the number of calls, and the error that ended the work early.

    ``unsent``: no id has reached the target.
    """

    fates: Mapping[int, Fate]
    reasons: Mapping[int, str]
    calls: int
    failure: SyncdError | None = None
    unsent: bool = False


Look = Callable[[Sequence[int]], None]
"""Looks up which contacts stand at the target where these rows (their positions) belong."""


class SplitUpsert:
    """The work of one ``upsert_all``. Rows are known by their position."""

    def __init__(self, target: Target, contacts: Sequence[Mapping[str, str]], schema: Schema, look: Look) -> None:
        self._target = target
        self._contacts = contacts
        self._schema = schema
        self._look = look
        self._looked_at: set[int] = set()
        self._made: set[int] = set()
        self._sent: set[int] = set()
        self._resent: set[int] = set()
        self._outcomes: list[Outcome] = [Unknown("not answered")] * len(contacts)
        # The one guard of every payload: the target could take a contact without a match value for any other contact.
        named = [key is not None for key in match_keys(contacts, schema)]
        for row in (row for row, has_name in enumerate(named) if not has_name):
            self._outcomes[row] = Refused(WITHOUT_MATCH)
        self._groups = [rows] if (rows := [row for row, has_name in enumerate(named) if has_name]) else []
        self._calls = 0
        self._unreadable = 0
        self._unproved = 0
        self._failure: SyncdError | None = None

    def run(self) -> UpsertResult:
        while self._groups and not self._failure:
            self._send(self._groups.pop())
        self._settle_twins()
        unsent = _nothing_reached_it(self._calls, self._failure)
        resent = frozenset(self._resent)
        return UpsertResult(tuple(self._outcomes), self._calls, self._failure, unsent=unsent, resent=resent)

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
        # If only refusals came back, the rows without the refused rows may pass at once: they need no halves.
        whole = refused or len(unknown) == 1
        middle = len(unknown) if whole else (len(unknown) + 1) // 2
        # Groups are taken from the end, so the second half goes first: rows are sent in their order.
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
            elif isinstance(outcome, Accepted) and outcome.id in self._made:
                # An earlier call of this batch made the contact and its row was sent again: it is ours, not found.
                self._outcomes[row] = outcome._replace(action="created")
            else:
                self._outcomes[row] = outcome
        return answer

    def _look_at(self, rows: Sequence[int]) -> None:
        """See what stands where these rows belong, before another call covers it."""
        # Only once for each row: after the first call a contact there may be ours.
        new = [row for row in rows if row not in self._looked_at]
        if new:
            self._look(new)
            self._looked_at.update(new)

    def _doubt(self, rows: Sequence[int]) -> None:
        """Look at rows that an answer does not name, and that the call may have carried out all the same."""
        try:
            self._look_at(rows)
        except SyncdError as failure:
            # The look itself changed nothing, but the rows were sent and their outcome is unknown.
            failure.in_doubt = True
            self._failure = failure

    def _despair(self, answer: UpsertAnswer, *, settled: bool, alone: bool) -> None:
        """Give up if no further call can help, since the target's answers are wrong and not a row."""
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
        """If several rows are one contact at the target, send the first row again: the last one overwrote it."""
        self._outcomes = without_twins(self._outcomes, range(len(self._outcomes)))
        twins = {outcome.twin for outcome in self._outcomes if isinstance(outcome, Refused)}
        again = sorted(row for row in twins if row is not None)
        if not again:
            return
        # Until the call below is answered, nobody knows which row's values the contact has.
        for row in again:
            self._outcomes[row] = Unknown("another contact was taken for it and has overwritten it")
        if not self._failure:
            self._call(again)


@dataclass(slots=True)
class SplitDelete:
    """The work of one ``delete_all``."""

    target: Target
    ids: Sequence[int]
    fates: dict[int, Fate] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    calls: int = 0
    failure: SyncdError | None = None

    def run(self) -> DeleteResult:
        self.fates = dict.fromkeys(self.ids, "unknown")
        groups = [list(self.fates)]
        while groups and not self.failure:
            groups += self._send(groups.pop())
            if self.calls == _LOOK_AFTER:
                groups = self._still_there(groups)
        unsent = _nothing_reached_it(self.calls, self.failure)
        return DeleteResult(self.fates, self.reasons, self.calls, self.failure, unsent=unsent)

    def _send(self, ids: list[int]) -> list[list[int]]:
        """Send one list of ids; return the lists to send next."""
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
        # As with rows: the first half comes last, since groups are taken from the end.
        return [group for group in (left[middle:], left[:middle]) if group and len(ids) > 1]

    def _still_there(self, groups: list[list[int]]) -> list[list[int]]:
        """Look at the target's list if that is cheaper than more calls: ids of a refused call may be gone."""
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
    """Whether the first call failed before it was sent."""
    # A later call may fail unsent too, but then the first call has reached the target.
    return calls == 1 and failure is not None and not failure.in_doubt
