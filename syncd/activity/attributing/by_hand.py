"""A person says whose a call or a message is."""

from __future__ import annotations

from typing import NamedTuple

from syncd.activity.store.store import ActivityStore
from syncd.core.activity.attribution.candidates import BY_HAND
from syncd.core.activity.attribution.decision import Contact, Decision
from syncd.core.activity.observations import Kind
from syncd.errors import ConfigError


class Said(NamedTuple):
    """What was decided before, and what a person says now."""

    before: Decision | None
    after: Decision


def said(store: ActivityStore, kind: Kind, key: str, contact: Contact | None, *, dry_run: bool = False) -> Said:
    """Store that an activity is a contact's, or with None that it is nobody's; no program changes that any more.

    Raises:
        ConfigError: nothing is kept of the activity.
        StateError: the store cannot be used.
    """
    columns = store.insight.columns(kind, key)
    if columns is None or columns["left_out"]:
        raise ConfigError(f"nothing is kept of this {kind} (activity.only, or activity.keep), so it is nobody's")
    after = Decision(kind, key, "person", columns["remote"], (contact,) if contact else (), reason=BY_HAND)
    found = Said(store.attributions.get(kind, key), after)
    if not dry_run:
        store.attributions.by_hand(after)
    return found
