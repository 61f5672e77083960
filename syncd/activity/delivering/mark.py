"""Up to where a sink has been delivered to, as a fact of the store: it says what the next run has to look at."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from syncd.activity.delivering.session import DeliverySession
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


@dataclass(frozen=True, slots=True)
class Marks:
    """``before``: the mark of the last run; ``wanted``: of a run that sees all that there is now.

    ``fresh``: nothing that is noted here of the sink can be relied upon.
    """

    before: Mark
    wanted: Mark
    fresh: bool

    @property
    def rewords(self) -> bool:
        """Whether records are worded otherwise than before."""
        return not self.fresh and self.before.wording != self.wanted.wording

    @property
    def reopens(self) -> bool:
        """Whether the limits of the gates are others than before."""
        return not self.fresh and self.before.limits != self.wanted.limits

    @property
    def since(self) -> int:
        """The revision after which activities are looked at; -1: all of them."""
        is_other = self.rewords or self.before.selection != self.wanted.selection
        return -1 if self.fresh or is_other else self.before.revision


def marks_of(session: DeliverySession, settings: SinkSettings) -> Marks:
    """Return up to where a sink was delivered to, and will be."""
    before = read_mark(session.store, settings.name)
    wanted = wanted_mark(settings, session.store.changes.newest())
    return Marks(before, wanted, _is_fresh(session, settings.name, before))


def was_delivered(session: DeliverySession, sink: str, mark: Mark) -> bool:
    """Return whether notes of deliveries to a sink were lost; those of what was undone are there."""
    if session.state.runs.newest_delivery(sink) not in {None, mark.run}:
        return True
    return mark.records and not session.store.deliveries.counts(sink).get("undone")


def _is_fresh(session: DeliverySession, sink: str, mark: Mark) -> bool:
    """Return whether nothing that is noted of a sink can be relied upon: it is new, or notes were lost."""
    deliveries = session.store.deliveries
    if mark.is_new or (mark.records and deliveries.is_empty(sink)) or (mark.noted and deliveries.is_blank(sink)):
        return True
    # The state file is another file: an older copy of the store does not know the newest run.
    newest = session.state.runs.newest_delivery(sink)
    return newest is not None and newest != mark.run


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
