"""One account without HTTP: the tokens, the rates, and the endpoint of each request."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any

from syncd.sandbox.dialects import Dialects
from syncd.sandbox.faults import Drop, Fault, Faults
from syncd.sandbox.hubspot.associations import associate, labels, read_links
from syncd.sandbox.hubspot.errors import Refused, invalid, missing_scopes, refusal
from syncd.sandbox.hubspot.portal import Portal
from syncd.sandbox.hubspot.rates import Rates
from syncd.sandbox.hubspot.reading import Reader, dispositions, owners
from syncd.sandbox.hubspot.routes import WRITES, Call, Route, route_of
from syncd.sandbox.hubspot.search import Search
from syncd.sandbox.hubspot.tokens import Tokens
from syncd.sandbox.hubspot.writing import Writer
from syncd.sandbox.replies import Reply

LOGGED = 10_000
"""The most requests that the log holds; the oldest are dropped."""


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
        tables = [portal.contacts, portal.companies, portal.calls, portal.communications]
        self._readers = {each.kind: Reader(each, dialects=portal.dialects, host=host) for each in tables}
        self._searches = {kind: Search(reader) for kind, reader in self._readers.items()}
        self._writers = {kind: Writer(reader, portal) for kind, reader in self._readers.items()}

    def route(self, call: Call) -> Route:
        """Return the target of the request; its operation is empty if there is no such endpoint."""
        return route_of(call)

    def struck(self, call: Call, route: Route) -> Fault | None:
        """Return the fault that strikes the request, if any."""
        fault, _ = self.faults.struck(call.method, route.operation)
        # Whether a write was carried out is what a client does not know when its answer is lost.
        if isinstance(fault, Drop) and route.operation in WRITES:
            return replace(fault, done=self.dialects["create_lost"] == "stored")
        return fault

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
            fault = self.struck(call, route)
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
        if route.kind and self.portal.table(route.kind) is None:
            raise invalid(f"Unable to infer object type from: {route.kind}")
        # A test may take a scope away while a client is under way.
        missing = [scope for scope in route.scopes if scope not in self.portal.scopes]
        if missing:
            raise missing_scopes(missing)
        return self._write(call, route) if route.operation in WRITES else self._read(call, route)

    def _read(self, call: Call, route: Route) -> Reply:
        match route.operation:
            case "owners":
                return owners(self.portal, call.query)
            case "dispositions":
                return dispositions()
            case "labels":
                return labels(route.kind, route.to)
            case "associations":
                return read_links(self.portal, route.kind, _json(call.body), numbers=self._numbers(route))
            case _:
                return self._records(call, route)

    def _records(self, call: Call, route: Route) -> Reply:
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
            case _:
                return self._searches[route.kind].answer(call.body, _json(call.body))

    def _write(self, call: Call, route: Route) -> Reply:
        writer = self._writers[route.kind]
        match route.operation:
            case "archive":
                return writer.archive(route.number)
            case "associate":
                return associate(self.portal, route.kind, route.to, _json(call.body), numbers=self._numbers(route))
            case "property":
                return Reply(201, self._readers[route.kind].table.schema.make(_json(call.body)))
            case "update":
                return writer.update(route.number, _json(call.body))
            case "create":
                return writer.create(_json(call.body))
            case batch:
                write: Callable[[Any], Reply] = getattr(writer, batch)
                return write(_json(call.body))

    def _numbers(self, route: Route) -> bool:
        shape = self.dialects["association_ids"]
        return shape == "integer" or (shape == "version" and route.version == "v4")


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        raise invalid("Invalid input JSON") from None
