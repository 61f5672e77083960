"""Entries of the journal as they are written: each change, before it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson

from syncd.core.change import Change, ChangeOutcome, Fields
from syncd.state.database import Database
from syncd.state.queries import THESE_KEYS

REFUSED = "UPDATE change SET outcome = 'refused', reason = :reason WHERE id = :id"
"""The target, or we, refused the change of the entry ``:id``."""

OF_RUN = (
    "run = :run AND source = :source"
    " AND at >= coalesce((SELECT started - 86400 FROM run WHERE run = :run AND source = :source), 0)"
)
"""A run's entries, found by their time: an index by run would cost each push a fifth. Clocks may be set back."""

OURS = "outcome = 'accepted' AND (kind = 'delete' OR (kind = 'move' AND old_id <> new_id))"
"""Of the journal: the entries by which we deleted ``old_id``."""

DONE = "(outcome IN ('accepted', 'moved', 'handed over') OR (outcome IN ('superseded', 'left') AND new_id IS NOT NULL))"
"""Of the journal: the entries that are known to have been carried out. (A move is superseded if another contact has
its old id since, and left if its old contact stays. A delete that is left was not carried out.)"""

# This fact and not the table says which id comes next: an id is not used again after unmark() has removed its entry,
# since ids are compared to tell which call came first.
_NEWEST = "journal.newest"


class Entry(NamedTuple):
    """One entry of the journal, and what of its change the ledger gets once the change is accepted.

    ``id`` is 0 and ``was`` is None until :func:`append` returns the entry. ``before`` and ``after``: JSON objects of
    fields, or None. ``place``: where the row stands, None if no row makes the change. ``was``: the status that the
    contact had in the ledger, None if it was not there.
    """

    id: int
    source: str
    kind: str
    key: str
    old_id: int | None
    match: str
    digest: int | None
    before: str | None
    after: str | None
    place: str | None = None
    raw: int | None = None
    was: str | None = None

    def refusal(self, reason: str | None, now: float) -> dict[str, Any]:
        """Return the values with which SQL statements record why the change was refused."""
        return {**self._asdict(), "reason": reason, "at": now}


_WRITTEN = Entry._fields[: Entry._fields.index("raw")]
_APPENDED = f"INSERT INTO change (outcome, run, horizon, at, old_match, {', '.join(_WRITTEN)}) VALUES {{rows}}"


def drafted(source: str, changes: Iterable[Change], origins: Sequence[str] = ()) -> list[Entry]:
    """Return entries for changes, to be appended; ``origins``: the names of the origins of their rows.

    They are made before the file is locked, since other processes wait for the lock.
    """
    # After its source an entry has the first five fields of its change, in the same order.
    return [
        Entry(
            0,
            source,
            *change[:5],
            as_json(change.before or None),
            as_json(change.after),
            change.place(origins),
            change.raw,
        )
        for change in changes
    ]


def append(database: Database, run: str, drafts: Sequence[Entry], *, highest_known_id: int, now: float) -> list[Entry]:
    """Add ``pending`` entries to the journal; return them with their ``id`` and with what the contact ``was``."""
    if not drafts:
        return []
    first = newest_change(database) + 1
    source, keys = drafts[0].source, [draft.key for draft in drafts]
    rows = database.rows(f"SELECT key, status, match FROM contact WHERE {THESE_KEYS}", source=source, keys=keys)
    known = {key: (status, match) for key, status, match in rows}
    entries, values = [], []
    # The ids are given here and not by SQLite, so that many rows go into one statement.
    for number, draft in enumerate(drafts, first):
        was, match = known.get(draft.key, (None, None))
        old_match = None if match == draft.match else match
        entry = Entry(number, *draft[1:-1], was)
        entries.append(entry)
        values.append((ChangeOutcome.PENDING.value, run, highest_known_id, now, old_match, *entry[: len(_WRITTEN)]))
    database.execute_in_bulk(_APPENDED, values)
    database.put("fact", name=_NEWEST, value=str(first + len(values) - 1))
    return entries


def newest_change(database: Database) -> int:
    """Return the highest id that an entry of the journal ever had; 0 if there was none."""
    return int(database.scalar("SELECT value FROM fact WHERE name = :name", name=_NEWEST) or 0)


def overtaken(database: Database, entries: Sequence[Entry]) -> set[int]:
    """Return the ids of entries that a later call of another run has settled meanwhile; their contacts are pending."""
    query = "SELECT id FROM change WHERE id IN (SELECT value FROM json_each(:ids)) AND outcome <> 'pending'"
    late = set(database.column(query, ids=[entry.id for entry in entries]))
    if late:
        # Nobody can tell which of the two calls reached the target last, so what the target holds is unknown.
        unsure = "UPDATE contact SET status = 'pending' WHERE source = ? AND key = ?"
        database.execute_many(unsure, [(entry.source, entry.key) for entry in entries if entry.id in late])
        database.execute("DELETE FROM cursor")
    return late


def as_json(fields: Fields | None) -> str | None:
    """Return fields as the tables hold them."""
    return None if fields is None else orjson.dumps(fields).decode()
