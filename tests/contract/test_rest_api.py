"""The contract over a REST source: a server with pages, a filter by time, and a list of what was deleted."""

from collections.abc import Sequence

import httpx
import pytest

from connectors.http_parts.surroundings import Surroundings
from connectors.rest_api.connector import RestApi
from connectors.rest_api.options import RestOptions
from syncd.source import Connector
from tests.contract.suite import COLUMNS, ConnectorContract, Row, World

PAGE = 7


class Server:
    """Rows with the second at which each changed. Every answer takes a minute, so that moments differ."""

    def __init__(self) -> None:
        self.now = 1_770_000_000
        self.rows: dict[str, tuple[int, Row]] = {}
        self.gone: dict[str, int] = {}
        self.up = True

    def fill(self, rows: Sequence[Row]) -> None:
        self.now += 3600
        before, self.rows = self.rows, {}
        for row in rows:
            known = before.pop(row["id"], None)
            self.rows[row["id"]] = known if known and known[1] == row else (self.now, dict(row))
        self.gone |= dict.fromkeys(before, self.now)
        self.now += 3600

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if not self.up:
            raise httpx.ConnectError("refused")
        asked = request.url.params
        since = int(asked.get("since", 0))
        if request.url.path == "/deleted":
            return httpx.Response(200, json=[{"id": id_} for id_, at in self.gone.items() if at >= since])
        found = [row for at, row in self.rows.values() if at >= since]
        begin = int(asked.get("token", 0))
        following = {"next": str(begin + PAGE)} if begin + PAGE < len(found) else {}
        return httpx.Response(200, json={"data": found[begin : begin + PAGE], **following})


OPTIONS = {
    "base_url": "https://crm.example.com",
    "request": {"path": "/rows", "query": {"token": "{token}", "since": "{since}"}},
    "records": {"path": "data"},
    "page": {"by": "token", "from": "next"},
    "columns": {name: name for name in COLUMNS},
    "changes": {"by": "time", "form": "unix", "overlap": 5},
    "deletes": {"feed": {"request": {"path": "/deleted", "query": {"since": "{since}"}}}},
}


class RestWorld:
    def __init__(self) -> None:
        self.server = Server()

    def fill(self, rows: Sequence[Row]) -> None:
        self.server.fill(rows)

    def meanwhile(self, rows: Sequence[Row]) -> None:
        self.fill(rows)

    def remove(self) -> None:
        self.server.up = False

    def connector(self) -> Connector:
        around = Surroundings(httpx.MockTransport(self.server), clock=lambda: self.server.now, sleep=lambda _: None)
        return RestApi("crm", RestOptions.model_validate(OPTIONS), around=around)


class TestRestApi(ConnectorContract):
    @pytest.fixture
    def world(self) -> World:
        return RestWorld()
