"""The control paths that every sandbox has: dialects, faults, the log of requests, and answers to wrong input."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableSequence
from dataclasses import asdict, dataclass
from functools import partial
from types import UnionType
from typing import Any, Generic, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncd.errors import ConfigError
from syncd.sandbox.dialects import Dialects
from syncd.sandbox.faults import Fault, Faults


class Controlled(Protocol):
    """The part of a backend that the control paths use."""

    dialects: Dialects
    faults: Faults

    @property
    def log(self) -> MutableSequence[Any]: ...


B = TypeVar("B", bound=Controlled)

Handler = Callable[[B, Request], Awaitable[Any]]
"""Handles a control path and returns the JSON of the answer; raises KeyError if there is no such record."""


@dataclass(frozen=True, slots=True)
class Controls(Generic[B]):
    """Makes the routes of one backend.

    ``parse`` reads a fault; ``refuse`` makes the body of a refusal from a status and a text; ``missing`` is the text
    about a record that does not exist.
    """

    # Each service has its own form of errors, so the bodies of refusals are made by the backend's side.

    backend: B
    parse: Callable[[Any], Fault]
    refuse: Callable[[int, str], Any]
    missing: str

    def route(self, path: str, handler: Handler[B], *methods: str) -> Route:
        """Return a route, to be mounted at ``/_sandbox``."""
        return Route(path, partial(self._guarded, handler), methods=list(methods))

    def routes(self) -> list[Route]:
        """Return the routes that every sandbox has."""
        return [
            self.route("/dialects", _dialects, "GET", "PATCH"),
            self.route("/faults", self._faults, "GET", "POST", "DELETE"),
            self.route("/requests", _requests, "GET", "DELETE"),
        ]

    async def _guarded(self, handler: Handler[B], request: Request) -> Response:
        """Answer with the result of ``handler``, or with its error."""
        # A wrong control request is the tester's mistake: it gets a sentence, not a stack trace.
        try:
            return JSONResponse(await handler(self.backend, request))
        except KeyError:
            return JSONResponse(self.refuse(404, self.missing), 404)
        except (ConfigError, ValueError) as problem:
            return JSONResponse(self.refuse(400, str(problem)), 400)

    async def _faults(self, backend: B, request: Request) -> Any:
        if request.method == "POST":
            backend.faults.arm(self.parse(await request.json()))
        elif request.method == "DELETE":
            backend.faults.disarm()
        return {"faults": backend.faults.shown()}


async def _dialects(backend: Controlled, request: Request) -> Any:
    if request.method == "PATCH":
        # One by one: those before a wrong one are chosen, as the answer to the next GET shows.
        for name, value in (await texts(request)).items():
            backend.dialects.choose(name, value)
    table = backend.dialects.table
    return {
        name: {"value": value, "values": list(table[name].values), "meaning": table[name].meaning}
        for name, value in backend.dialects.items()
    }


async def _requests(backend: Controlled, request: Request) -> Any:
    if request.method == "DELETE":
        backend.log.clear()
    return {"requests": [asdict(entry) for entry in backend.log]}


async def texts(request: Request, allowed: type | UnionType = str) -> dict[str, Any]:
    """Return the body, an object whose values are of the type ``allowed``.

    Raises:
        ConfigError: the body is no such object.

    """
    # request.json() raises a ValueError for a body that is no JSON, which becomes a 400 as well.
    body = await request.json()
    if not isinstance(body, dict) or not all(isinstance(value, allowed) for value in body.values()):
        raise ConfigError('the body must be an object of texts such as {"NAME": "VALUE"}')
    return body
