"""The control paths under ``/_sandbox``: for people and tests, without a key and outside the windows.

| path | does |
|---|---|
| ``GET /health`` | 200 with a few counts |
| ``GET /dialects`` · ``PATCH {"update": "replace"}`` | every dialect with its value, values and meaning; changes some |
| ``GET /faults`` · ``POST {"kind": "drop", …}`` · ``DELETE`` | the armed faults; arms one; disarms all |
| ``GET /requests`` · ``DELETE`` | the API requests so far, without any value; forgets them |
| ``POST /contacts {"Phone": "…"}`` · ``PATCH /contacts/1 {…}`` · ``DELETE /contacts/1`` | the edits of people |
| ``GET /calls`` · ``GET /messages`` | what is true of the phones, in the dialect of nobody |
| ``POST /calls {"talk": 60}`` · ``POST /messages {"body": "…"}`` | lets a call or a message happen |
| ``POST /transcripts {"call_id": "…", "summary": "…", "transcription": "…"}`` | gives a call its texts |
| ``POST /traffic {"per_day": 500}`` | lets invented people call from now on |
| ``GET /deliveries`` · ``DELETE`` | the attempts to deliver events, without their bodies; forgets them |
| ``PUT /fields [{"name": "…", "is_match": true}, …]`` | the company's fields |
"""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from syncd.errors import ConfigError
from syncd.sandbox.activity.control import activity_routes
from syncd.sandbox.activity.faults import ALL_KINDS
from syncd.sandbox.backend import Backend
from syncd.sandbox.controls import Controls, texts
from syncd.sandbox.faults import parse_fault
from syncd.sandbox.replies import error


def control_routes(backend: Backend) -> list[Route]:
    """The routes, to be mounted at ``/_sandbox``."""
    parse = partial(parse_fault, kinds=ALL_KINDS)
    controls = Controls(backend, parse, lambda status, text: error(status, text).body, "No such record.")
    return [
        *controls.routes(),
        controls.route("/health", _health, "GET"),
        controls.route("/contacts", _add, "POST"),
        controls.route("/contacts/{number:int}", _person, "PATCH", "DELETE"),
        controls.route("/fields", _fields, "PUT"),
        *activity_routes(controls),
    ]


async def _health(backend: Backend, _: Request) -> Any:
    return {"status": "ok", "contacts": len(backend.store.rows), "requests": len(backend.log)}


async def _add(backend: Backend, request: Request) -> Any:
    return {"id": backend.store.add(await texts(request))}


# These are the edits of people at the company, so syncd must find them as drift.
async def _person(backend: Backend, request: Request) -> Any:
    number = int(request.path_params["number"])
    if request.method == "PATCH":
        backend.store.edit(number, await texts(request))
    else:
        backend.store.delete(number)
    return {"id": number}


async def _fields(backend: Backend, request: Request) -> Any:
    items = await request.json()
    # The fields' own rules (a name, an id) are checked by the store.
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ConfigError('the fields are a list of objects such as {"name": "Phone", "is_phone": true}')
    backend.store.set_fields(items)
    return {"fields": list(backend.store.fields.items)}
