"""One delivery: its envelope, its signature, and one attempt to send it."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlsplit

Outcome = Literal["delivered", "repeated", "failed", "lost", "forged", "test"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver an event to an endpoint, as it was sent.

    ``number`` counts from 1. ``at`` is the clock's time, ``signed_at`` the signature's. ``status`` is 0 without an
    answer. ``outcome``: delivered; repeated, if another attempt follows; failed, if none does; lost by a fault on the
    way; forged by somebody else; a test.
    """

    webhook: int
    event_id: str
    event_type: str
    number: int
    at: float
    signed_at: int
    status: int
    outcome: Outcome
    error: str | None = None
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def shown(self) -> dict[str, Any]:
        """Return it as JSON, without the body, which holds numbers and names."""
        names = ("webhook", "event_id", "event_type", "number", "at", "signed_at", "status", "outcome", "error")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to an endpoint. ``signed_at``: the first attempt's; ``struck``: a fault had its turn."""

    webhook: int
    event: Mapping[str, Any]
    number: int = 1
    signed_at: int | None = None
    struck: bool = False
    test: bool = False

    @property
    def type(self) -> str:
        return str(self.event["event_type"])

    def again(self, signed_at: int, event_id: str) -> Delivery:
        """Return the next attempt."""
        return replace(
            self, number=self.number + 1, signed_at=signed_at, event={**self.event, "id": event_id}, struck=False
        )


def body_of(event: Mapping[str, Any]) -> bytes:
    """Return an event as bytes, with slashes and accents escaped: equal JSON of another program has other bytes."""
    return json.dumps(event, separators=(",", ":")).replace("/", "\\/").encode()


def signature(secret: str, signed_at: int, body: bytes) -> str:
    """Return the header that signs a body."""
    found = hmac.new(secret.encode(), b"t=%d.%b" % (signed_at, body), hashlib.sha256).hexdigest()
    return f"t={signed_at},v1={found}"


class Courier:
    """Sends bodies. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._open: set[http.client.HTTPConnection] = set()

    def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> tuple[int, str | None]:
        """Send a body and return the status of the answer and, if it is no success, what went wrong (without: 0)."""
        parts = urlsplit(url)
        # A connection for each: one that is used again may end under a delivery, which would then be sent twice.
        connection = _connection(parts.scheme, parts.hostname or "", parts.port, timeout)
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        self._open.add(connection)
        try:
            connection.request("POST", path, body, {**headers})
            answer = connection.getresponse()
            answer.read(65_536)
        except TimeoutError:
            return 0, "timeout"
        except (OSError, http.client.HTTPException, ValueError) as problem:
            return 0, type(problem).__name__
        finally:
            self._open.discard(connection)
            connection.close()
        return answer.status, None if 200 <= answer.status < 300 else f"HTTP {answer.status}"

    def hang_up(self) -> None:
        """Break off everything that is under way."""
        for connection in list(self._open):
            if connection.sock is not None:
                with suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)


def _connection(scheme: str, host: str, port: int | None, timeout: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=timeout)
