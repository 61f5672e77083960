"""The control paths under ``/_sandbox``: for people and tests, without a key and outside the windows.

| path | does |
|---|---|
| ``GET /health`` | 200 with a few counts |
| ``GET /dialects`` · ``PATCH {"update": "replace"}`` | every dialect with its value, values and meaning; changes some |
| ``GET /faults`` · ``POST {"kind": "drop", …}`` · ``DELETE`` | the armed faults; arms one; disarms all |
| ``GET /requests`` · ``DELETE`` | the API requests so far, without any value; forgets them |
| ``POST /contacts {"Phone": "…"}`` · ``PATCH /contacts/1 {…}`` · ``DELETE /contacts/1`` | what people do by hand |
| ``PUT /fields [{"name": "…", "is_match": true}, …]`` | the company's fields |
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncd.errors import ConfigError
from syncd.sandbox.backend import Backend
from syncd.sandbox.faults import parse_fault
from syncd.sandbox.replies import error

Handler = Callable[[Backend, Request], Awaitable[Any]]


def control_routes(backend: Backend) -> list[Route]:
    """The routes, to be mounted at ``/_sandbox``."""

    def route(path: str, handler: Handler, *methods: str) -> Route:
        return Route(path, partial(_guarded, handler, backend), methods=list(methods))

    return [
        route("/health", _health, "GET"),
        route("/dialects", _dialects, "GET", "PATCH"),
        route("/faults", _faults, "GET", "POST", "DELETE"),
        route("/requests", _requests, "GET", "DELETE"),
        route("/contacts", _add, "POST"),
        route("/contacts/{number:int}", _person, "PATCH", "DELETE"),
        route("/fields", _fields, "PUT"),
    ]


async def _guarded(handler: Handler, backend: Backend, request: Request) -> Response:
    """Answer with what ``handler`` returns, or with why it cannot."""
    try:
        return JSONResponse(await handler(backend, request))
    except KeyError:
        return JSONResponse(error(404, "Contact not found.").body, 404)
    except (ConfigError, ValueError) as problem:
        return JSONResponse(error(400, str(problem)).body, 400)


async def _health(backend: Backend, _: Request) -> Any:
    return {"status": "ok", "contacts": len(backend.store.rows), "requests": len(backend.log)}


async def _dialects(backend: Backend, request: Request) -> Any:
    if request.method == "PATCH":
        for name, value in (await _texts(request)).items():
            backend.dialects.choose(name, value)
    table = backend.dialects.table
    return {
        name: {"value": value, "values": list(table[name].values), "meaning": table[name].meaning}
        for name, value in backend.dialects.items()
    }


async def _faults(backend: Backend, request: Request) -> Any:
    if request.method == "POST":
        backend.faults.arm(parse_fault(await request.json()))
    elif request.method == "DELETE":
        backend.faults.disarm()
    return {"faults": backend.faults.shown()}


async def _requests(backend: Backend, request: Request) -> Any:
    if request.method == "DELETE":
        backend.log.clear()
    return {"requests": [asdict(entry) for entry in backend.log]}


async def _add(backend: Backend, request: Request) -> Any:
    return {"id": backend.store.add(await _texts(request))}


async def _person(backend: Backend, request: Request) -> Any:
    number = int(request.path_params["number"])
    if request.method == "PATCH":
        backend.store.edit(number, await _texts(request))
    else:
        backend.store.delete(number)
    return {"id": number}


async def _fields(backend: Backend, request: Request) -> Any:
    items = await request.json()
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ConfigError('the fields are a list of objects such as {"name": "Phone", "is_phone": true}')
    backend.store.set_fields(items)
    return {"fields": list(backend.store.fields.items)}


async def _texts(request: Request) -> dict[str, str]:
    body = await request.json()
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
        raise ConfigError('the body must be an object of texts such as {"NAME": "VALUE"}')
    return body
