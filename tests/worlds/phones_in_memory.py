"""A company with phones without HTTP: a clock that the test moves, and a courier that only notes what it is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from syncd.sandbox.activity.clock import PhoneClock
from syncd.sandbox.activity.desk import Desk
from syncd.sandbox.activity.dialects import ALL
from syncd.sandbox.activity.events import TYPES
from syncd.sandbox.activity.webhooks.delivery import Courier
from syncd.sandbox.activity.webhooks.sender import Sender
from syncd.sandbox.backend import Backend, Call
from syncd.sandbox.dialects import Dialects
from syncd.sandbox.faults import Faults
from syncd.sandbox.limits import Windows
from syncd.sandbox.replies import Reply
from syncd.sandbox.store import Store
from tests.worlds.sandbox_in_memory import KEY, Clock

MEDIA = "http://api.example.com/v1/media/"


class Notebook(Courier):
    """Notes every body with its headers; answers with the ``status``."""

    def __init__(self) -> None:
        super().__init__()
        self.status = 204
        self.sent: list[tuple[str, bytes, Mapping[str, str], float]] = []

    def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> tuple[int, str | None]:
        self.sent.append((url, body, headers, timeout))
        return self.status, None if 200 <= self.status < 300 else f"HTTP {self.status}"


class PhoneWorld:
    """One company's phones; ``speed`` is that of their clock."""

    def __init__(self, *, speed: Any = 1.0, since: Any = None, limits: Any = None, **dialects: str) -> None:
        self.clock = Clock()
        self.faults = Faults()
        self.dialects = Dialects(dialects, table=ALL)
        self.store = Store(dialects=self.dialects, clock=self.clock)
        clock = PhoneClock(self.clock, speed=speed, since=since)
        self.desk = Desk(self.dialects, self.faults, clock, contacts=lambda _: None)
        self.courier = Notebook()
        self.desk.sender = Sender(self.desk.phones, self.desk.webhooks, self.dialects, self.faults, self.courier)
        # Without the thread: the test says when something is sent.
        self.desk.webhooks.before_create = self.desk.sender.gather
        self.phones = self.desk.phones
        self.phones.media = MEDIA
        self.backend = Backend(
            store=self.store,
            dialects=self.dialects,
            faults=self.faults,
            windows=Windows(limits),
            tiers={"reports": Windows([(2, 60.0)] if limits else None), "messaging": Windows(None)},
            desk=self.desk,
            key=KEY,
            clock=self.clock,
        )

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Reply:
        texts = {name: str(value) for name, value in query.items()}
        content = b"" if body is None else json.dumps(body).encode()
        return self.backend.work(Call(method, path, texts, content, KEY))

    def calls(self, **query: Any) -> list[dict[str, Any]]:
        """Return the listed calls of all days that the test may have."""
        return list(self.page("/calls", **query)["calls"])

    def messages(self, **query: Any) -> list[dict[str, Any]]:
        return list(self.page("/messages", **query)["messages"])

    def page(self, path: str, **query: Any) -> Any:
        reply = self.ask("GET", path, **{"start_date": "2027-01-01", "end_date": "2027-01-20", **query})
        assert reply.content is not None, reply.body
        return json.loads(reply.content)

    def endpoint(self, *events: str, url: str = "https://hooks.example.com/in", **filters: Any) -> dict[str, Any]:
        """Make an endpoint for these events (none: for all) and return the answer."""
        body = {"name": "test", "url": url, "event_filters": list(events or TYPES), **filters}
        reply = self.ask("POST", "/webhooks", body)
        assert reply.status == 201, reply.body
        made: dict[str, Any] = reply.body
        return made

    def send(self) -> list[dict[str, Any]]:
        """Send what is due and return the events that were sent since the last time."""
        self.courier.sent.clear()
        self.desk.sender.send_due()
        return [json.loads(body) for _, body, _, _ in self.courier.sent]

    def fail(self) -> list[dict[str, Any]]:
        """Let everything that is due fail five times, and return what was sent."""
        sent = []
        self.courier.status = 500
        for wait in (0, 60, 300, 1800, 7200):
            self.clock.now += wait
            sent += self.send()
        self.courier.status = 204
        return sent

    def close(self) -> None:
        self.store.close()
