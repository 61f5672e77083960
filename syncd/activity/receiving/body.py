"""Reads the body of a request within bounds: its length, its time, and the memory of all requests together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

LONGEST = 4 * 2**20
"""Bytes of a body: the transcript of two hours has 150,000."""
THROWN_AWAY = 4 * LONGEST
"""Bytes of a body that is too long which are read all the same, so that its sender sees the answer."""
PATIENCE = 10.0
"""Seconds that a request may take to arrive."""
SMALL = 64 * 1024
"""Bytes of a body that are always taken, however many large bodies are under way."""
TOGETHER = 24 * 2**20
"""Bytes of all bodies under way, without the first 64 KiB of each."""

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class TooLong(Exception):
    """The body is longer than ``LONGEST``."""


class Slow(Exception):
    """The request did not arrive in time."""


class TooMany(Exception):
    """Too many large bodies are under way."""


class Bodies:
    """The memory that bodies take."""

    def __init__(self) -> None:
        self.taken = 0

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Lend room for a body, until the request is answered."""
        one = Reading(self)
        try:
            yield one
        finally:
            self.taken -= one.taken


class Reading:
    """One body. ``taken``: its bytes behind the first ``SMALL``."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self.taken = 0

    async def whole(self, scope: Mapping[str, Any], receive: Receive) -> bytes | None:
        """Return the body; None if the sender has gone.

        Raises:
            TooLong, Slow, TooMany: it is not read.
        """
        length = _announced(scope)
        if length > THROWN_AWAY:
            raise TooLong
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._read(receive, is_too_long=length > LONGEST)
        except TimeoutError:
            raise Slow from None

    async def _read(self, receive: Receive, *, is_too_long: bool) -> bytes | None:
        found, length = bytearray(), 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk = message.get("body", b"")
            length += len(chunk)
            is_too_long = is_too_long or length > LONGEST
            if is_too_long:
                found.clear()
            else:
                self._make_room(length)
                found += chunk
            if length > THROWN_AWAY or (is_too_long and not message.get("more_body")):
                raise TooLong
            if not message.get("more_body"):
                return bytes(found)

    def _make_room(self, length: int) -> None:
        wanted = max(0, length - SMALL) - self.taken
        if wanted <= 0:
            return
        if self._bodies.taken + wanted > TOGETHER:
            raise TooMany
        self._bodies.taken += wanted
        self.taken += wanted


def _announced(scope: Mapping[str, Any]) -> int:
    # The HTTP library has refused what is no number.
    return max((int(value) for name, value in scope["headers"] if name == b"content-length"), default=0)
