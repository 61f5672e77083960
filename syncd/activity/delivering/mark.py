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
    """``revision``: everything up to it was seen; -1: nothing was.

    ``run``: the newest run that began to send; ``ended``: it sends nothing more. ``earlier``: the newest run before it
    that the state file knew, "" for none; None in a mark of an earlier version, which knows only runs that ended well.
    ``wording``, ``selection``, ``limits``: digests of the settings with which it was seen. ``records``: whether the
    sink had, or may have had, any records; ``noted``: whether anything was noted of it, such as that a call waits.
    ``groups``: every grouping in which its messages were delivered. ``lost``: when it was seen last that notes were
    lost, in Unix seconds: what was sent up to then may have no note here; 0: never.
    """

    revision: int = -1
    wording: str = ""
    selection: str = ""
    limits: str = ""
    records: bool = False
    noted: bool = False
    run: str = ""
    groups: tuple[str, ...] = ()
    earlier: str | None = None
    ended: bool = True
    lost: float = 0.0

    @property
    def is_new(self) -> bool:
        return self.revision < 0


@dataclass(frozen=True, slots=True)
class Marks:
    """``before``: the mark of the last run; ``wanted``: of a run that sees all that there is now.

    ``fresh``: nothing that is noted here of the sink can be relied upon. ``has_lost``: notes of what was sent are found
    to be lost now.
    """

    before: Mark
    wanted: Mark
    fresh: bool
    has_lost: bool

    def begun(self, run: str) -> Mark:
        """Return the mark with which a run begins to send: what it sees stays unseen until it ends."""
        # A run that is broken off must not pass for one that has looked at everything.
        revision = -1 if self.fresh else self.before.revision
        earlier, lost = self.wanted.earlier, self.wanted.lost
        return replace(self.before, revision=revision, run=run, ended=False, earlier=earlier, lost=lost)

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
    name, deliveries = settings.name, session.store.deliveries
    before, now = read_mark(session.store, name), session.clock()
    lost = _has_lost(session, name, before)
    wanted = replace(
        wanted_mark(settings, session.store.changes.newest()),
        run=before.run,
        earlier=session.state.runs.newest_delivery(name) or "",
        # The clock may have been set back since.
        lost=now if lost else min(now, before.lost),
    )
    fresh = before.is_new or lost or (before.noted and deliveries.is_blank(name))
    return Marks(before, wanted, fresh, lost)


def _has_lost(session: DeliverySession, sink: str, mark: Mark) -> bool:
    """Return whether the sink may have been sent something of which nothing is noted here."""
    if mark.records and session.store.deliveries.is_untried(sink):
        return True
    is_old = mark.earlier is None and not mark.is_new
    # The state file is another file: an older copy of the store does not know the newest run.
    newest = session.state.runs.newest_delivery(sink, well=is_old)
    if newest is None and mark.is_new and not mark.run:
        return _was_renamed(session)
    if newest not in {None, mark.run, mark.earlier}:
        return True
    # A copy that was made within a run does not know its end.
    return not mark.ended and session.state.runs.has_ended(mark.run, sink)


def _was_renamed(session: DeliverySession) -> bool:
    """Return whether a sink that was never delivered to may be one that was delivered to under another name."""
    marks = {name: read_mark(session.store, name) for name in session.store.facts.names(DELIVERED)}
    known = {name for name, each in marks.items() if each.records} | session.state.runs.delivered_to()
    return not known <= session.settings.sinks.keys()


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
