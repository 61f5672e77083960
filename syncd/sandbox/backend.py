"""One company's sandbox without HTTP: the key, the windows, the faults and the endpoints."""

from __future__ import annotations

import json
import math
import secrets
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from types import MappingProxyType
from typing import Any

from syncd.sandbox.activity.desk import Desk, nothing
from syncd.sandbox.activity.faults import Skew
from syncd.sandbox.answers import answer
from syncd.sandbox.deletion import delete
from syncd.sandbox.dialects import Dialects
from syncd.sandbox.faults import Faults, Poison
from syncd.sandbox.limits import Windows
from syncd.sandbox.listing import Listing
from syncd.sandbox.push import push, rows_of
from syncd.sandbox.replies import Refused, Reply, error
from syncd.sandbox.store import Store

LOGGED = 10_000
"""The most requests that the log holds; the oldest are dropped."""

BODY = 64 * 1024
"""The most bytes of a request, if the dialect ``body_size`` sets a bound."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``path`` is without ``/v1``."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """One request in the log, without a contact's values.

    ``query`` holds only pages and dates. ``status`` is 0 if no answer was sent. ``rows`` is the number of contacts
    pushed, deleted or listed, or of calls and so on. ``fault`` is the kind of the fault that struck the request.
    """

    at: float
    method: str
    path: str
    query: Mapping[str, str]
    status: int
    rows: int
    fault: str | None = None


NOTED = ("page", "limit", "start_date", "end_date")
"""The parameters that the log holds. A search may hold a phone number."""


class Backend:
    """Answers calls. With ``key`` None any Bearer token may ask, each with windows of its own.

    ``tiers`` holds the windows of ``reports`` and ``messaging``, which have no limit by default. Without ``desk`` there
    are only contacts.
    """

    # Without HTTP, so that a test can make its calls in its own process.

    def __init__(
        self,
        *,
        store: Store,
        dialects: Dialects,
        faults: Faults,
        windows: Windows,
        key: str | None,
        desk: Desk | None = None,
        tiers: Mapping[str, Windows] = MappingProxyType({}),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.dialects = dialects
        self.faults = faults
        self.windows = windows
        self.reports = tiers.get("reports", Windows(None))
        self.messaging = tiers.get("messaging", Windows(None))
        self.desk = desk
        self.key = key
        self.clock = clock
        self.log: deque[Logged] = deque(maxlen=LOGGED)
        self.listing = Listing(store)

    def note(self, call: Call, reply: Reply, fault: str | None = None) -> None:
        """Enter a request into the log."""
        status = 0 if reply.cut == "all" else reply.status
        paging = {name: call.query[name] for name in NOTED if name in call.query}
        self.log.append(Logged(self.clock(), call.method, call.path, paging, status, reply.rows, fault))

    def gate(self, call: Call) -> Reply | None:
        """Return the refusal of a wrong key (401) or a full window (429), or None."""
        if call.token is None or (self.key is not None and not _same(call.token, self.key)):
            return error(401, "Invalid or missing API key.")
        # A wrong key takes no place in a window: the windows belong to the right one.
        now, tiers = self.clock(), self._tiers(call)
        wait = max(windows.wait(call.token, now) for windows in tiers)
        if wait <= 0:
            for windows in tiers:
                windows.enter(call.token, now)
        return error(429, "Rate limit exceeded.", headers=self._retry_after(wait)) if wait > 0 else None

    def _tiers(self, call: Call) -> list[Windows]:
        if call.path == "/messages" and call.method == "POST":
            return [self.messaging]
        if call.path in ("/calls", "/messages"):
            both = self.dialects["reports_tier"] == "both"
            return [self.reports, self.windows] if both else [self.reports]
        return [self.windows]

    @property
    def date(self) -> str:
        """The Date header of an answer."""
        skew = sum(each.seconds for each in self.faults.standing(Skew) if each.of != "signatures")
        return formatdate(self.clock() + skew, usegmt=True)

    def _retry_after(self, wait: float) -> dict[str, str]:
        seconds = math.ceil(wait)
        forms = {"seconds": str(seconds), "date": formatdate(math.ceil(self.clock() + wait), usegmt=True)}
        form = forms.get(self.dialects["retry_after"])
        return {} if form is None else {"Retry-After": form}

    def work(self, call: Call, poisons: Sequence[Poison] = ()) -> Reply:
        """Do what the request asks for."""
        try:
            return self._route(call, poisons)
        except Refused as refused:
            return refused.reply
        except sqlite3.Error:
            return error(500, "The sandbox's file cannot be written.")

    def _route(self, call: Call, poisons: Sequence[Poison]) -> Reply:
        if not call.path.startswith("/contacts"):
            desk = self.desk
            return (
                nothing() if desk is None else desk.reply(call.method, call.path, call.query, lambda: self._json(call))
            )
        if call.path == "/contacts/fields":
            return Reply(200, {"fields": list(self.store.fields.items)})
        if call.method in ("GET", "HEAD"):
            return self.listing.reply(call.query)
        if call.method == "DELETE":
            # Some gateways drop the body of a DELETE.
            lost = self.dialects["delete_body"] == "lost"
            return delete(self.store, None if lost or not call.body.strip() else self._json(call))
        rows = rows_of(self._json(call), self.dialects)
        return answer(self.store, rows, push(self.store, rows, poisons))

    def _json(self, call: Call) -> Any:
        if self.dialects["body_size"] == "64kb" and len(call.body) > BODY:
            raise Refused(413, "The request is too large.")
        try:
            # Deeply nested lists exhaust the parser's recursion.
            return json.loads(call.body)
        except (ValueError, RecursionError):
            raise Refused(int(self.dialects["invalid_status"]), "The body is not JSON.") from None


def _same(token: str, key: str) -> bool:
    return secrets.compare_digest(token.encode(), key.encode())
