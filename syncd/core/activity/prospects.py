"""What the next runs will do about one call or message, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from syncd.core.activity.days.proof import Standing, is_due
from syncd.core.activity.days.windows import ended, window
from syncd.core.activity.delivering.plan import SinkStanding
from syncd.core.activity.settling import AFTER, PATIENCE, settled_at
from syncd.core.activity.views import CallView

Do = Literal["merge", "wait", "look", "read", "attribute", "fetch", "deliver", "nothing"]

WORTH = {
    "open": "the day was never read",
    "read": "the day was read once, and a second reading that is equal proves it",
    "changed": "the day has changed since it was proved, and is to be proved again",
    "proved": "the day is read again some time after its end, for what comes late",
}
"""Why a day is read, by its state."""


class Prospect(NamedTuple):
    """One thing. ``at``: when, in Unix seconds; None for the next run."""

    do: Do
    why: str
    at: float | None = None


class Events(NamedTuple):
    """How many events of it wait to be merged, and how many came with a signature that was too old."""

    waiting: int
    stale: int


class File(NamedTuple):
    """A recording or an attachment. ``setting``: the key of the configuration that has such files fetched."""

    media: str
    state: str
    next_try: float
    reason: str | None
    setting: str
    is_fetched: bool


def of_events(events: Events) -> Iterator[Prospect]:
    """Yield what becomes of events."""
    if events.waiting:
        yield Prospect("merge", f"{_events(events.waiting)} not merged yet")
    if events.stale:
        yield Prospect("read", f"{_events(events.stale)} signed too long ago to be merged; the lists say what is true")


def of_call(view: CallView, now: float, *, overdue: bool = True) -> Iterator[Prospect]:
    """Yield what is waited for of a call. ``overdue``: whether a missing summary is worth a line."""
    if view.status == "open":
        shown = "no event and no list has told its end" if view.listed is None else "no list shows its end"
        yield Prospect("look", f"the call is open: {shown}")
        return
    settled = settled_at(view)
    if settled is not None and settled > now:
        for_list = f"no list shows it yet, and a leg may follow within {AFTER / 60:.0f} minutes"
        for_text = f"its summary may come within {PATIENCE / 60:.0f} minutes of its end"
        yield Prospect("wait", f"the call is not settled: {for_list if view.summary_known else for_text}", settled)
    elif overdue and view.status == "answered" and not view.summary_known:
        yield Prospect("wait", "no summary came in time; one that comes late is taken all the same")


def of_contact(outcome: str | None, *, is_recent: bool) -> Iterator[Prospect]:
    """Yield what becomes of an activity that is nobody's.

    ``outcome``: what was decided, None if nothing was. ``is_recent``: a contact that gets its number later gets it.
    """
    if outcome is None:
        yield Prospect("attribute", "nobody has looked yet whose number it is")
    elif outcome == "unknown" and is_recent:
        yield Prospect("wait", "no contact had the number; one that gets it gets the activity too")


def of_day(day: str, standing: Standing, now: float, recheck: Sequence[float]) -> Prospect | None:
    """Return when the list of a day is read next, and why; None if never again by itself."""
    if day in window(now).each() and now < ended(day):
        return Prospect("look", "the day has not ended everywhere: each run looks at the newest days")
    tried = (standing.last_read or now) - (standing.since or standing.last_read or now)
    moments = {now, ended(day), *(ended(day) + seconds for seconds in recheck)}
    moments.add((standing.last_read or now) + max(min(recheck, default=0.0), tried))
    for moment in sorted(each for each in moments if each >= now):
        if is_due(day, standing, moment, recheck):
            return Prospect("read", WORTH[standing.state], None if moment == now else moment)
    return None


def of_file(file: File, now: float) -> Prospect | None:
    """Return what becomes of a file; None if nothing does any more."""
    if file.state not in {"wanted", "fetching"}:
        return None
    if not file.is_fetched:
        return Prospect("nothing", f"{file.media} is not fetched: {file.setting} is not configured")
    again = f" again: {file.reason}" if file.reason else ""
    return Prospect("fetch", f"{file.media} is wanted{again}", file.next_try if file.next_try > now else None)


def of_delivery(each: SinkStanding, now: float) -> Prospect | None:
    """Return what the next delivery to a sink does; None if it does nothing."""
    sink, before = each.sink, each.before
    status = before.status if before else None
    if before is not None and status == "waiting":
        later = before.next_try if before.next_try > now else None
        return Prospect("deliver", f"{sink}: it was approved" if before.reason else f"{sink}: it is not due yet", later)
    if before is not None and status == "pending":
        return Prospect("deliver", f"{sink}: the outcome of the last call is not known", before.next_try or None)
    if before is not None and status in {"held", "undone"}:
        gate = before.reason or "undone"
        return Prospect("wait", f"{sink}: the gate {gate} holds it until a person approves it (syncd status)")
    if not each.is_seen and status != "erased":
        return Prospect("deliver", f"{sink}: it has changed since the last delivery, or was never looked at")
    if before is not None and status == "rejected":
        return Prospect("nothing", f"{sink}: it was refused, and is sent again once it changes: {before.reason}")
    return None


def _events(count: int) -> str:
    return "1 event is" if count == 1 else f"{count} events are"
