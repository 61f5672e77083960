"""How far attribution has come: what of the store and of the state it has seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import orjson

from syncd.activity.store.store import ActivityStore
from syncd.core.activity.facts import ATTRIBUTED
from syncd.state.numbers.numbers import Numbers, Standing


@dataclass(frozen=True, slots=True)
class Position:
    """``revision``: of the store, up to which every activity was looked at.

    ``change``, ``at``, ``open``: how far the journal of the state was (:class:`Standing`). ``phones``: the phone
    fields. ``own``: the company's own numbers.
    """

    revision: int = -1
    change: int = 0
    at: float | None = None
    open: tuple[int, ...] = ()
    phones: tuple[str, ...] = ()
    own: tuple[str, ...] = ()

    @property
    def standing(self) -> Standing:
        """How far the journal was."""
        return Standing(self.change, self.at, self.open)

    def is_of(self, numbers: Numbers, phones: tuple[str, ...]) -> bool:
        """Return whether the state is the one that was seen, only further on, with the same phone fields.

        A lost state begins anew, and one from a backup has other entries under the same ids.
        """
        if self.change == 0 or phones != self.phones or numbers.standing().change < self.change:
            return False
        marked = numbers.marked(self.change)
        # After some months nothing is left of the entry.
        return marked is None or marked == self.at


def position_of(store: ActivityStore) -> Position:
    """Return how far it has come; from the beginning if nothing is stored."""
    stored = store.facts.get(ATTRIBUTED)
    if stored is None:
        return Position()
    found: dict[str, Any] = orjson.loads(stored)
    lists = {name: tuple(found[name]) for name in ("open", "phones", "own")}
    return Position(found["revision"], found["change"], found["at"], **lists)


def keep(store: ActivityStore, position: Position) -> None:
    """Store how far it has come."""
    store.facts.set(ATTRIBUTED, orjson.dumps(asdict(position)).decode())
