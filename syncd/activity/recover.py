"""What the receiver missed: failed deliveries, the times when it was down, and deliveries that came too late.

All of these are hints. A failed delivery that is shown whole is taken in as an event; of the others, the days in whose
lists their calls and messages may stand are read by the next pull.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from syncd.activity.session import ActivitySession
from syncd.activity.store.events import Event
from syncd.core.activity import envelopes
from syncd.core.activity.days.windows import Days, between, of_moment, window
from syncd.core.activity.facts import GAPS
from syncd.core.activity.failures import Failure, failures_of
from syncd.core.activity.instants import day_of
from syncd.core.activity.observations import Kind
from syncd.errors import TargetError

EVERY = 900.0
"""Seconds between two looks at the failures."""

KINDS: tuple[Kind, ...] = ("call", "message")

log = structlog.get_logger()

_ASKED, _SEEN = "failures.asked", "failures.seen"  # the facts: when they were asked for last, and which are known
_MOST_SEEN, _MOST_PAGES, _STALE = 5000, 20, 100_000
_NOT_THERE = frozenset({400, 403, 404, 405, 410, 422})


@dataclass(frozen=True, slots=True)
class Recovered:
    """``events``: how many events were taken in. ``days``: the days that the next pull reads, by kind."""

    events: int
    days: Mapping[Kind, tuple[str, ...]]


def recover(session: ActivitySession, *, at_once: bool = False) -> Recovered:
    """Take in what failed deliveries hold, and name the days that are to be read.

    The failures are asked for every quarter of an hour; ``at_once``: in any case. A dry run does nothing.

    Raises:
        AccessDenied, Stopped: as :meth:`syncd.rest.Client.request`.
        StateError: the store cannot be used.
    """
    if session.dry_run:
        return Recovered(0, dict.fromkeys(KINDS, ()))
    now = session.clock()
    # What came while there was a receiver is seen to also after its end; only nobody's failures are asked for.
    is_asked = session.activity.receive is not None and (at_once or _is_due(session, now))
    found = _asked(session) if is_asked else None
    with session.store.write():
        wanted = [*_gaps(session), *_stale(session)]
        events = 0
        if found is not None:
            session.store.facts.set(_ASKED, str(now))
            events, missed = _taken(session, found, now)
            wanted += missed
        return Recovered(events, {kind: _hint(session, kind, wanted, now) for kind in KINDS})


def _is_due(session: ActivitySession, now: float) -> bool:
    asked = float(session.store.facts.get(_ASKED) or "-inf")
    return not 0 <= now - asked < EVERY


_Wanted = tuple[Kind | None, Days]
"""Days that are to be read of a list, or of both (None)."""


def _asked(session: ActivitySession) -> list[Failure] | None:
    """Return the failed deliveries; None if they cannot be had now: they are hints, and the lists are the truth."""
    try:
        return list(_failures(session))
    except TargetError as error:
        log.warning("the failed deliveries could not be asked for", error=str(error))
        return None


def _failures(session: ActivitySession) -> Iterator[Failure]:
    """Yield the failed deliveries, in whatever form they are shown (open point A10)."""
    for page in range(1, _MOST_PAGES + 1):
        answer = session.default.request(
            "GET", "/webhooks/failures", params={"page": page, "limit": 500}, returned=_NOT_THERE
        )
        shown = failures_of(answer.body) if answer.status < 300 and answer.is_json else None
        if shown is None:
            return
        yield from shown.failures
        if page >= (shown.pages or 1) or not shown.failures:
            return


def _taken(session: ActivitySession, found: Iterable[Failure], now: float) -> tuple[int, list[_Wanted]]:
    """Take in what is shown whole; return how many events are new, and the days of the others, each named once."""
    store = session.store
    ours = {endpoint.id for endpoint in store.webhooks.all()}
    seen: dict[str, None] = dict.fromkeys(json.loads(store.facts.get(_SEEN) or "[]"))
    events, wanted = 0, list[_Wanted]()
    for each in found:
        # Somebody else's endpoint says nothing of what we have received.
        is_foreign = each.webhook is not None and bool(ours) and each.webhook not in ours
        if is_foreign or each.key in seen:
            continue
        seen[each.key] = None
        if each.event is not None and (event := _event(each.event, now)) is not None:
            events += store.events.add(event)
        else:
            wanted.append((_kind(each.type), window(now) if each.at is None else of_moment(each.at)))
    store.facts.set(_SEEN, json.dumps(list(seen)[-_MOST_SEEN:]))
    return events, wanted


def _event(payload: Mapping[str, Any], now: float) -> Event | None:
    try:
        envelope = envelopes.of(payload)
    except (ValueError, RecursionError):
        return None
    if envelope is None:
        return None
    return Event(
        id=envelope.id,
        type=envelope.type,
        at=envelope.at,
        signed_at=None,
        received=now,
        origin="failures",
        raw=orjson.dumps(payload),
        content=envelope.content,
        subject=envelope.subject,
        outcome="new",
    )


def _gaps(session: ActivitySession) -> Iterator[_Wanted]:
    """Yield the days of the times when the receiver was down, and forget these times."""
    gaps = json.loads(session.store.facts.get(GAPS) or "[]")
    if gaps:
        session.store.facts.set(GAPS, None)
    for begin, end in gaps:
        yield None, between(begin, end)


def _stale(session: ActivitySession) -> Iterator[_Wanted]:
    """Yield the days of genuine deliveries that came too late to be trusted; they count as done with."""
    stale = [event for event in session.store.events.unprocessed(_STALE) if event.outcome == "stale"]
    if stale:
        session.store.events.processed([event.id for event in stale])
    for event in stale:
        yield _kind(event.type), of_moment(event.received if event.at is None else event.at)


def _hint(session: ActivitySession, kind: Kind, wanted: Iterable[_Wanted], now: float) -> tuple[str, ...]:
    """Let the next pull of a list read the days; return those that are left to be read."""
    name, today = f"list.{kind}.hints", window(now).last
    known = set(json.loads(session.store.facts.get(name) or "[]"))
    first = day_of(now - session.activity.since)
    fresh = {day for of, days in wanted if of in {None, kind} for day in days.each() if first <= day <= today}
    if fresh - known:
        session.store.facts.set(name, json.dumps(sorted(known | fresh)))
    return tuple(sorted(known | fresh))


def _kind(event_type: str | None) -> Kind | None:
    return next((kind for kind in KINDS if (event_type or "").startswith(f"{kind}.")), None)
