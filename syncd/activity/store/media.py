"""Recordings and attachments: which are wanted, and what became of each."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from syncd.state.database import Part


@dataclass(frozen=True, slots=True)
class Item:
    """A recording or an attachment. The table ``media`` has the meaning of the columns."""

    media_id: str
    kind: str
    owner: str
    n: int
    at: float | None = None
    content_type: str | None = None
    filename: str | None = None
    size: int | None = None
    duration: float | None = None
    state: str = "wanted"
    path: str | None = None
    sha256: str | None = None
    attempts: int = 0
    next_try: float = 0.0
    fetched: float | None = None
    reason: str | None = None


class Media(Part):
    """The table ``media``. New items come with the calls and messages that name them."""

    def get(self, media_id: str) -> Item | None:
        """Return an item."""
        found = self._database.record("SELECT * FROM media WHERE media_id = :id", id=media_id)
        return Item(**found) if found else None

    def due(self, now: float, limit: int, kind: str | None = None) -> list[Item]:
        """Return wanted items whose next try is due at ``now`` (Unix seconds), at most ``limit``, the newest first."""
        sql = (
            "SELECT * FROM media WHERE state = 'wanted' AND next_try <= :now AND (:kind IS NULL OR kind = :kind)"
            " ORDER BY next_try, at DESC LIMIT :limit"
        )
        return [Item(**found) for found in self._database.records(sql, now=now, limit=limit, kind=kind)]

    def put(self, item: Item) -> None:
        """Store an item, in place of what was stored of it."""
        self._database.put("media", **asdict(item))

    def of(self, owner: str) -> list[Item]:
        """Return the items of ``call:ID`` or ``message:CHANNEL:ID``, in their order."""
        found = self._database.records("SELECT * FROM media WHERE owner = :owner ORDER BY n, media_id", owner=owner)
        return [Item(**each) for each in found]

    def in_state(self, state: str, kind: str | None = None) -> list[Item]:
        """Return the items in a state, those fetched first before the others."""
        sql = "SELECT * FROM media WHERE state = :state AND (:kind IS NULL OR kind = :kind) ORDER BY fetched, media_id"
        return [Item(**found) for found in self._database.records(sql, state=state, kind=kind)]

    def counts(self) -> dict[str, int]:
        """Return how many items are in each state."""
        return dict(self._database.rows("SELECT state, count(*) FROM media GROUP BY state"))
