"""Makes the events of what happens on the phones, and the deliveries to the endpoints that want them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from syncd.sandbox.activity.clock import event_stamp
from syncd.sandbox.activity.events import Happening, announced, of_message
from syncd.sandbox.activity.model import Message
from syncd.sandbox.activity.phones import Phones
from syncd.sandbox.activity.webhooks.delivery import Delivery
from syncd.sandbox.activity.webhooks.endpoints import Endpoint, Webhooks

COMPANY = 123


class Announcer:
    """Gives each event its envelope. Equal traffic makes equal ids."""

    def __init__(self, phones: Phones, webhooks: Webhooks, dialects: Mapping[str, str]) -> None:
        self.phones = phones
        self.webhooks = webhooks
        self.dialects = dialects
        self._ids = 0
        # Statuses of messages that wait for a newer one (dialect status_order).
        self._waiting: dict[tuple[str, str, int], Happening] = {}

    def is_behind(self) -> bool:
        """Return whether something is to be announced."""
        return self.phones.has_happened()

    def deliveries(self) -> Iterator[Delivery]:
        """Yield what is to be delivered of everything that has happened by now."""
        with self.phones.lock:
            for happening in [each for first in self.phones.happened() for each in self._ordered(first)]:
                wanting = [
                    endpoint
                    for endpoint in list(self.webhooks.endpoints.values())
                    if endpoint.wants(happening.type, happening.extensions)
                ]
                if wanting:
                    yield from self._of(happening, wanting)

    def _of(self, happening: Happening, wanting: list[Endpoint]) -> Iterator[Delivery]:
        for data in announced(happening, self.dialects, self.phones.media):
            shared = self.new_id()
            for endpoint in wanting:
                name = shared if self.dialects["event_ids"] == "shared" else self.new_id()
                yield Delivery(endpoint.id, self.envelope(name, happening.type, happening.at, data))

    def envelope(self, name: str, event_type: str, at: float, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return an event as it is sent."""
        changed = self.dialects["company_id"] == "changed"
        head = {"id": name, "event_type": event_type, "timestamp": event_stamp(at)}
        return {**head, "company_id": COMPANY + changed, "data": data}

    def new_id(self) -> str:
        """Return an id that no event has yet."""
        self._ids += 1
        return f"evt_{hashlib.sha256(b'%d' % self._ids).hexdigest()[:12]}"

    def retry_id(self, name: str) -> str:
        """Return the id of an event that is sent again."""
        return name if self.dialects["retry_id"] == "same" else self.new_id()

    def _ordered(self, happening: Happening) -> Iterator[Happening]:
        message = happening.of
        if not isinstance(message, Message) or self.dialects["status_order"] == "ladder":
            yield happening
            return
        later = list(of_message(message))
        place = next((at for at, each in enumerate(later) if each.at == happening.at), 0)
        key = (message.channel, message.id, place)
        if place % 2 and place + 1 < len(later):
            self._waiting[key] = happening
            return
        yield happening
        before = self._waiting.pop((*key[:2], place - 1), None)
        if before is not None:
            yield before
