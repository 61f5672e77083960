"""The stored events once more through the merge, and the rows of calls and messages anew from all that was said.

The merge is a join, so an event that is merged again changes nothing, unless this syncd understands more of it. What
the lists have said is stored with each activity, in the form in which it is merged; a rebuild begins with that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.activity.events import observation_of
from syncd.activity.store.store import ActivityStore
from syncd.activity.store.taking import Counts
from syncd.core.activity.observations import Kind, Observation

KINDS: tuple[Kind, ...] = ("call", "message")

EVER = (-1e18, 1e18)
"""Received from then to then, in Unix seconds: all events."""


@dataclass(slots=True)
class Replayed:
    """What a replay has done so far, or would do.

    ``events``: how many were merged again. ``emptied``: how many could not be, since their bytes were removed.
    ``taken``: what became of calls and messages, each counted once.
    """

    events: int = 0
    emptied: int = 0
    taken: dict[Kind, Counts] = field(default_factory=lambda: {kind: Counts() for kind in KINDS})

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` shows of it."""
        of = {
            f"{kind}s": {"new": each.new, "changed": each.changed, "unchanged": each.unchanged}
            for kind, each in self.taken.items()
        }
        return {"events": self.events, "emptied": self.emptied, **of}


@dataclass(slots=True)
class Replay:
    """A replay of the events received from ``within[0]`` to before ``within[1]``, in Unix seconds.

    ``halt_if_asked``: is called between two transactions.
    """

    store: ActivityStore
    into: Replayed
    within: tuple[float, float] = EVER
    dry_run: bool = False
    halt_if_asked: Callable[[], None] = lambda: None

    def merge(self, *, only_unknown: bool = False) -> None:
        """Merge the events again; with ``only_unknown`` those of activities that are not stored."""
        for subjects in self.store.insight.subjects(*self.within):
            self.halt_if_asked()
            said = [each for subject in subjects for each in self._of(subject)]
            for kind in KINDS:
                mine = [each for each in said if each.kind == kind]
                if only_unknown:
                    kept = self.store.insight.kept(kind, list({each.key for each in mine}))
                    mine = [each for each in mine if each.key not in kept]
                self._take(kind, mine)

    def rebuild(self) -> None:
        """Derive the rows of every activity anew from all that was said of it, with its events merged once more."""
        for kind in KINDS:
            for keys in self.store.insight.pages(kind):
                self.halt_if_asked()
                mine = frozenset(keys)
                # A text and a WhatsApp message may have one id.
                subjects = dict.fromkeys(_id(kind, key) for key in keys)
                said = [each for subject in subjects for each in self._of(subject)]
                self._take(kind, [each for each in said if each.kind == kind and each.key in mine], mine)
        self.merge(only_unknown=True)

    def _take(self, kind: Kind, said: Sequence[Observation], anew: Collection[str] = frozenset()) -> None:
        if not said and not anew:
            return
        rows: Mapping[Kind, Collection[str]] = {kind: anew} if anew else {}
        taken = self.store.activities.take(said, by="webhook", arrived=0.0, anew=rows, dry_run=self.dry_run)
        self.into.taken[kind] += taken
        self.into.events += len(said)

    def _of(self, subject: str) -> Iterator[Observation]:
        first, last = self.within
        for event in self.store.events.of(subject):
            # Whether a stale one is true, its day has shown; the others say nothing.
            if event.outcome != "new" or not first <= event.received < last:
                continue
            if not event.raw:
                self.into.emptied += 1
            elif found := observation_of(event):
                yield found


def _id(kind: Kind, key: str) -> str:
    return key if kind == "call" else key.partition(":")[2]
