"""Batches on their way to the target: what was marked, what was answered, and the calls that are being made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

from syncd.core.change import Call, CarriedOut
from syncd.state.entries import Entry
from syncd.state.journal import Settled
from syncd.target.contacts import UpsertResult


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes that are marked, with their entries in the journal, in the same order.

    ``highest_known_id``: ids up to it existed before. ``fresh``: it was seen since this run began.
    """

    # The outcomes of an answer come in this order too: the three are matched by position.
    calls: Sequence[Call] = ()
    entries: Sequence[Entry] = ()
    highest_known_id: int = 0
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """The answer to a batch, and what it makes of each change; ``settled`` is empty if nothing was sent.

    ``met``: by key, moves and updates that came upon a person's contact, with what it held.
    """

    batch: Batch
    answer: UpsertResult
    settled: Sequence[Settled] = ()
    met: Mapping[str, CarriedOut] = field(default_factory=dict)


class CallsInFlight:
    """Batches whose answers are awaited. ``defect``: an exception of our own code that ended a call, if there was one.

    The errors of a call are in its answer, so an exception can only be a defect.
    """

    def __init__(self) -> None:
        self._calls: set[Future[BatchAnswer]] = set()
        self.defect: BaseException | None = None

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Future[BatchAnswer]) -> None:
        self._calls.add(call)

    def next(self) -> list[BatchAnswer]:
        """Wait for at least one answer; return all answers that have come by then."""
        finished, self._calls = wait(self._calls, return_when=FIRST_COMPLETED)
        # The other answers are returned all the same: what they say must be recorded before the defect ends the push.
        defects = [error for each in finished if (error := each.exception())]
        self.defect = next(iter(defects), self.defect)
        return [each.result() for each in finished if not each.exception()]
