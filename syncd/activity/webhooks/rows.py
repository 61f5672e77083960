"""What is remembered of our endpoints, and what has arrived from them; in the activity store."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.activity.store.store import ActivityStore
from syncd.activity.store.webhooks import Endpoint as Row
from syncd.core.activity.envelopes import TEST
from syncd.core.activity.facts import COMPANY, SECRET

__all__ = ["ACTIVE", "RESERVED", "RETIRED", "Row", "Rows"]

RESERVED, ACTIVE, RETIRED = "reserved", "active", "retired"
"""The states of an endpoint: its request was begun · it delivers · it is deleted, but deliveries may be under way."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of the table ``webhook``, each change durable at once; and what has arrived.

    A row's ``secret_ref`` is the fingerprint of its secret; ``created``: since when it has its state.
    """

    store: ActivityStore

    def all(self, *states: str) -> list[Row]:
        """Return the rows in these states, or all; the oldest first."""
        return [row for row in self.store.webhooks.all() if not states or row.state in states]

    def put(self, row: Row) -> None:
        """Store a row in place of the row of its name."""
        self.store.webhooks.put(row)

    def remove(self, name: str) -> None:
        """Forget a row."""
        self.store.webhooks.drop(name)

    def has_delivered(self, secret: str | None) -> bool:
        """Return whether the receiver has stored a delivery that was signed with the secret of this fingerprint."""
        return secret is not None and self.store.facts.get(SECRET + secret) is not None

    def test_arrived(self, since: float) -> bool:
        """Return whether a test was stored since then (Unix seconds)."""
        sql = "SELECT 1 FROM event WHERE received >= :since AND type = :type LIMIT 1"
        return self.store.scalar(sql, since=since, type=TEST) is not None

    def event_arrived(self, identity: str) -> bool:
        """Return whether an event is stored."""
        return self.store.scalar("SELECT 1 FROM event WHERE id = :id", id=identity) is not None

    def company(self) -> str | None:
        """Return whose events are received; None before the first."""
        return self.store.facts.get(COMPANY)
