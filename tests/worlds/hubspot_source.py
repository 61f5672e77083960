"""A HubSpot account and the connector that reads it, in this process and on a clock that the test moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx
import polars as pl

from connectors.hubspot.connector import HubSpot
from connectors.hubspot.cursor import Cursor
from connectors.hubspot.options import HubSpotOptions
from syncd.source import End, Needs
from tests.contract.suite import drain, rows_of
from tests.worlds.hubspot_account import Account, direct

BY_ID = Needs(("hs_object_id",), frozenset({"hs_object_id", "firstname", "phone"}))
WITH_COMPANY = replace(BY_ID, columns=BY_ID.columns | {"company.name"})

MINUTES = 60.0
HOUR = 3_600.0
DAY = 86_400.0

Ask = Callable[[httpx.Request], httpx.Response]
"""Sends a request to the account."""

Meddle = Callable[[httpx.Request, Ask], httpx.Response]
"""Answers a request in place of the account, which the second argument can ask."""


class Crm(Account):
    """An account with ``count`` contacts. ``read`` goes on from the last read's cursor and fills ``rows`` and ``end``.

    ``held``: the rows of a reader who follows every read, by key.

    ``meddle``: answers a request in place of the account, or passes it on and does something more.
    """

    def __init__(self, count: int = 0, *, needs: Needs = BY_ID, options: Mapping[str, Any] = {}, **fake: Any) -> None:
        super().__init__(**fake)
        self.needs = needs
        self.page_rows = 500
        self.meddle: Meddle = lambda request, ask: ask(request)
        self._ask = direct(self.fake).handle_request
        self.options = {"service_key": self.fake.key, **options}
        self.cursor: str | None = None
        self.rows: list[dict[str, Any]] = []
        self.end: End
        self.held: dict[str, Mapping[str, Any]] = {}
        self.contacts.add_all({"firstname": f"Ann {number}", "phone": "2125550100"} for number in range(1, count + 1))
        self.clock.now += DAY

    def connector(self) -> HubSpot:
        return HubSpot(
            "crm",
            HubSpotOptions(base_url="https://hubspot.example.com", **self.options),
            self.needs,
            transport=httpx.MockTransport(self._handle),
            clock=self.clock,
            timer=self.clock,
            sleep=self.clock.sleep,
            page_rows=self.page_rows,
        )

    def _handle(self, request: httpx.Request) -> httpx.Response:
        return self.meddle(request, self._ask)

    def read(self, *, later: float = 20 * MINUTES) -> list[str]:
        """Read, after ``later`` seconds, and return the ids of the rows."""
        self.read_rows(later=later)
        return [row["hs_object_id"] for row in self.rows]

    def read_rows(self, *, later: float = 20 * MINUTES) -> None:
        """Read, after ``later`` seconds."""
        self.clock.now += later
        self.fake.backend.log.clear()
        pages, self.end = drain(self.connector(), self.cursor)
        self.rows = rows_of(pages)
        self.cursor = self.end.cursor

    def read_up_to_now(self) -> None:
        """Set the cursor as if everything had just been read."""
        now = self.clock.ms
        self.cursor = Cursor(now, now, now, now).text()

    def asked(self) -> Counter[str]:
        """Count the requests of the last read by kind: ``contacts/search``, ``contacts/batch``, …."""
        return Counter(f"{each.kind}/{each.operation}" for each in self.fake.requests)

    def present(self) -> list[str]:
        """Return the keys that the last read reports as present."""
        found = self.end.present
        assert isinstance(found, pl.DataFrame)
        return found.get_column(found.columns[0]).to_list()
