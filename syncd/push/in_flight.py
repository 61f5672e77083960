"""Batches on their way to the target: what was marked, what was answered, and the calls that are being made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any

from syncd.state.journal import Settled
from syncd.target.contacts import Upserted


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes that are marked, with their entries in the journal, in the same order.

    ``horizon``: ids up to it were at the target before; ``fresh``: and that is known since this run began.
    """

    page: Sequence[dict[str, Any]]
    entries: Sequence[Mapping[str, Any]]
    horizon: int = 0
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """A batch that was sent, the answer, and what that makes of each change; nothing where none was sent."""

    batch: Batch
    answer: Upserted
    settled: Sequence[Settled]


class UnderWay:
    """Batches on their way. ``broken`` is what ended a call other than by an answer, if one was: a defect."""

    def __init__(self) -> None:
        self._calls: set[Future[Answered]] = set()
        self.broken: BaseException | None = None

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Future[Answered]) -> None:
        self._calls.add(call)

    def next(self) -> list[Answered]:
        """Wait until one is answered; return what has been by then."""
        finished, self._calls = wait(self._calls, return_when=FIRST_COMPLETED)
        broken = [error for each in finished if (error := each.exception())]
        self.broken = next(iter(broken), self.broken)
        return [each.result() for each in finished if not each.exception()]
