"""Whether our endpoint is still there as it should be (open point A12): nobody tells us when it is taken away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from syncd.activity.session import ActivitySession
from syncd.activity.webhooks.api import Api, Endpoint, Wanted
from syncd.activity.webhooks.rows import ACTIVE, Rows
from syncd.config.activity import Receive
from syncd.core.activity.facts import ENDPOINT

EVERY = 900.0
"""Seconds between two looks."""

GONE, CHANGED, NONE = "gone", "changed", "none"
"""Our endpoint is not there any more · it is not as it was made · there is none yet."""

_WORKS = frozenset({"", "active", "enabled"})


@dataclass(frozen=True, slots=True)
class Health:
    """``at``: when it was looked at, in Unix seconds. ``problem``: "" or one of the constants above.

    ``differs``: what is not as configured: of name, url, events, extensions and status.
    """

    at: float
    problem: str = ""
    differs: tuple[str, ...] = ()


def look_after_endpoint(session: ActivitySession) -> None:
    """Note every quarter of an hour whether the endpoint is there as configured. A dry run does nothing.

    Raises:
        SyncdError: as :meth:`syncd.rest.Client.request`.
    """
    receive = session.activity.receive
    # Without its address nobody knows which endpoint is ours.
    if session.dry_run or receive is None or receive.url is None:
        return
    last = json.loads(session.store.facts.get(ENDPOINT) or '{"at": -Infinity}')["at"]
    if not 0 <= session.clock() - last < EVERY:
        found = health_of(session, receive)
        session.store.facts.set(ENDPOINT, json.dumps(asdict(found)))


def health_of(session: ActivitySession, receive: Receive) -> Health:
    """Ask for the endpoints and say what is wrong with ours.

    Raises:
        SyncdError: as :meth:`syncd.rest.Client.request`.
    """
    there = Api(session.default).endpoints()
    ours = Rows(session.store).all(ACTIVE)
    numbers = {row.id for row in ours}
    # An endpoint that a person has made delivers to the same address.
    found = [each for each in there if each.id in numbers or each.url == receive.url]
    now = session.clock()
    if not found:
        return Health(now, GONE if ours else NONE)
    differs = _differences(found, receive)
    return Health(now, CHANGED if differs else "", differs)


def _differences(found: Sequence[Endpoint], receive: Receive) -> tuple[str, ...]:
    """Return what differs of the endpoint that is nearest to what is configured: while rotated, there are two."""
    return min((_of_one(each, receive) for each in found), key=len)


def _of_one(each: Endpoint, receive: Receive) -> tuple[str, ...]:
    # Its name has a random end, and says nothing of what it delivers.
    wanted = Wanted(each.name, receive.url or "", receive.events, receive.extensions)
    return (*each.differences(wanted), *(["status"] if each.status.lower() not in _WORKS else []))
