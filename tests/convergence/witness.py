"""Watches every call at the target, and knows what syncd may not: whose each contact truly is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet

from syncd.sandbox.fields import Row as Stored
from syncd.sandbox.store import Store


class Witness:
    """``created``: ids that came to be by a push.

    ``removed``: other contacts that were deleted, as they were. ``offences``: what must never happen at any moment.
    ``undead``: contacts of which the target said that they were deleted, and which are there. ``denied``: the same of
    calls that made them and were answered as refused: they are taken for people's, since nothing tells them apart.
    """

    def __init__(self) -> None:
        self.store: Store
        self.created: set[int] = set()
        self.removed: list[Stored] = []
        self.offences: list[str] = []
        self.undead: set[int] = set()
        self.denied: set[int] = set()

    def saw(self, method: str, before: Mapping[int, Stored]) -> None:
        """Look at what a call of ``method`` made of the rows that were there ``before`` it."""
        now = self.store.rows
        self.created |= now.keys() - before.keys()
        gone = before.keys() - now.keys()
        self.removed += [before[number] for number in gone - self.created]
        if gone and method != "DELETE":
            self.offences.append(f"a {method} removed {sorted(gone)}")

    def denies(self, before: AbstractSet[int]) -> None:
        """The target said that a call did nothing, which found these ids."""
        self.denied |= self.store.rows.keys() - before

    def heard(self, ids: Collection[int]) -> None:
        """The target said that it has deleted these."""
        self.undead |= self.store.rows.keys() & set(ids)

    def disown(self) -> None:
        """The state file is lost: nothing that is there is known as ours any more."""
        self.created.clear()
