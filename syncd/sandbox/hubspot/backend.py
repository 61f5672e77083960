"""One account without HTTP: the tokens, the rates, and the endpoint of each request."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any

from syncd.sandbox.dialects import Dialects
from syncd.sandbox.faults import Faults
from syncd.sandbox.hubspot.associations import read_links
from syncd.sandbox.hubspot.errors import Refused, invalid, missing_scopes, refusal
from syncd.sandbox.hubspot.portal import Portal
from syncd.sandbox.hubspot.rates import Rates
from syncd.sandbox.hubspot.reading import Reader
from syncd.sandbox.hubspot.search import Search
from syncd.sandbox.hubspot.tokens import Tokens
from syncd.sandbox.replies import Reply

VERSIONS = frozenset({"v3", "2025-09", "2026-03", "2026-09"})
LOGGED = 10_000
"""The most requests that the log holds; the oldest are dropped."""

# Newer versions of the API carry a date and order the path in another way; both are served.
_ROUTES: Sequence[tuple[str, str, str]] = (
    ("GET", "list", r"/crm/objects/(?P<version>\d{4}-\d\d)/(?P<kind>\w+)"),
    ("POST", "search", r"/crm/objects/(?P<version>\d{4}-\d\d)/(?P<kind>\w+)/search"),
    ("POST", "batch", r"/crm/objects/(?P<version>\d{4}-\d\d)/(?P<kind>\w+)/batch/read"),
    ("GET", "record", r"/crm/objects/(?P<version>\d{4}-\d\d)/(?P<kind>\w+)/(?P<id>\d+)"),
    ("GET", "list", r"/crm/(?P<version>v3)/objects/(?P<kind>\w+)"),
    ("POST", "search", r"/crm/(?P<version>v3)/objects/(?P<kind>\w+)/search"),
    ("POST", "batch", r"/crm/(?P<version>v3)/objects/(?P<kind>\w+)/batch/read"),
    ("GET", "record", r"/crm/(?P<version>v3)/objects/(?P<kind>\w+)/(?P<id>\d+)"),
    ("POST", "associations", r"/crm/associations/(?P<version>\d{4}-\d\d)/(?P<kind>\w+)/(?P<to>\w+)/batch/read"),
    ("POST", "associations", r"/crm/(?P<version>v4)/associations/(?P<kind>\w+)/(?P<to>\w+)/batch/read"),
    ("GET", "properties", r"/crm/properties/(?P<version>\d{4}-\d\d)/(?P<kind>\w+)"),
    ("GET", "properties", r"/crm/(?P<version>v3)/properties/(?P<kind>\w+)"),
    ("POST", "token", r"/oauth/(?P<version>v1|v3|\d{4}-\d\d)/token"),
)
_PATTERNS = [(method, operation, re.compile(path)) for method, operation, path in _ROUTES]


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``path`` begins with ``/crm`` or ``/oauth``; ``length`` is the length of its URL."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    token: str | None = None
    length: int = 0


@dataclass(frozen=True, slots=True)
class Logged:
    """One request in the log, without a value of a record. ``operation`` is ``list``, ``search``, ``batch``, ….

    ``kind``: the kind of its records. ``rows``: the number of records in the answer. ``status`` is 0 without an answer.
    """

    at: float
    operation: str
    kind: str
    status: int
    rows: int
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """The target of a request. ``kind``: the kind of its records; ``number``: the id of its single record."""

    operation: str = ""
    kind: str = ""
    version: str = ""
    number: str = ""


class Backend:
    """Answers calls. ``host`` is the beginning of links in answers."""

    def __init__(
        self,
        *,
        portal: Portal,
        tokens: Tokens,
        rates: Rates,
        faults: Faults,
        host: str = "https://hubspot.example.com",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.portal = portal
        self.dialects: Dialects = portal.dialects
        self.tokens = tokens
        self.rates = rates
        self.faults = faults
        self.clock = clock
        self.log: deque[Logged] = deque(maxlen=LOGGED)
        tables = {"contacts": portal.contacts, "companies": portal.companies}
        self._readers = {kind: Reader(table, dialects=portal.dialects, host=host) for kind, table in tables.items()}
        self._searches = {kind: Search(reader) for kind, reader in self._readers.items()}

    def route(self, call: Call) -> Route:
        """Return the target of the request; its operation is empty if there is no such endpoint."""
        for method, operation, pattern in _PATTERNS:
            found = pattern.fullmatch(call.path) if method == call.method else None
            # The vendor retires dated versions: an old one must not be served by accident.
            if found and found["version"] in VERSIONS | {"v1", "v4"}:
                parts = found.groupdict()
                return Route(operation, parts.get("kind", ""), parts["version"], parts.get("id", ""))
        return Route()

    def gate(self, call: Call, route: Route) -> Reply | None:
        """Return the refusal of a bad token (401, 530) or of a request above the rates (429), or None."""
        # A token that is refused, or expired, can always be renewed.
        if route.operation == "token":
            return None
        status = self.tokens.refusal(call.token)
        # A gateway answers a text that does not look like a token, before the API sees it.
        if status == 530:
            return Reply(530, text="<html><body>error code: 530</body></html>")
        if status:
            return refusal(status, "INVALID_AUTHENTICATION", "Authentication credentials not found or not valid.")
        return self.rates.refusal(route.operation, call.token or "", self.clock())

    def work(self, call: Call, route: Route) -> Reply:
        """Do what the request asks for."""
        try:
            with self.portal.lock:
                reply = self._answer(call, route)
        except Refused as refused:
            return replace(refused.reply, headers={**refused.reply.headers, "Date": self._date()})
        shown = self.rates.headers(route.operation, call.token or "", self.clock(), oauth=self._is_oauth(call))
        headers = {**reply.headers, **shown, "Date": self._date()}
        return Reply(reply.status, reply.body, headers=headers, rows=reply.rows)

    def _date(self) -> str:
        return formatdate(self.clock(), usegmt=True)

    def note(self, route: Route, reply: Reply, fault: str | None = None) -> None:
        """Enter a request into the log."""
        # 0: the client saw no status.
        status = 0 if reply.cut == "all" else reply.status
        self.log.append(Logged(self.clock(), route.operation, route.kind, status, reply.rows, fault))

    def reply(self, call: Call) -> Reply:
        """Answer a client in the same process: gate and work in one, with the faults that need no connection."""
        route = self.route(call)
        reply = self.gate(call, route)
        fault = None
        if reply is None:
            fault, _ = self.faults.struck(call.method, route.operation)
            reply = fault.strike(lambda: self.work(call, route)) if fault else self.work(call, route)
        self.note(route, reply, fault.kind if fault else None)
        return reply

    def _is_oauth(self, call: Call) -> bool:
        return self.tokens.is_oauth(call.token)

    def _answer(self, call: Call, route: Route) -> Reply:
        if not route.operation:
            raise Refused(404, "OBJECT_NOT_FOUND", "Unable to infer the resource from the path.")
        if route.operation == "token":
            return self.tokens.exchange(call.body)
        # A reader that asks for many properties in the query meets this bound.
        if call.length > int(self.dialects["url"]):
            return Reply(414, text="<html><body>414 Request-URI Too Large</body></html>")
        if self.portal.table(route.kind) is None:
            raise invalid(f"Unable to infer object type from: {route.kind}")
        self._require_scope(route)
        return self._read(call, route)

    def _read(self, call: Call, route: Route) -> Reply:
        reader = self._readers[route.kind]
        match route.operation:
            case "list":
                return reader.page(call.query)
            case "record":
                return reader.read(route.number, call.query)
            case "properties":
                return reader.definitions()
            case "batch":
                return reader.batch(call.query, _json(call.body))
            case "search":
                return self._searches[route.kind].answer(call.body, _json(call.body))
            case _:
                shape = self.dialects["association_ids"]
                numbers = shape == "integer" or (shape == "version" and route.version == "v4")
                return read_links(self.portal, route.kind, _json(call.body), numbers=numbers)

    def _require_scope(self, route: Route) -> None:
        group = "schemas" if route.operation == "properties" else "objects"
        needed = [f"crm.{group}.{route.kind}.read"]
        if route.operation == "associations":
            needed = ["crm.objects.contacts.read", "crm.objects.companies.read"]
        # A test may take a scope away while a reader is under way.
        missing = [scope for scope in needed if scope not in self.portal.scopes]
        if missing:
            raise missing_scopes(missing)


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        raise invalid("Invalid input JSON") from None
