"""Turns HTTP requests into calls, and replies into HTTP responses."""

from __future__ import annotations

import asyncio
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from syncd.sandbox.app import response
from syncd.sandbox.hubspot.backend import Backend
from syncd.sandbox.hubspot.control import control_routes
from syncd.sandbox.hubspot.errors import refusal
from syncd.sandbox.hubspot.routes import Call


def build_app(backend: Backend) -> Starlette:
    """Return the fake as an ASGI application."""
    # The control paths first: the last route takes every other path, so that an unknown one gets HubSpot's own 404.
    return Starlette(
        routes=[
            Mount("/_sandbox", routes=control_routes(backend)),
            Route("/{path:path}", partial(_api, backend), methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ],
        exception_handlers={Exception: _failed},
    )


async def _api(backend: Backend, request: Request) -> Response:
    call = await _call(request)
    # The route first: HubSpot's limits differ from operation to operation.
    route = backend.route(call)
    refused = backend.gate(call, route)
    if refused is not None:
        backend.note(route, refused)
        return response(refused)
    fault = backend.struck(call, route)
    if fault is None:
        reply = backend.work(call, route)
    else:
        await asyncio.sleep(fault.wait)
        reply = fault.strike(lambda: backend.work(call, route))
    backend.note(route, reply, fault.kind if fault else None)
    return response(reply)


async def _call(request: Request) -> Call:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return Call(
        method=request.method,
        path=request.url.path,
        query=dict(request.query_params),
        body=await request.body(),
        token=token.strip() if scheme.casefold() == "bearer" and token.strip() else None,
        length=len(str(request.url)),
    )


async def _failed(_: Request, failure: Exception) -> Response:
    return response(refusal(500, "INTERNAL_ERROR", f"The fake failed ({type(failure).__name__})."))
