"""One run of the work on calls and messages: events, what was missed, the lists, contacts, files, sinks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from syncd.activity.attributing.work import Attributed, Attributing, policy_of
from syncd.activity.deliver import deliver
from syncd.activity.delivering.awaiting import awaited
from syncd.activity.delivering.report import SinkReport
from syncd.activity.delivering.session import delivering_in
from syncd.activity.events import Merged, merge_events
from syncd.activity.media.run import MediaReport, fetch_media
from syncd.activity.noting import noted
from syncd.activity.pull import Pulled, pulled_under_lease
from syncd.activity.recover import recover
from syncd.activity.retention import RetentionReport, retain
from syncd.activity.session import ActivitySession
from syncd.activity.webhooks.health import look_after_endpoint
from syncd.errors import AccessDenied, SourceBusy, SyncdError, TargetError
from syncd.report.exit_code import SEVERITY

BUSY = 30.0
"""Seconds for which another delivery to a sink is waited for."""


@dataclass(slots=True)
class ActivityRun:
    """What a run has done so far.

    ``errors``: what could not be done of the first steps; the steps after them were done all the same.
    """

    merged: Merged = field(default_factory=Merged)
    pulled: Pulled = field(default_factory=Pulled)
    attributed: Attributed = field(default_factory=Attributed)
    media: MediaReport = field(default_factory=MediaReport)
    retention: RetentionReport = field(default_factory=RetentionReport)
    delivered: list[SinkReport] = field(default_factory=list)
    errors: dict[str, SyncdError] = field(default_factory=dict)

    @property
    def error(self) -> SyncdError | None:
        """The gravest of the errors."""
        parts = (self.pulled.errors, self.errors, self.media.errors, self.retention.errors)
        found = [error for part in parts for error in part.values()]
        return min(found, key=lambda error: SEVERITY.index(error.exit_code), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` shows of it, without its errors."""
        events = {"events": self.merged.to_json()}
        return {
            **self.pulled.to_json(),
            **events,
            "attribution": self.attributed.to_json(),
            "media": self.media.to_json(),
            "retention": self.retention.to_json(),
            "sinks": [each.to_json() for each in self.delivered],
        }


def run_activity(
    session: ActivitySession, into: ActivityRun, *, forecast: Callable[[int], None] | None = None
) -> ActivityRun:
    """Do everything that is due; fill in and return ``into``. Without a receiver, the lists alone say everything.

    ``forecast``: is told how many requests the pull needs.

    Raises:
        SourceBusy: another process does the same. What was received is merged all the same.
        AccessDenied, StateError, Stopped: nothing more can be done.
    """
    _merge(session, into)
    with session.leased():
        with noted(session, into.pulled):
            _recover(session, into)
            session.halt_if_asked()
            pulled_under_lease(session, into.pulled, forecast=forecast)
        session.halt_if_asked()
        attribute(session, into.attributed)
        session.halt_if_asked()
        # By a wrong clock, everything may seem to be old, and what is removed does not come back.
        if session.server.shows_the_day:
            into.media = fetch_media(session, awaited(session.store, session.settings))
    session.halt_if_asked()
    # Not under the lease: a delivery of a backlog may take long, and must not keep the next pull waiting.
    deliver(delivering_in(session, wait=BUSY), list(session.settings.sinks.values()), into.delivered)
    session.halt_if_asked()
    if session.server.shows_the_day:
        # What is old is removed after it was delivered, and not before. Whoever has the lease now removes it too.
        with suppress(SourceBusy), session.leased():
            into.retention = retain(session, awaited(session.store, session.settings))
    return into


def attribute(session: ActivitySession, into: Attributed) -> None:
    """Decide whose calls and messages are."""
    policy = policy_of(session.settings, session.activity)
    work = Attributing(
        policy, session.store, session.state, dry_run=session.dry_run, halt_if_asked=session.halt_if_asked
    )
    work.run(into)


def _merge(session: ActivitySession, into: ActivityRun) -> None:
    if session.dry_run:
        into.merged.waiting = session.store.events.waiting()
    else:
        merge_events(session.store, into.merged, session.halt_if_asked)


def _recover(session: ActivitySession, into: ActivityRun) -> None:
    # What was missed is only a hint: the lists are read whatever becomes of it.
    try:
        # A key that may not see webhooks may still read the lists; one that is refused is refused by them too.
        with suppress(AccessDenied):
            look_after_endpoint(session)
        recover(session)
    except TargetError as error:
        into.errors["failures"] = error
    _merge(session, into)
