"""Merges the deliveries that were stored, and not merged yet, into the calls and messages.

The stored row is the work item: it counts as done in the transaction that merges it. So it needs no lease: two
processes that merge the same delivery leave what one of them would.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from syncd.activity.store.events import Event
from syncd.activity.store.store import ActivityStore
from syncd.activity.store.taking import Counts
from syncd.core.activity.envelopes import TEST
from syncd.core.activity.facts import TESTED
from syncd.core.activity.observations import Observation, of_event

BATCH = 100
"""Deliveries in one transaction: the receiver waits meanwhile, and each may be some megabytes long."""


@dataclass(slots=True)
class Merged:
    """What became of deliveries.

    ``events``: how many were merged. ``tests``: those of them that only show that deliveries arrive. ``taken``: what
    they made of calls and messages. ``waiting``: how many are left, such as after a dry run.
    """

    events: int = 0
    tests: int = 0
    waiting: int = 0
    taken: Counts = field(default_factory=Counts)

    def to_json(self) -> dict[str, int]:
        """Return what ``--json`` shows of it."""
        of_activities = {"new": self.taken.new, "changed": self.taken.changed, "unchanged": self.taken.unchanged}
        return {"merged": self.events, "tests": self.tests, "waiting": self.waiting, **of_activities}


def merge_events(store: ActivityStore, into: Merged, halt_if_asked: Callable[[], None] = lambda: None) -> None:
    """Merge all deliveries that wait, the oldest first, and count them in ``into``. The target is asked nothing.

    ``halt_if_asked``: is called between two transactions.

    Raises:
        StateError: the store cannot be used.
        Stopped: the process was asked to stop.
    """
    while found := store.events.unmerged(BATCH):
        halt_if_asked()
        _merge(store, found, into)
    into.waiting = 0


def _merge(store: ActivityStore, found: Sequence[Event], into: Merged) -> None:
    tests = [event for event in found if event.type == TEST]
    observed = [each for event in found if (each := observation_of(event)) is not None]
    with store.write():
        taken = store.activities.take(observed, by="webhook", arrived=found[0].received)
        if tests:
            store.facts.set(TESTED, str(tests[-1].received))
        store.events.processed([event.id for event in found])
    into.events += len(found)
    into.tests += len(tests)
    into.taken += taken


def observation_of(event: Event) -> Observation | None:
    """Return what a delivery says of a call or a message; None if it says nothing of one."""
    try:
        envelope = json.loads(event.raw) if event.raw else None
    # The bytes were JSON when they were stored: only nesting without end has another limit here.
    except (ValueError, RecursionError):
        return None
    return of_event(envelope, event.received) if isinstance(envelope, dict) else None
