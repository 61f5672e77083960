"""Recordings and attachments: which are wanted, and what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from syncd.activity.store.kinds import KINDS
from syncd.activity.store.revisions import next_revision
from syncd.core.activity.media.keeping import Kept, Room
from syncd.core.activity.media.trying import LONGEST, NEVER
from syncd.state.database import Part

_EVER = -1e18
_PAGE = 500


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

    def due(self, now: float, limit: int, kind: str | None = None, since: float = float("-inf")) -> list[Item]:
        """Return items whose next try is due at ``now``, at most ``limit``: wanted ones first, and the newest first.

        ``since``: none of calls and messages from before (both in Unix seconds).
        """
        found: list[Item] = []
        of_kind = "" if kind is None else " AND kind = :kind"
        # One state and one condition at a time, each in the order of an index.
        for state, when in product(("wanted", "gone", "refused"), ("at >= :since", "at IS NULL")):
            if len(found) < limit:
                sql = f"SELECT * FROM media WHERE state = :state{of_kind} AND {when} AND {_IS_DUE}"
                rows = self._database.records(
                    f"{sql} ORDER BY at DESC LIMIT :limit",
                    state=state,
                    kind=kind,
                    since=max(since, _EVER),
                    now=now,
                    limit=limit - len(found),
                )
                found += [Item(**each) for each in rows]
        return found

    def count_due(self, now: float, kind: str, since: float = float("-inf")) -> int:
        """Return how many items of a kind :meth:`due` has without a limit."""
        [(number,)] = self._database.rows(
            "SELECT count(*) FROM media WHERE state IN ('wanted', 'gone', 'refused') AND kind = :kind"
            f" AND (at >= :since OR at IS NULL) AND {_IS_DUE}",
            kind=kind,
            since=max(since, _EVER),
            now=now,
        )
        return int(number)

    def put(self, item: Item) -> None:
        """Store an item, in place of what was stored of it."""
        self._database.put("media", **asdict(item))

    def change(self, media_id: str, **columns: Any) -> None:
        """Store these columns of an item, and leave the others as they are."""
        names = ", ".join(f"{name} = :{name}" for name in columns)
        with self._database.write():
            self._database.execute(f"UPDATE media SET {names} WHERE media_id = :media_id", media_id=media_id, **columns)
            # A path is shown with the call or the message. One that goes is no news: what a sink has stays there.
            if columns.get("path"):
                self._note_change(media_id)

    def _note_change(self, media_id: str) -> None:
        owner = self._database.scalar("SELECT owner FROM media WHERE media_id = :id", id=media_id) or ""
        kind, _, key = str(owner).partition(":")
        if kind in KINDS:
            of, revision = KINDS[kind], next_revision(self._database)
            sql = f"UPDATE {of.name} SET revision = :revision WHERE {of.these}"
            self._database.execute(sql, revision=revision, keys=[key])

    def begin(self, media_ids: Sequence[str]) -> None:
        """Store that items are being fetched."""
        self._database.execute(f"UPDATE media SET state = 'fetching' WHERE media_id IN {_THESE}", ids=list(media_ids))

    def release(self, kind: str) -> None:
        """Want items again that are being fetched: whoever began it was ended in the middle."""
        self._database.execute("UPDATE media SET state = 'wanted' WHERE state = 'fetching' AND kind = :kind", kind=kind)

    def expire(self, media_ids: Sequence[str]) -> None:
        """Store that the files of items were removed, since they were old."""
        self._database.execute(
            f"UPDATE media SET state = 'expired', path = NULL WHERE media_id IN {_THESE}", ids=list(media_ids)
        )

    def room(self, kind: str) -> Room:
        """Return what the files take."""
        sql = (
            "SELECT total(size), coalesce(max(size), 0), min(coalesce(at, fetched)) FROM media"
            " WHERE state = 'kept' AND kind = :kind"
        )
        [(total, largest, oldest)] = self._database.rows(sql, kind=kind)
        return Room(int(total), largest, oldest)

    def kept(self, kind: str) -> Iterator[Kept]:
        """Yield the files that are here, the oldest first; without a time it counts since it was fetched."""
        sql = (
            "SELECT media_id, owner, coalesce(at, fetched) AS at, coalesce(size, 0) AS size, path FROM media"
            " WHERE state = 'kept' AND kind = :kind AND (coalesce(at, fetched), media_id) > (:at, :id)"
            f" ORDER BY coalesce(at, fetched), media_id LIMIT {_PAGE}"
        )
        at, last = _EVER, ""
        while page := self._database.records(sql, kind=kind, at=at, id=last):
            yield from (Kept(**each) for each in page)
            at, last = page[-1]["at"], page[-1]["media_id"]

    def of(self, owner: str) -> list[Item]:
        """Return the items of ``call:ID`` or ``message:CHANNEL:ID``, in their order."""
        found = self._database.records("SELECT * FROM media WHERE owner = :owner ORDER BY n, media_id", owner=owner)
        return [Item(**each) for each in found]

    def files_of(self, owners: Sequence[str]) -> list[Item]:
        """Return the items of these owners whose files are here."""
        sql = f"SELECT * FROM media WHERE owner IN {_THESE} AND state = 'kept'"
        return [Item(**each) for each in self._database.records(sql, ids=list(owners))]

    def in_state(self, state: str, kind: str | None = None) -> list[Item]:
        """Return the items in a state, those fetched first before the others."""
        sql = "SELECT * FROM media WHERE state = :state AND (:kind IS NULL OR kind = :kind) ORDER BY fetched, media_id"
        return [Item(**found) for found in self._database.records(sql, state=state, kind=kind)]

    def counts(self) -> dict[str, int]:
        """Return how many items are in each state."""
        return dict(self._database.rows("SELECT state, count(*) FROM media GROUP BY state"))


_IS_DUE = f"(next_try <= :now OR (next_try > :now + {LONGEST} AND next_try < {NEVER}))"
_THESE = "(SELECT value FROM json_each(:ids))"
