"""What a delivery says of itself: its id, its type, its time, whose it is, and the two keys against doubles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncd.core.activity.instants import seconds

SUBJECTS = ("call_id", "message_id")
"""Where the data of an event names the call or the message that it is about."""

TEST = "webhook.test"
"""The type of an event that is about nothing: it only shows that deliveries arrive."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event.

    ``at``: its own time in Unix seconds, None if it names none. ``company``: "" if it names none. ``subject``: the id
    of the call or the message, None if it has none. ``content``: a digest that two deliveries of one event share, even
    under two ids.
    """

    id: str
    type: str
    at: float | None
    company: str
    subject: str | None
    content: str


def opened(body: bytes) -> Envelope | None:
    """Return what the ``body`` of a delivery says; None if it is no JSON object with texts as its id and its type."""
    try:
        found = json.loads(body)
        return of(found) if isinstance(found, dict) else None
    # ValueError: no JSON, no UTF-8, or half a character; RecursionError: brackets without end.
    except (ValueError, RecursionError):
        return None


def of(event: Mapping[str, Any]) -> Envelope | None:
    """Return what an event says of itself; None if it has no id or no type.

    Raises:
        ValueError, RecursionError: it cannot be written as JSON or as text.
    """
    identity, kind = event.get("id"), event.get("event_type")
    if not (isinstance(identity, str) and identity and isinstance(kind, str) and kind):
        return None
    data = event.get("data")
    subject = _subject(data) if isinstance(data, dict) else None
    for text in (identity, kind, subject or ""):
        # Half of a surrogate pair is text in JSON, but no database takes it; to many of its functions, NUL is the end.
        text.encode()
        if "\0" in text:
            return None
    company, timestamp = event.get("company_id"), event.get("timestamp")
    # Without a time, two events may say the same: only their ids tell them apart.
    told_apart_by = identity if timestamp is None else timestamp
    return Envelope(
        id=identity,
        type=kind,
        at=seconds(timestamp),
        company="" if company is None else str(company),
        subject=subject,
        content=content_key(kind, subject, told_apart_by, data),
    )


def content_key(kind: str, subject: str | None, timestamp: object, data: object) -> str:
    """Return the digest of what an event says, without its id."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
    parts = [kind, subject, timestamp, hashlib.sha256(canonical.encode()).hexdigest()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def malformed(body: bytes) -> str:
    """Return the id under which a genuine delivery is kept that is no event."""
    return f"malformed:{hashlib.sha256(body).hexdigest()}"


def _subject(data: Mapping[str, Any]) -> str | None:
    # An id may be a number in some dialect.
    found = [str(data[name]) for name in SUBJECTS if isinstance(data.get(name), str | int)]
    return found[0] if found else None
