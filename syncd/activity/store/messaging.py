"""Messages that this program sends, and numbers that want none. Times are Unix seconds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from syncd.state.database import Part

OutgoingState = Literal["pending", "sent", "refused", "not seen"]


@dataclass(frozen=True, slots=True)
class OptOut:
    """What a number wants last. ``out``: no messages. ``by``: ``message`` · ``person``."""

    number: str
    out: bool
    at: float
    by: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that was to be sent. The table ``outgoing`` has the meaning of the columns."""

    id: str
    own: str
    remote: str
    text: str
    at: float
    state: OutgoingState = "pending"
    looks: int = 0
    message: str | None = None
    reason: str | None = None


WISH = (
    "INSERT INTO opt_out (number, out, at, by) VALUES (:number, :out, :at, :by) ON CONFLICT (number) DO UPDATE SET"
    " out = excluded.out, at = excluded.at, by = excluded.by WHERE excluded.at >= opt_out.at"
)

"""The statement that takes a wish in, unless a newer one is there."""


class OptOuts(Part):
    """The table ``opt_out``: the newest wish of each number counts, in whatever order they come."""

    def wish(self, wish: OptOut) -> None:
        """Take a wish in."""
        self._database.execute(WISH, **asdict(wish))

    def all(self) -> list[OptOut]:
        """Return the numbers that want no messages."""
        found = self._database.records("SELECT * FROM opt_out WHERE out = 1 ORDER BY at, number")
        return [OptOut(**{**each, "out": bool(each["out"])}) for each in found]

    def is_out(self, number: str) -> bool:
        """Return whether a number (digits) wants no messages."""
        return bool(self._database.scalar("SELECT out FROM opt_out WHERE number = :number", number=number))


class OutgoingMessages(Part):
    """The table ``outgoing``."""

    def put(self, message: Outgoing) -> None:
        """Store a message that is about to be sent."""
        self._database.put("outgoing", **asdict(message))

    def settle(self, message: Outgoing) -> None:
        """Store what became of a message, unless its number was forgotten meanwhile."""
        self._database.execute(
            "UPDATE outgoing SET state = :state, looks = :looks, message = :message, reason = :reason WHERE id = :id",
            id=message.id,
            state=message.state,
            looks=message.looks,
            message=message.message,
            reason=message.reason,
        )

    def in_doubt(self) -> list[Outgoing]:
        """Return the messages of which it is not known whether they were sent, the oldest first."""
        return self._all("WHERE state = 'pending' ORDER BY at")

    def newest(self, limit: int) -> list[Outgoing]:
        """Return the newest messages."""
        return self._all("ORDER BY at DESC LIMIT :limit", limit=limit)

    def drop(self, before: float) -> None:
        """Forget what was decided before ``before``."""
        self._database.execute("DELETE FROM outgoing WHERE at < :before AND state <> 'pending'", before=before)

    def seen(self, message: Outgoing, since: float) -> list[str]:
        """Return the keys of stored messages from ``since`` on that went the same way, which no other one is."""
        return self._database.column(
            "SELECT channel || ':' || message_id FROM message WHERE direction = 'outgoing' AND own = :own"
            " AND remote = :remote AND sent >= :since AND left_out <> 2"
            " AND channel || ':' || message_id NOT IN (SELECT message FROM outgoing WHERE message IS NOT NULL)"
            " ORDER BY sent",
            own=message.own,
            remote=message.remote,
            since=since,
        )

    def _all(self, where: str, **values: object) -> list[Outgoing]:
        return [Outgoing(**each) for each in self._database.records(f"SELECT * FROM outgoing {where}", **values)]
