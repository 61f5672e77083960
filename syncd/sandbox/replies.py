"""The answer of an endpoint, before it becomes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

TYPES: Mapping[int, str] = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "RESOURCE_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
    422: "VALIDATION_ERROR",
    429: "RATE_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    503: "SERVICE_UNAVAILABLE",
}
"""The ``type`` of the error envelope; only that of 404 is in the guide."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    ``body`` is sent as JSON, unless ``text`` holds other content or ``content`` JSON that is written already; without
    any there is no body. ``rows`` is the number of contacts, calls, … in the request or the answer, for the request
    log. ``cut``: the connection is closed after ``half`` of the body, or before anything is sent (``all``).
    """

    # A cut is part of the reply, since only the application holds the connection.

    status: int
    body: Any = None
    text: str | None = None
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    cut: Literal["no", "half", "all"] = "no"


def error(status: int, message: str, *, headers: Mapping[str, str] | None = None, rows: int = 0) -> Reply:
    """Return an answer in the guide's error envelope."""
    kind = TYPES.get(status, "ERROR")
    envelope = {"error": {"code": status, "type": kind, "message": message}}
    return Reply(status, envelope, headers=headers or {}, rows=rows)


# An exception, since a request may be refused deep inside the work on one of its rows.
class Refused(Exception):
    """The request is refused as a whole, with this status and message."""

    def __init__(self, status: int, message: str, *, rows: int = 0) -> None:
        super().__init__(message)
        self.reply = error(status, message, rows=rows)
