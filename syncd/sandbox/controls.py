"""What the control paths of every sandbox share: dialects, faults, the log of requests, and answers to mistakes."""

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
    """What a backend has for them."""

    dialects: Dialects
    faults: Faults

    @property
    def log(self) -> MutableSequence[Any]: ...


B = TypeVar("B", bound=Controlled)

Handler = Callable[[B, Request], Awaitable[Any]]
"""Does what a control path says, and returns the JSON that answers it; KeyError: there is no such record."""


@dataclass(frozen=True, slots=True)
class Controls(Generic[B]):
    """Makes the routes of one backend.

    ``parse`` reads a fault; ``refuse`` makes the body of a refusal of a status and a text; ``missing``: what is said of
    a record that is not there.
    """

    backend: B
    parse: Callable[[Any], Fault]
    refuse: Callable[[int, str], Any]
    missing: str

    def route(self, path: str, handler: Handler[B], *methods: str) -> Route:
        """A route, to be mounted at ``/_sandbox``."""
        return Route(path, partial(self._guarded, handler), methods=list(methods))

    def routes(self) -> list[Route]:
        """Those that every sandbox has."""
        return [
            self.route("/dialects", _dialects, "GET", "PATCH"),
            self.route("/faults", self._faults, "GET", "POST", "DELETE"),
            self.route("/requests", _requests, "GET", "DELETE"),
        ]

    async def _guarded(self, handler: Handler[B], request: Request) -> Response:
        """Answer with what ``handler`` returns, or with why it cannot."""
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
    """The body, an object whose values are ``allowed``.

    Raises:
        ConfigError: it is none.

    """
    body = await request.json()
    if not isinstance(body, dict) or not all(isinstance(value, allowed) for value in body.values()):
        raise ConfigError('the body must be an object of texts such as {"NAME": "VALUE"}')
    return body
