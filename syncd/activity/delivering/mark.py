"""Up to where a sink has been delivered to, as a fact of the store: it says what the next run has to look at."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from syncd.activity.store.store import ActivityStore
from syncd.config.digest import digest_of
from syncd.config.sinks import SinkSettings
from syncd.core.activity.facts import DELIVERED


@dataclass(frozen=True, slots=True)
class Mark:
    """``revision``: everything up to it was seen; -1: nothing was. ``run``: the newest run that sent something.

    ``wording``, ``selection``, ``limits``: digests of the settings with which it was seen. ``records``: whether the
    sink had any records; ``noted``: whether anything was noted of it, such as that a call waits. ``groups``: every
    grouping in which its messages were delivered.
    """

    revision: int = -1
    wording: str = ""
    selection: str = ""
    limits: str = ""
    records: bool = False
    noted: bool = False
    run: str = ""
    groups: tuple[str, ...] = ()

    @property
    def is_new(self) -> bool:
        return self.revision < 0


def wanted_mark(settings: SinkSettings, revision: int) -> Mark:
    """Return the mark of a run that sees everything up to ``revision`` with these settings."""
    rules = settings.rules
    return Mark(
        revision=revision,
        wording=settings.digest,
        selection=digest_of([rules.where, rules.contacts, rules.after, rules.patience]),
        limits=digest_of(rules.limits),
        groups=(rules.messages.group,) if rules.messages else (),
    )


def read_mark(store: ActivityStore, sink: str) -> Mark:
    """Return the mark of a sink; a new one if it was never delivered to."""
    stored = store.facts.get(DELIVERED + sink)
    if stored is None:
        return Mark()
    found = json.loads(stored)
    return Mark(**{**found, "groups": tuple(found["groups"])})


def save_mark(store: ActivityStore, sink: str, mark: Mark, groups: Iterable[str]) -> None:
    """Save the mark; ``groups``: those of before are kept too."""
    kept = replace(mark, groups=tuple(dict.fromkeys([*groups, *mark.groups])))
    store.facts.set(DELIVERED + sink, json.dumps(asdict(kept)))
