"""Keeps the numbers of rows that are not sent, by source, from its last complete read."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from syncd.core.callers.former import NAME
from syncd.core.callers.numbers import NUMBER
from syncd.core.callers.unsent import AT, WHY
from syncd.core.columns import KEY
from syncd.state.database import Database, Part
from syncd.state.facts import Fact
from syncd.state.numbers.there import MORE
from syncd.state.queries import THESE_KEYS

REFUSED = {KEY: pl.String, AT: pl.String, "reason": pl.String, "fields": pl.String}
"""A contact that the target refused. ``fields``: as they were sent, a JSON object."""

_REFUSED = (
    "SELECT contact.key, coalesce(change.place, ''), coalesce(contact.reason, ''), change.after"
    " FROM contact INDEXED BY contact_open JOIN change ON change.id = (SELECT max(id) FROM change AS last"
    " WHERE last.source = contact.source AND last.key = contact.key AND last.outcome = 'refused')"
    " WHERE contact.source = :source AND contact.status <> 'accepted' AND contact.status = 'rejected'"
    " AND change.after IS NOT NULL ORDER BY contact.key"
)
_READ = "unsent.read."
# Every complete and every partial read leaves this fact.
_UNREAD = (
    f"SELECT substr(name, {len(_READ) + 1}) FROM fact WHERE name GLOB '{_READ}*' AND substr(name, {len(_READ) + 1})"
    " NOT IN (SELECT source FROM run WHERE kind IN ('run', 'apply') AND started >= :before)"
)
_PUT = "INSERT OR REPLACE INTO unsent (source, number, key, at, name, why, reason) VALUES {rows}"
_PAGE = 25_000


def forget_rows(database: Database, source: str) -> int:
    """Forget the rows of a source; its next complete read keeps its own. Return how many rows went."""
    with database.write():
        for fact in (_READ, MORE):
            database.execute("DELETE FROM fact WHERE name = :name", name=f"{fact}{source}")
        return database.execute("DELETE FROM unsent WHERE source = :source", source=source)


def forget_unread(database: Database, before: float) -> int:
    """Forget the rows of sources that no run has read since ``before`` (Unix seconds); return how many went."""
    return sum(forget_rows(database, source) for source in database.column(_UNREAD, before=before))


class Unsent(Part):
    """The table ``unsent``."""

    def mark(self, source: str) -> Fact[str | None]:
        """Return what tells whether the rows of the source's next complete read are those of the last one."""
        return Fact(self._database, f"{_READ}{source}", lambda stored: stored)

    def refused(self, source: str) -> pl.DataFrame:
        """Return the contacts that the target refused, as :data:`REFUSED`."""
        return self._database.frame(REFUSED, _REFUSED, source=source)

    def keep(
        self, source: str, rows: pl.DataFrame, *, about: Collection[str] | None, more: bool, mark: str = ""
    ) -> None:
        """Keep ``rows`` (:data:`syncd.core.callers.unsent.UNSENT`) in place of all, or of those ``about`` these keys.

        ``more``: whether there are more than these. ``mark``: see :meth:`mark`.
        """
        with self._database.write():
            if about is None:
                self._database.execute("DELETE FROM unsent WHERE source = :source", source=source)
                self._database.execute("DELETE FROM fact WHERE name = :name", name=f"{MORE}{source}")
            else:
                self._database.execute(f"DELETE FROM unsent WHERE {THESE_KEYS}", source=source, keys=about)
                # All refused contacts are among the rows, whatever was read.
                query = "DELETE FROM unsent WHERE source = :source AND why = 'rejected'"
                self._database.execute(query, source=source)
            found = rows.select(pl.lit(source).alias("source"), NUMBER, KEY, AT, NAME, WHY, "reason").sort(NUMBER)
            for start in range(0, found.height, _PAGE):
                self._database.execute_in_bulk(_PUT, found.slice(start, _PAGE).rows())
            if more:
                self._database.put("fact", name=f"{MORE}{source}", value="yes")
            self.mark(source).set(mark)
