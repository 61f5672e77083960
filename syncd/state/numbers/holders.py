"""Who holds a number at the target, as far as the ledger knows: an index of it, by number.

The index is as new as a place in the journal. What changed after that place is read from the ledger each time, until
the next run brings the index up to date.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

import polars as pl

from syncd.core.callers.numbers import NUMBER, numbers_in
from syncd.core.columns import KEY
from syncd.state.bulk import column_pages
from syncd.state.database import Part
from syncd.state.entries import newest_change
from syncd.state.facts import Fact
from syncd.state.queries import THESE_KEYS

SOURCE = "@source"

HOLDERS = {NUMBER: pl.String, SOURCE: pl.String, KEY: pl.String}
"""A contact at the target that holds a number; a contact with several numbers has several rows."""

CONTACTS = {SOURCE: pl.String, KEY: pl.String, "fields": pl.String}
"""A contact at the target. ``fields``: as they were sent, with those of the target's answer that were not sent."""

_PAGE = 25_000
_THERE = "fields <> '{}' AND (status = 'accepted' OR remote_id IS NOT NULL)"
_FIELDS = "CASE WHEN returned IS NULL THEN fields ELSE json_patch(returned, fields) END"
_CHANGED = (
    "SELECT DISTINCT source, key FROM change WHERE key <> ''"
    " AND (id > :change OR id IN (SELECT value FROM json_each(:open)))"
)


class Holders(Part):
    """The index. ``phones``: the names of the target's phone fields, in every method."""

    def of(self, numbers: pl.Series, phones: Collection[str]) -> pl.DataFrame:
        """Return who holds these numbers (in the form of :mod:`syncd.core.callers.numbers`), as :data:`HOLDERS`."""
        indexed, changed = self._indexed(numbers), self._changed(phones)
        if changed is None:
            every = pl.concat([pl.DataFrame(schema=HOLDERS), *self._every(phones)])
            return every.filter(pl.col(NUMBER).is_in(numbers.implode()))
        if changed.is_empty():
            return indexed
        rest = indexed.join(changed, on=[SOURCE, KEY], how="anti")
        now = numbers_in(self.contacts(changed), [SOURCE, KEY], pl.col("fields"), phones).select(HOLDERS.keys())
        return pl.concat([rest, now.filter(pl.col(NUMBER).is_in(numbers.implode()))])

    def contacts(self, who: pl.DataFrame) -> pl.DataFrame:
        """Return these contacts (``@source``, ``@key``) as :data:`CONTACTS`; those that are not at the target lack."""
        found = [pl.DataFrame(schema=CONTACTS)]
        for (source,), part in who.partition_by(SOURCE, as_dict=True).items():
            query = f"SELECT source, key, {_FIELDS} FROM contact WHERE {THESE_KEYS} AND {_THERE}"
            keys = part.get_column(KEY).unique()
            for start in range(0, len(keys), _PAGE):
                page = keys.slice(start, _PAGE).to_list()
                found.append(self._database.frame(CONTACTS, query, source=source, keys=page))
        return pl.concat(found)

    def count(self, source: str, phones: Collection[str]) -> int:
        """Return how many numbers the source's contacts hold; a number of two contacts counts twice."""
        changed = self._changed(phones)
        if changed is None:
            return sum(page.filter(pl.col(SOURCE) == source).height for page in self._every(phones))
        mine = changed.filter(pl.col(SOURCE) == source)
        count = "SELECT count(*) FROM number WHERE source = :source"
        indexed = int(self._database.scalar(count, source=source))
        keys = mine.get_column(KEY)
        pages = (keys.slice(start, _PAGE).to_list() for start in range(0, len(keys), _PAGE))
        stale = sum(self._database.scalar(f"{count} AND {THESE_KEYS}", source=source, keys=page) for page in pages)
        now = numbers_in(self.contacts(mine), [KEY], pl.col("fields"), phones).height
        return indexed - int(stale) + now

    def refresh(self, phones: Collection[str]) -> None:
        """Bring the index up to date."""
        standing = {"change": newest_change(self._database), "open": self._open(), "phones": sorted(phones)}
        changed = self._changed(phones)
        if changed is not None and changed.is_empty() and standing == self._standing.get():
            return
        with self._database.write():
            if changed is None:
                self._database.execute("DELETE FROM number")
                for page in self._every(phones):
                    self._insert(page)
            else:
                for (source,), part in changed.partition_by(SOURCE, as_dict=True).items():
                    keys = part.get_column(KEY).to_list()
                    self._database.execute(f"DELETE FROM number WHERE {THESE_KEYS}", source=source, keys=keys)
                self._insert(numbers_in(self.contacts(changed), [SOURCE, KEY], pl.col("fields"), phones))
            self._standing.set(standing)

    @property
    def _standing(self) -> Fact[dict[str, object] | None]:
        return Fact(self._database, "numbers.standing", lambda text: json.loads(text) if text else None, json.dumps)

    def _open(self) -> list[int]:
        return self._database.column("SELECT id FROM change WHERE outcome IN ('pending', 'moved') ORDER BY id")

    def _indexed(self, numbers: pl.Series) -> pl.DataFrame:
        query = "SELECT number, source, key FROM number WHERE number IN (SELECT value FROM json_each(:numbers))"
        pages = (numbers.slice(start, _PAGE).to_list() for start in range(0, len(numbers), _PAGE))
        found = [self._database.frame(HOLDERS, query, numbers=page) for page in pages]
        return pl.concat([pl.DataFrame(schema=HOLDERS), *found])

    def _changed(self, phones: Collection[str]) -> pl.DataFrame | None:
        """Return the contacts (``@source``, ``@key``) that changed since the index was made; None if there is none."""
        standing = self._standing.get()
        if standing is None or standing["phones"] != sorted(phones):
            return None
        schema = {SOURCE: pl.String, KEY: pl.String}
        return self._database.frame(schema, _CHANGED, change=standing["change"], open=standing["open"])

    def _every(self, phones: Collection[str]) -> Iterator[pl.DataFrame]:
        schema = {KEY: pl.String, "fields": pl.String}
        for source in self._database.column("SELECT DISTINCT source FROM contact"):
            for page in column_pages(self._database, source, ("key", _FIELDS), schema, _THERE, _PAGE):
                named = page.with_columns(pl.lit(source).alias(SOURCE))
                yield numbers_in(named, [SOURCE, KEY], pl.col("fields"), phones).select(HOLDERS.keys())

    def _insert(self, found: pl.DataFrame) -> None:
        rows = found.select(HOLDERS.keys()).sort(NUMBER).rows()
        self._database.execute_in_bulk("INSERT OR IGNORE INTO number (number, source, key) VALUES {rows}", rows)
