"""Turns HTTP requests into calls, and replies into HTTP responses."""

from __future__ import annotations

import asyncio
import json
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncd.sandbox.activity.desk import PATHS, is_slow
from syncd.sandbox.backend import Backend, Call
from syncd.sandbox.control import control_routes
from syncd.sandbox.faults import Faults, Hold, Work
from syncd.sandbox.replies import Reply, error

TRANSPORT = "transport"
"""The name in a request's state of the connection's transport, so that a fault can cut the connection."""

# Seconds between two checks whether a request is still held.
_POLL = 0.005


def build_app(backend: Backend) -> Starlette:
    """Return the sandbox as an ASGI application; faults that cut a connection need the server's own protocol class."""
    api = partial(_api, backend)
    v1 = [
        Route("/contacts/fields", api, methods=["GET"]),
        Route("/contacts", api, methods=["GET", "POST", "DELETE"]),
        *(Route(path, api, methods=list(methods)) for path, methods in PATHS),
    ]
    return Starlette(
        routes=[Mount("/v1", routes=v1), Mount("/_sandbox", routes=control_routes(backend))],
        middleware=[Middleware(_Dated, backend=backend)],
        exception_handlers={HTTPException: _not_routed, Exception: _failed},
    )


class _Dated:
    """Gives each answer a Date header of the sandbox's own clock."""

    def __init__(self, app: ASGIApp, backend: Backend) -> None:
        self.app = app
        self.backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"date", self.backend.date.encode())]}
            await send(message)

        await self.app(scope, receive, dated)


async def _api(backend: Backend, request: Request) -> Response:
    call = await _call(request)
    # A refused request meets no fault: a fault that strikes once must strike a request that counts.
    refusal = backend.gate(call)
    if refusal is not None:
        backend.note(call, refusal)
        return response(refusal)
    fault, poisons = backend.faults.struck(call.method, call.path)
    work = partial(backend.work, call, poisons)
    if isinstance(fault, Hold):
        reply = await _held(backend.faults, fault, work)
    else:
        await asyncio.sleep(fault.wait if fault else 0)
        strike = partial(fault.strike, work) if fault else work
        reply = await asyncio.to_thread(strike) if is_slow(call.path) else strike()
    backend.note(call, reply, fault.kind if fault else None)
    return response(reply)


async def _held(faults: Faults, fault: Hold, work: Work) -> Reply:
    worked = work() if fault.done else None
    # Disarming is counted: a fault that is armed again at once must not hold this request further.
    begun = faults.disarmed
    faults.holding += 1
    try:
        while faults.disarmed == begun:  # noqa: ASYNC110 (it is disarmed by any thread, in no loop)
            await asyncio.sleep(_POLL)
    finally:
        faults.holding -= 1
    return worked or work()


async def _call(request: Request) -> Call:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return Call(
        method=request.method,
        path=request.url.path.removeprefix("/v1"),
        query=dict(request.query_params),
        body=await request.body(),
        token=token.strip() if scheme.casefold() == "bearer" and token.strip() else None,
    )


def response(reply: Reply) -> Response:
    """Return the reply as an HTTP response."""
    headers = dict(reply.headers)
    if reply.content is not None:
        whole = Response(reply.content, reply.status, headers, "application/json")
    elif reply.text is not None:
        whole = Response(reply.text, reply.status, headers, "text/html" if reply.text else None)
    elif reply.body is None:
        whole = Response(status_code=reply.status, headers=headers)
    else:
        content = json.dumps(reply.body, separators=(",", ":"))
        whole = Response(content, reply.status, headers, "application/json")
    return whole if reply.cut == "no" else _Cut(whole, share=0.5 if reply.cut == "half" else 0.0)


class _Cut(Response):
    """Sends a share of a response and ends the connection; a share of 0 sends nothing."""

    def __init__(self, whole: Response, *, share: float) -> None:
        super().__init__(status_code=whole.status_code)
        self.raw_headers = whole.raw_headers
        self.part = bytes(whole.body)[: int(len(whole.body) * share)]
        self.silent = not share

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport: asyncio.Transport = scope["state"][TRANSPORT]
        if self.silent:
            transport.abort()
        else:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self.part, "more_body": True})
            transport.close()
        # The server takes a request without a whole response for an error, unless it has seen the connection end.
        while (await receive())["type"] != "http.disconnect":
            pass


async def _not_routed(request: Request, failure: Exception) -> Response:
    status = failure.status_code if isinstance(failure, HTTPException) else 500
    return response(error(status, f"No {request.method} {request.url.path} here."))


async def _failed(_: Request, failure: Exception) -> Response:
    return response(error(500, f"The sandbox failed ({type(failure).__name__})."))
