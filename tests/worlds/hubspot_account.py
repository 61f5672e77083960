"""A HubSpot account that is asked without a connection, on a clock that the test moves."""

from __future__ import annotations

from typing import Any

import httpx

from syncd.sandbox.hubspot.routes import Call
from syncd.sandbox.hubspot.server import HubSpot
from tests.worlds import request_log

NOON = 1_780_000_000.0
"""When the account's time begins (seconds since 1970)."""

LIST = "/crm/objects/2026-09/contacts"


class Clock(request_log.Clock):
    """A clock of the account: it begins at :data:`NOON`, and it also tells milliseconds."""

    def __init__(self) -> None:
        super().__init__(NOON)

    @property
    def ms(self) -> int:
        return int(self.now * 1000)


def direct(fake: HubSpot) -> httpx.MockTransport:
    """Return a transport that asks the account in this process; an answer that is cut off raises ``ReadError``."""

    def handle(request: httpx.Request) -> httpx.Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        reply = fake.backend.reply(
            Call(
                method=request.method,
                path=request.url.path,
                query=dict(request.url.params),
                body=request.content,
                token=token if scheme == "Bearer" else None,
                length=len(str(request.url)),
            )
        )
        if reply.cut != "no":
            raise httpx.ReadError("cut off")
        if reply.text is not None:
            return httpx.Response(reply.status, text=reply.text, headers=dict(reply.headers))
        if reply.body is None:
            return httpx.Response(reply.status, headers=dict(reply.headers))
        return httpx.Response(reply.status, json=reply.body, headers=dict(reply.headers))

    return httpx.MockTransport(handle)


class Account:
    """An account and a client that asks it; ``get`` and ``post`` return the answer's body."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.fake = HubSpot(clock=self.clock, **{"limits": None, **settings})
        self.contacts = self.fake.portal.contacts
        self.companies = self.fake.portal.companies
        self.client = httpx.Client(
            transport=direct(self.fake),
            base_url="https://hubspot.example.com",
            headers={"Authorization": f"Bearer {self.fake.key}"},
        )

    def get(self, path: str, **params: Any) -> Any:
        return self.client.get(path, params=params).json()

    def post(self, path: str, body: Any) -> Any:
        return self.client.post(path, json=body).json()

    def ids(self, **params: Any) -> list[str]:
        """Return the ids of all pages of a list."""
        found: list[str] = []
        while True:
            page = self.get("/crm/objects/2026-09/contacts", **params)
            found += [each["id"] for each in page["results"]]
            if "paging" not in page:
                return found
            params["after"] = page["paging"]["next"]["after"]

    def search(self, *filters: tuple[str, str, str], **more: Any) -> Any:
        each = [{"propertyName": name, "operator": how, "value": value} for name, how, value in filters]
        return self.post("/crm/objects/2026-09/contacts/search", {"filterGroups": [{"filters": each}], **more})


def account(count: int = 3, **settings: Any) -> Account:
    made = Account(**settings)
    made.contacts.add_all({"firstname": f"Ann {number}", "phone": "2125550100"} for number in range(count))
    return made


def batch(made: Account, *ids: int, version: str = "2026-09", **query: str) -> httpx.Response:
    body = {"inputs": [{"id": str(each)} for each in ids], "properties": ["firstname"], "propertiesWithHistory": []}
    return made.client.post(f"/crm/objects/{version}/contacts/batch/read", params=query, json=body)
