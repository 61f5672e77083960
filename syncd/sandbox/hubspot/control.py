"""The control paths under ``/_sandbox``: for people and tests, without a key and outside the limits.

| path | does |
|---|---|
| ``GET /health`` | 200 with a few counts |
| ``GET /dialects`` · ``PATCH {"merge": "primary"}`` | every dialect with its value, values and meaning; changes some |
| ``GET /faults`` · ``POST {"kind": "limited", …}`` · ``DELETE`` | the armed faults; arms one; disarms all |
| ``GET /requests`` · ``DELETE`` | the requests so far, without any value; forgets them |
| ``POST /contacts {"phone": "…"}`` · ``PATCH /contacts/1 {…}`` · ``DELETE /contacts/1`` | adds, edits, archives one |
| ``POST /contacts/1/restore`` · ``POST /contacts/1/purge`` | takes one out of the bin; deletes one for good |
| ``POST /merge {"primary": "1", "secondary": "2"}`` | merges two contacts |
| ``POST /companies {"name": "…"}`` · ``PATCH /companies/1 {…}`` | adds, edits a company |
| ``POST /link {"contact": "1", "company": "2"}`` | makes it the contact's primary company |
| ``PUT /scopes ["crm.objects.contacts.read"]`` | what the key may do |
| ``PUT /owners {"4155501": "jane@example.com"}`` | the account's users |

Calls and messages (``/calls``, ``/communications``) are added, edited and archived like contacts.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from syncd.errors import ConfigError
from syncd.sandbox.controls import Controls, texts
from syncd.sandbox.faults import parse_fault
from syncd.sandbox.hubspot.backend import Backend
from syncd.sandbox.hubspot.errors import refusal
from syncd.sandbox.hubspot.faults import KINDS
from syncd.sandbox.hubspot.records import Table

CATEGORIES = {404: "OBJECT_NOT_FOUND", 400: "VALIDATION_ERROR"}


def control_routes(backend: Backend) -> list[Route]:
    """The routes, to be mounted at ``/_sandbox``."""
    controls = Controls(backend, partial(parse_fault, kinds=KINDS), _refused, "There is no such record.")
    return [
        *controls.routes(),
        controls.route("/health", _health, "GET"),
        controls.route("/merge", _merge, "POST"),
        controls.route("/link", _link, "POST"),
        controls.route("/scopes", _scopes, "PUT"),
        controls.route("/owners", _owners, "PUT"),
        # Behind the fixed paths, which these patterns would take too.
        controls.route("/{kind}", _add, "POST"),
        controls.route("/{kind}/{number:int}", _change, "PATCH", "DELETE"),
        controls.route("/{kind}/{number:int}/{action}", _act, "POST"),
    ]


def _refused(status: int, text: str) -> Any:
    return refusal(status, CATEGORIES[status], text).body


async def _health(backend: Backend, _: Request) -> Any:
    return {"status": "ok", **backend.portal.counts(), "requests": len(backend.log)}


async def _merge(backend: Backend, request: Request) -> Any:
    wanted = await texts(request)
    with backend.portal.lock:
        return {"id": backend.portal.merge(int(wanted["primary"]), int(wanted["secondary"]))}


async def _link(backend: Backend, request: Request) -> Any:
    wanted = await texts(request)
    with backend.portal.lock:
        backend.portal.link(int(wanted["contact"]), int(wanted["company"]), primary=True)
    return wanted


async def _scopes(backend: Backend, request: Request) -> Any:
    wanted = await request.json()
    if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
        raise ConfigError("the scopes are a list of texts")
    backend.portal.scopes = set(wanted)
    return wanted


async def _owners(backend: Backend, request: Request) -> Any:
    backend.portal.owners = await texts(request)
    return backend.portal.owners


async def _add(backend: Backend, request: Request) -> Any:
    table, values = _table(backend, request), await texts(request, str | None)
    with backend.portal.lock:
        return {"id": table.add(_known(table, values))}


async def _change(backend: Backend, request: Request) -> Any:
    table, number = _table(backend, request), int(request.path_params["number"])
    # The body is read outside the lock, which a slow client would hold.
    values = await texts(request, str | None) if request.method == "PATCH" else {}
    with backend.portal.lock:
        if request.method == "PATCH":
            table.edit(number, _known(table, values))
        else:
            table.archive(number)
    return {"id": number}


async def _act(backend: Backend, request: Request) -> Any:
    table, number = _table(backend, request), int(request.path_params["number"])
    # An unknown action is a KeyError, like an unknown record: a 404.
    actions = {"restore": table.restore, "purge": table.purge}
    with backend.portal.lock:
        actions[request.path_params["action"]](number)
    return {"id": number}


def _table(backend: Backend, request: Request) -> Table:
    table = backend.portal.table(request.path_params["kind"])
    if table is None:
        raise KeyError(request.path_params["kind"])
    return table


def _known(table: Table, values: dict[str, str | None]) -> dict[str, str | None]:
    # The API leaves unknown names out without a word; a person's mistake gets a sentence.
    unknown = [name for name in values if name not in table.types]
    if unknown:
        raise ConfigError(f"there is no property {unknown[0]!r}; there are: {', '.join(table.types)}")
    return values
