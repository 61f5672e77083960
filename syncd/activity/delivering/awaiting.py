"""Which calls and messages a sink has still to get: they, and their files, stay here until then."""

from __future__ import annotations

from syncd.activity.delivering.subjects import messages_in
from syncd.activity.store.store import ActivityStore
from syncd.config import Settings


def awaited(store: ActivityStore, settings: Settings) -> frozenset[str]:
    """Return their owners: ``call:ID``, ``message:CHANNEL:ID``."""
    if not settings.sinks:
        return frozenset()
    found = store.deliveries.awaited(list(settings.sinks))
    return found | messages_in(store, [each.partition(":")[2] for each in found if each.startswith("message:")])
