"""Contacts that syncd looks after no more and that may be at the target, and lost calls that it looks at once more."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from syncd.core.change import Left
from syncd.core.ownership import PATIENCE
from syncd.state.database import Database, Part
from syncd.state.queries import THESE_KEYS


class Leftover(NamedTuple):
    """A contact of a key that stays at the target: its id (None: it was not found), and why it stays."""

    key: str
    id: int | None
    why: Left


class Leftovers(Part):
    """The table ``leftover``. Times are Unix seconds."""

    def news(self, source: str) -> list[Leftover]:
        """Return what no report of the source has named yet, and forget what a contact of the ledger has again."""
        if not self._database.scalar(_ANY, source=source):
            return []
        with self._database.write():
            self._database.execute(_CLAIMED)
        rows = self._database.rows(_NEWS, source=source)
        return [Leftover(key, id_, Left(why)) for key, id_, why in rows]

    def tell(self, source: str) -> None:
        """Note that a report has named all of them."""
        self._database.execute("UPDATE leftover SET told = 1 WHERE source = :source AND NOT told", source=source)

    def of(self, source: str, key: str) -> list[dict[str, Any]]:
        """Return ``id`` (None: not found), ``match``, ``why`` and ``at`` of what may be left of one key."""
        return self._database.records(_OF_KEY, source=source, key=key)

    def let_go(self, source: str, keys: Collection[str], why: Left = Left.ADOPTED) -> None:
        """Take contacts out of the ledger: they stay at the target, and other sources may claim them."""
        if keys:
            with self._database.write():
                now = self._database.clock()
                self._database.execute(_LET_GO, source=source, keys=keys, why=why.value, now=now)
                self._database.execute(f"DELETE FROM contact WHERE {THESE_KEYS}", source=source, keys=keys)

    def has_given_up(self, source: str) -> bool:
        """Return whether a call of the source was given up that a later run has to look at once more."""
        query = "SELECT EXISTS (SELECT 1 FROM leftover WHERE source = :source AND remote_id IS NULL)"
        return bool(self._database.scalar(query, source=source))


def leave(database: Database, contacts: Iterable[tuple[str, str, int, str]], why: Left) -> None:
    """Note contacts that stay at the target: source, key, id and match value of each."""
    now = database.clock()
    rows = [(source, key, id_, match, why.value, now) for source, key, id_, match in contacts]
    database.execute_many(_LEAVE, rows)


def give_up(database: Database, changes: Iterable[int]) -> None:
    """Note calls of unknown outcome, whose contacts were not found and which a later run looks at once more."""
    now = database.clock()
    database.execute_many(_GIVE_UP, [(Left.GIVEN_UP.value, now, change) for change in changes])


def give_up_recent(database: Database, changes: Iterable[int]) -> None:
    """Do the same for calls that began so short a time ago that the target may still carry them out."""
    since = database.clock() - PATIENCE
    query = "SELECT id FROM change WHERE id IN (SELECT value FROM json_each(:ids)) AND at > :since"
    give_up(database, database.column(query, ids=[*changes], since=since))


def drop_given_up(database: Database, changes: Iterable[int]) -> None:
    """Look no more at these calls."""
    database.execute_many("DELETE FROM leftover WHERE change = ?", [(change,) for change in changes])


_ANY = "SELECT EXISTS (SELECT 1 FROM leftover WHERE source = :source AND NOT told)"
_IN_LEDGER = "EXISTS (SELECT 1 FROM contact WHERE contact.remote_id = leftover.remote_id)"
# A source that is not configured has such a contact in the ledger, and does nothing with it.
_CLAIMED = f"DELETE FROM leftover WHERE why <> 'unconfigured' AND remote_id IS NOT NULL AND {_IN_LEDGER}"
_NEWS = "SELECT key, remote_id, why FROM leftover WHERE source = :source AND NOT told ORDER BY id"
_OF_KEY = (
    "SELECT remote_id AS id, match, why, at FROM leftover WHERE source = :source AND key = :key"
    f" AND (why = 'unconfigured' OR NOT {_IN_LEDGER}) ORDER BY leftover.id"
)
# Of several notes of one contact, the newest counts.
_LEAVE = (
    "INSERT INTO leftover (source, key, remote_id, match, why, at, told) VALUES (?, ?, ?, ?, ?, ?, 0)"
    " ON CONFLICT (remote_id) DO UPDATE SET source = excluded.source, key = excluded.key, match = excluded.match,"
    " told = told AND why = excluded.why AND key = excluded.key, why = excluded.why, at = excluded.at"
)
_GIVE_UP = (
    "INSERT INTO leftover (source, key, change, match, why, at, told)"
    " SELECT source, key, id, match, ?, ?, 0 FROM change WHERE id = ? ON CONFLICT (change) DO NOTHING"
)
_LET_GO = (
    "INSERT INTO leftover (source, key, remote_id, match, why, at, told)"
    f" SELECT source, key, remote_id, match, :why, :now, 0 FROM contact WHERE {THESE_KEYS} AND remote_id IS NOT NULL"
    " ON CONFLICT (remote_id) DO UPDATE SET source = excluded.source, key = excluded.key, match = excluded.match,"
    " told = 0, why = excluded.why, at = excluded.at"
)
