"""Carries requests to a company's phones in memory as a network would: the API, and the host of its files."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from syncd.sandbox.activity.faults import FileFault, FileShort, FileStatus
from syncd.sandbox.backend import Call
from syncd.sandbox.replies import Reply
from tests.worlds.phones_in_memory import PhoneWorld
from tests.worlds.sandbox_in_memory import KEY

API = "https://api.example.com/v1"
FILES = "https://files.example.com"
TIMEOUT = 60.0
"""Seconds after which a client gives up waiting for an answer."""

_RECORDING = re.compile(rb"(/media/rec_\d+)")


class Wire(httpx.BaseTransport):
    """The API. ``before`` is called ahead of each request, ``after`` when it was answered, before the client hears.

    ``limit``: the most rows of a page of calls or messages. ``signed``: the lists name recordings by addresses that
    are signed anew each time. ``waited``: is told of the seconds that an answer took.
    """

    def __init__(self, world: PhoneWorld, *, limit: int = 500, signed: bool = False) -> None:
        self.world, self.limit, self.signed = world, limit, signed
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[Call], object] = lambda _call: None
        self.waited: Callable[[float], object] = lambda _seconds: None
        self._lock = threading.RLock()
        self._number = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.before()
        with self._lock:
            call = self._call(request)
            reply, seconds = self._answered(call)
            self.after(call)
        if seconds > TIMEOUT:
            self.waited(TIMEOUT)
            raise httpx.ReadTimeout("too slow")
        self.waited(seconds)
        if reply.cut != "no":
            raise httpx.RemoteProtocolError("cut")
        headers = {"Date": self.world.backend.date, **reply.headers}
        if reply.text is not None:
            return httpx.Response(reply.status, text=reply.text, headers=headers)
        if reply.content is not None:
            headers["Content-Type"] = "application/json"
            return httpx.Response(reply.status, content=self._signed(reply.content), headers=headers)
        return httpx.Response(reply.status, json=reply.body, headers=headers)

    def _call(self, request: httpx.Request) -> Call:
        query = {name: str(value) for name, value in request.url.params.items()}
        if "limit" in query:
            query["limit"] = str(min(int(query["limit"]), self.limit))
        return Call(request.method, request.url.path.removeprefix("/v1"), query, request.read(), KEY)

    def _answered(self, call: Call) -> tuple[Reply, float]:
        backend = self.world.backend
        refused = backend.gate(call)
        if refused:
            return refused, 0.0
        fault, poisons = backend.faults.struck(call.method, call.path)
        if fault is None:
            return backend.work(call, poisons), 0.0
        return fault.strike(lambda: backend.work(call, poisons)), fault.wait

    def _signed(self, content: bytes) -> bytes:
        if not self.signed:
            return content
        self._number += 1
        return _RECORDING.sub(rb"\1?expires=%d&signature=5555" % self._number, content)


class Files(httpx.BaseTransport):
    """The host of the files: signed addresses, no key."""

    def __init__(self, world: PhoneWorld) -> None:
        self.world = world
        world.desk.media.host = FILES

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers, "the key went to the host of the files"
        parts = urlsplit(str(request.url))
        name, query = parts.path.removeprefix("/"), parse_qs(parts.query)
        media = self.world.desk.media
        fault = media.faults.aside(FileFault)
        if isinstance(fault, FileStatus):
            return httpx.Response(fault.status, text="<Error/>")
        signed: Any = (query.get("expires", [""])[0], query.get("signature", [""])[0])
        if not media.is_valid(name, *signed):
            return httpx.Response(403, text="<Error/>")
        medium = media.find(name)
        if medium is None:
            return httpx.Response(404, text="<Error/>")
        end = int(medium.size * fault.share) if isinstance(fault, FileShort) else medium.size
        return httpx.Response(200, content=medium.content(0, end), headers={"Content-Type": medium.content_type})
