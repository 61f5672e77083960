"""The witness: it watches every call at the target and knows the true owner of each contact."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet

from syncd.sandbox.fields import Row as Stored
from syncd.sandbox.store import Store


class Witness:
    """What really happened at the target.

    ``created``: ids that a push created; ``born``: the same, one by one, whatever state was lost.
    ``removed``: deleted contacts that no push had created, with their values.
    ``offences``: violations of rules that hold at any moment. ``undead``: contacts that are there although the target
    answered that they were deleted. ``denied``: contacts that are there although the target answered that it refused
    to create them.
    """

    def __init__(self) -> None:
        self.store: Store
        self.created: set[int] = set()
        self.born: list[int] = []
        self.removed: list[Stored] = []
        self.offences: list[str] = []
        self.undead: set[int] = set()
        # Nothing tells a denied contact apart from a contact that a person added, so syncd may leave it alone.
        self.denied: set[int] = set()

    def saw(self, method: str, before: Mapping[int, Stored]) -> None:
        """Record what a call of ``method`` changed; ``before``: the rows before the call."""
        now = self.store.rows
        new = now.keys() - before.keys()
        self.created |= new
        self.born += new
        gone = before.keys() - now.keys()
        self.removed += [before[number] for number in gone - self.created]
        if gone and method != "DELETE":
            self.offences.append(f"a {method} removed {sorted(gone)}")

    def denies(self, before: AbstractSet[int]) -> None:
        """Record the contacts that a refused call created all the same; ``before``: the ids before the call."""
        self.denied |= self.store.rows.keys() - before

    def heard(self, ids: Collection[int]) -> None:
        """Record which of ``ids`` are still there although the target answered that it deleted them."""
        self.undead |= self.store.rows.keys() & set(ids)

    def disown(self) -> None:
        """Forget which contacts are ours, because the state file is lost."""
        self.created.clear()
