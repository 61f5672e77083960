"""The control paths of the phones: what happens on them, what is true of them, and what was delivered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.routing import Route

from syncd.errors import ConfigError
from syncd.sandbox.activity.desk import Desk

if TYPE_CHECKING:
    from syncd.sandbox.backend import Backend
    from syncd.sandbox.controls import Controls


def activity_routes(controls: Controls[Backend]) -> list[Route]:
    """The routes, to be mounted at ``/_sandbox``."""
    return [
        controls.route("/calls", _calls, "GET", "POST"),
        controls.route("/messages", _messages, "GET", "POST"),
        controls.route("/transcripts", _transcripts, "POST"),
        controls.route("/traffic", _traffic, "POST"),
        controls.route("/deliveries", _deliveries, "GET", "DELETE"),
    ]


async def _calls(backend: Backend, request: Request) -> Any:
    phones = _desk(backend).phones
    if request.method == "GET":
        return {"calls": phones.truth_calls()}
    return {"call_id": await _happen(phones.call, request)}


async def _messages(backend: Backend, request: Request) -> Any:
    phones = _desk(backend).phones
    if request.method == "GET":
        return {"messages": phones.truth_messages()}
    return {"message_id": await _happen(phones.message, request)}


async def _transcripts(backend: Backend, request: Request) -> Any:
    await _happen(_desk(backend).phones.transcribe, request)
    return {}


async def _traffic(backend: Backend, request: Request) -> Any:
    await _happen(_desk(backend).phones.traffic, request)
    return {}


async def _deliveries(backend: Backend, request: Request) -> Any:
    attempts = _desk(backend).sender.attempts
    if request.method == "DELETE":
        attempts.clear()
    return {"deliveries": [attempt.shown() for attempt in list(attempts)]}


async def _happen(act: Callable[..., Any], request: Request) -> Any:
    body = await request.json()
    if not isinstance(body, Mapping):
        raise ConfigError('the body must be an object such as {"talk": 60}')
    try:
        return act(**body)
    # A wrong argument is the tester's mistake; its own message names it.
    except TypeError as problem:
        raise ConfigError(str(problem).partition("() ")[2] or str(problem)) from None


def _desk(backend: Backend) -> Desk:
    if backend.desk is None:
        raise KeyError("desk")
    return backend.desk
