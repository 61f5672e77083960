"""What a push works with, and what became of the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.core.change import CallOutcome, CarriedOut, Fields, Kind
from syncd.core.outcomes import Accepted, Outcome, Refused, returned_fields, takes_fields_away
from syncd.core.ownership import Evidence, Holding, Owner, turned_out
from syncd.core.remote import differ_in_case
from syncd.core.schema import Schema
from syncd.errors import Stopped, SyncdError
from syncd.push.in_flight import Batch
from syncd.run.session import Session
from syncd.state.journal import Settled


@dataclass(slots=True)
class PushResult:
    """What became of a plan. ``counts``: accepted changes by kind. ``failure``: what ended the push early.

    ``altered``: contacts whose values at the target differ from the sent values, as the report's JSON. ``unknown``:
    changes of unknown outcome; the next run sends them again. ``kept``: changes that wait for a later run: deletes
    whose contact a call of unknown outcome may claim or may have made, or that another key should have got, and upserts
    of a contact that another source has in hand. ``tidied``: contacts that an earlier, interrupted run had left behind
    and that were deleted now. ``without_call``: how many deletes got no call, by what became of the contact.
    ``otherwise``: by key, the id and what the change turned out to be, where that is another kind than planned.
    """

    counts: Counter[str] = field(default_factory=Counter)
    rejected: list[dict[str, str]] = field(default_factory=list)
    altered: list[dict[str, Any]] = field(default_factory=list)
    unknown: int = 0
    kept: int = 0
    tidied: int = 0
    without_call: Counter[str] = field(default_factory=Counter)
    otherwise: dict[str, tuple[int, CarriedOut]] = field(default_factory=dict)
    failure: SyncdError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PushJob:
    """One push of one source's plan, in the session of its run. ``result`` is filled in.

    ``since``: the newest change of any source that the plan knows. ``listed``: the run has seen the target's highest
    id. ``seen``: returns the values that a contact had when the target was listed, None if they are not known.
    """

    session: Session
    source: str
    schema: Schema
    since: int
    listed: bool
    seen: Callable[[int], Fields | None] = lambda _id: None
    result: PushResult = field(default_factory=PushResult)

    def halt_if_asked(self) -> None:
        """End the push here if the process was asked to stop.

        Raises:
            Stopped: it was.
        """
        if self.session.stopping.is_set():
            raise Stopped("asked to stop; what was begun is recorded, the rest waits for the next run")


def settle(
    batch: Batch,
    outcomes: tuple[Outcome, ...],
    evidence: Evidence,
    ours: Collection[int],
    held: Mapping[int, Holding],
    seen: Callable[[int], Fields | None] = lambda _id: None,
) -> Iterator[Settled]:
    """Yield what the answer to a batch makes of each of its changes.

    ``ours``: the ids in the answer that were ours before the call. ``held``: by id, the contacts of the ledger that
    creates came upon. ``seen``: as of :class:`PushJob`.
    """
    for call, entry, outcome in zip(batch.calls, batch.entries, outcomes, strict=True):
        if isinstance(outcome, Refused):
            twin = call if outcome.twin is None else batch.calls[outcome.twin]
            # If only case differs, the target ignores case in match values. The state remembers that for later plans.
            folded = differ_in_case(twin.change.match, call.change.match)
            yield Settled(entry, CallOutcome.CASE_TWIN if folded else CallOutcome.REFUSED, reason=outcome.reason)
        elif not isinstance(outcome, Accepted) or takes_fields_away(call, outcome):
            # A contact that lost fields stays pending until another call has restored them.
            yield Settled(entry, CallOutcome.UNKNOWN)
        else:
            # An adopted contact stays at the target when its row leaves the source, unless the rules say otherwise.
            owner, change = evidence.whose(call, outcome, was_ours=outcome.id in ours), call.change
            there = held.get(outcome.id, _NOBODYS)
            # A repair makes a contact that is missing anew: then the target may bring the key's own contact back.
            taken_over = bool(there.holders) and (entry.source, entry.key) not in there.holders
            kind = turned_out(change.kind, owner, outcome, taken_over=taken_over)
            yield Settled(
                entry,
                CallOutcome.ACCEPTED,
                outcome.id,
                returned_fields(call, outcome.fields, evidence.schema.phones),
                adopted=owner is Owner.PERSON,
                spares=bool(change.spares),
                otherwise=None if kind == change.kind else _turned_out(kind, outcome.id, seen, there),
            )


_NOBODYS = Holding(frozenset())


def _turned_out(kind: Kind, id_: int, seen: Callable[[int], Fields | None], there: Holding) -> CarriedOut:
    if kind != "adopt":
        return CarriedOut(kind)
    values = seen(id_)
    return CarriedOut(kind, there.values if values is None else values)
