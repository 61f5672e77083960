"""A REST source in this process: a server that a test scripts, and the connector that reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from connectors.http_parts.surroundings import Surroundings
from connectors.rest_api.connector import RestApi
from connectors.rest_api.options import RestOptions
from syncd.source import EVERYTHING, End, Needs
from tests.contract.suite import drain, rows_of

NOON = 1_770_000_000.0

Answering = Callable[[httpx.Request], Any]


class World:
    """A server that answers with what ``answer`` returns (a response or a body), and a connector that reads it."""

    def __init__(self, answer: Answering, needs: Needs = EVERYTHING, **options: Any) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []
        self.now = NOON
        said = {"base_url": "https://crm.example.com/v1", "request": {"path": "/people"}, **options}
        around = Surroundings(httpx.MockTransport(self._reply), clock=lambda: self.now, sleep=self.slept.append)
        self.connector = RestApi("crm", RestOptions.model_validate(said), needs, around=around)

    def _reply(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        found = self.answer(request)
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    def read(self, cursor: str | None = None) -> tuple[list[dict[str, str]], End]:
        pages, end = drain(self.connector, cursor)
        return rows_of(pages), end

    def asked(self, name: str) -> list[str | None]:
        return [request.url.params.get(name) for request in self.requests]


ANN, BOB = {"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}

SINCE: dict[str, Any] = {"request": {"path": "/people", "query": {"since": "{since}", "until": "{until}"}}}

TIME: dict[str, Any] = {**SINCE, "changes": {"by": "time", "form": "unix", "overlap": 60}}
