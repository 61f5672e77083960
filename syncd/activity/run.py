"""One run of the work on calls and messages: deliveries, what was missed of them, the lists, the files, what is old."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from syncd.activity.events import Merged, merge_events
from syncd.activity.media.run import MediaReport, fetch_media
from syncd.activity.noting import noted
from syncd.activity.pull import Pulled, pulled_under_lease
from syncd.activity.recover import recover
from syncd.activity.retention import RetentionReport, retain
from syncd.activity.session import ActivitySession
from syncd.activity.webhooks.health import look_after_endpoint
from syncd.errors import AccessDenied, SyncdError, TargetError
from syncd.report.exit_code import SEVERITY


@dataclass(slots=True)
class ActivityRun:
    """What a run has done so far.

    ``errors``: what could not be done of the first steps; the steps after them were done all the same.
    """

    merged: Merged = field(default_factory=Merged)
    pulled: Pulled = field(default_factory=Pulled)
    media: MediaReport = field(default_factory=MediaReport)
    retention: RetentionReport = field(default_factory=RetentionReport)
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
            "media": self.media.to_json(),
            "retention": self.retention.to_json(),
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
        # By a wrong clock, everything may seem to be old, and what is removed does not come back.
        if session.server.shows_the_day:
            into.media = fetch_media(session)
            session.halt_if_asked()
            into.retention = retain(session)
    return into


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
