"""``/webhooks``: the endpoints of the company."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from syncd.sandbox.activity.clock import stamp
from syncd.sandbox.activity.events import TYPES
from syncd.sandbox.replies import Refused, Reply, error

LOOPBACK = ("127.0.0.1", "localhost", "::1")
NOT_FOUND = "Webhook endpoint not found."


@dataclass(slots=True)
class Endpoint:
    """One endpoint; ``status`` is active or disabled."""

    id: int
    name: str
    url: str
    events: tuple[str, ...]
    extensions: tuple[str, ...]
    secret: str = field(repr=False)
    created: float
    updated: float
    status: str = "active"

    def wants(self, event_type: str, extensions: set[str]) -> bool:
        """Return whether it subscribes to such an event; ``extensions`` are those of a call's event."""
        if self.status != "active" or event_type not in self.events:
            return False
        # The filter is one of call events.
        return not self.extensions or not event_type.startswith("call.") or bool(extensions & {*self.extensions})

    def shown(self) -> dict[str, Any]:
        """Return what answers show of it: not the secret."""
        return {
            "id": self.id,
            "name": self.name,
            "url": self.url,
            "event_filters": list(self.events),
            "extension_filters": list(self.extensions),
            "status": self.status,
            "created_at": stamp(self.created),
            "updated_at": stamp(self.updated),
        }


class Webhooks:
    """All endpoints. Every public method may be called from any thread."""

    def __init__(self, dialects: Mapping[str, str], clock: Callable[[], float]) -> None:
        self.dialects = dialects
        self.clock = clock
        self.endpoints: dict[int, Endpoint] = {}
        self.before_create: Callable[[], object] = lambda: None
        self._lock = threading.Lock()
        self._next = 1

    def create(self, body: Any) -> Reply:
        """Make an endpoint; only this answer has its secret.

        Raises:
            Refused: the body is not valid.

        """
        values = self._checked(body, {"name": None, "url": None, "event_filters": None, "extension_filters": []})
        self.before_create()
        now = self.clock()
        with self._lock:
            made = Endpoint(
                self._next,
                values["name"],
                values["url"],
                tuple(values["event_filters"]),
                tuple(map(str, values["extension_filters"])),
                f"whsec_{secrets.token_hex(24)}",
                now,
                now,
            )
            self._next += 1
            self.endpoints[made.id] = made
        return Reply(201, {**made.shown(), "secret_key": made.secret}, rows=1)

    def listed(self) -> Reply:
        """Return all endpoints, as a bare array."""
        shown = [each.shown() for each in list(self.endpoints.values())]
        return Reply(200, shown, rows=len(shown))

    def view(self, number: int) -> Reply:
        """Return one endpoint, or 404."""
        found = self.endpoints.get(number)
        return error(404, NOT_FOUND) if found is None else Reply(200, found.shown(), rows=1)

    def update(self, number: int, body: Any) -> Reply:
        """Change an endpoint; its secret stays.

        Raises:
            Refused: there is none, or the body is not valid.

        """
        found = self.endpoints.get(number)
        if found is None:
            raise Refused(404, NOT_FOUND)
        now = found.shown()
        values = self._checked(body, {name: now[name] for name in FIELDS} | {"status": now["status"]})
        found.name, found.url, found.status = values["name"], values["url"], values["status"]
        found.events = tuple(values["event_filters"])
        found.extensions = tuple(map(str, values["extension_filters"]))
        found.updated = self.clock()
        return Reply(200, found.shown(), rows=1)

    def delete(self, number: int) -> Reply:
        """Delete an endpoint, or answer 404."""
        with self._lock:
            found = self.endpoints.pop(number, None)
        return error(404, NOT_FOUND) if found is None else Reply(204, rows=1)

    def _checked(self, body: Any, known: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of ``body``, and those of ``known`` where it has none."""
        if not isinstance(body, Mapping):
            raise Refused(int(self.dialects["invalid_status"]), "The body must be an object.")
        values = {name: body.get(name, default) for name, default in known.items()}
        events, extensions = values["event_filters"], values["extension_filters"]
        checks = (
            (isinstance(values["name"], str) and bool(values["name"].strip()), "name is required."),
            (_is_allowed(values["url"]), "url must be an HTTPS address."),
            (isinstance(events, list) and bool(events), "event_filters is required."),
            (
                not isinstance(events, list) or all(event in TYPES for event in events),
                f"event_filters must be of {', '.join(TYPES)}.",
            ),
            (isinstance(extensions, list), "extension_filters must be an array."),
            (values.get("status", "active") in ("active", "disabled"), "status must be active or disabled."),
        )
        problems = [text for is_right, text in checks if not is_right]
        if problems:
            raise Refused(422, " ".join(problems), rows=1)
        return values


FIELDS = ("name", "url", "event_filters", "extension_filters")


def _is_allowed(url: Any) -> bool:
    """Return whether an endpoint may have this address: HTTPS, or HTTP on this machine for a rehearsal."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        # An invalid port is noticed only when it is asked for.
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK))
