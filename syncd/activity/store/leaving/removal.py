"""Removes what is old from the tables of calls and messages, in short transactions: a receiver waits for each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from syncd.activity.store.attributions import forget_attributions
from syncd.activity.store.kinds import OfKind
from syncd.activity.store.taking import REMOVED
from syncd.state.database import Database

_PAGE = 500
_THESE = "(SELECT value FROM json_each(:keys))"
# What stays: how the activity came, so that a reading of its day finds it known and unchanged.
_STAYING = frozenset(
    (
        *("row", "listed_rows", "listed_at", "day", "missing_since", "first_seen", "first_by", "changed", "revision"),
        "text_dropped",
    )
)
_ZERO = frozenset({"digest", "summary"})


class Removal:
    """Removes texts, and whole activities."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def texts(self, of: OfKind, before: float) -> int:
        """Remove the texts of activities from before ``before``, for good; return their number."""
        sql = f"SELECT {of.key} FROM {of.name} WHERE {_older(of)} AND text_dropped IS NULL LIMIT {_PAGE}"
        count = 0
        while True:
            with self._database.write():
                keys = self._database.column(sql, before=before)
                now = self._database.clock()
                self._database.execute(f"UPDATE {of.name} SET text_dropped = :now WHERE {of.these}", now=now, keys=keys)
                self._database.execute(f"DELETE FROM text WHERE kind = '{of.name}' AND id IN {_THESE}", keys=keys)
            count += len(keys)
            if len(keys) < _PAGE:
                return count

    def old(self, of: OfKind, before: float, awaited: Collection[str]) -> Iterator[list[str]]:
        """Yield the keys of activities from before ``before`` that are still here, some at a time."""
        sql = (
            f"SELECT rowid, {of.key} FROM {of.name} WHERE {_older(of)} AND left_out = 0 AND rowid > :last"
            f" ORDER BY rowid LIMIT {_PAGE}"
        )
        last = -1
        while page := self._database.rows(sql, before=before, last=last):
            last = page[-1][0]
            yield [key for _, key in page if f"{of.name}:{key}" not in awaited]

    def remove(self, of: OfKind, keys: Sequence[str]) -> None:
        """Remove activities, their texts, parts, media and the bytes of their events; a row with their ids stays."""
        emptied = [name for name in of.columns if name not in {*_STAYING, *of.identity, "left_out"}]
        values = ", ".join(f'"{name}" = {0 if name in _ZERO else "NULL"}' for name in emptied)
        names, owners = [of.parted(key)[-1] for key in keys], [f"{of.name}:{key}" for key in keys]
        with self._database.write():
            self._database.execute(
                f"UPDATE {of.name} SET {values}, left_out = {REMOVED} WHERE {of.these}", keys=list(keys)
            )
            self._database.execute(f"DELETE FROM text WHERE kind = '{of.name}' AND id IN {_THESE}", keys=list(keys))
            forget_attributions(self._database, of.name, keys)
            # What was erased for a person stays marked, so that it is not fetched again.
            self._database.execute(f"DELETE FROM media WHERE owner IN {_THESE} AND state <> 'erased'", keys=owners)
            self._database.execute(
                f"UPDATE event SET raw = NULL WHERE subject IN {_THESE} AND type LIKE '{of.name}.%'"
                " AND processed IS NOT NULL AND raw IS NOT NULL",
                keys=names,
            )


def _older(of: OfKind) -> str:
    # Not by coalesce, which no index has.
    return f"({of.moment} < :before OR {of.moment} IS NULL AND first_seen < :before)"
