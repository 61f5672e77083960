"""Who holds a number at the target, as far as the ledger knows: an index of it, by number.

Triggers note each contact that changes after the index was made (the table ``unindexed``). Such a contact is read from
the ledger, until the next run brings the index up to date.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import polars as pl

from syncd.core.activity.attribution.numbers import phones_in
from syncd.core.callers.former import CALLERS, HEIR, NAME, SOURCE, former
from syncd.core.callers.numbers import NUMBER, numbers_in
from syncd.core.columns import KEY
from syncd.state.bulk import column_pages
from syncd.state.database import Part
from syncd.state.entries import newest_change
from syncd.state.facts import Fact
from syncd.state.numbers.numbers import SOURCES
from syncd.state.numbers.there import FROM_OPEN, STANDING, THERE, VALUES
from syncd.state.queries import THESE_KEYS

HOLDERS = {NUMBER: pl.String, SOURCE: pl.String, KEY: pl.String}
"""A contact at the target that holds a number; a contact with several numbers has several rows."""

CONTACTS = {SOURCE: pl.String, KEY: pl.String, "fields": pl.String}
"""A contact at the target. ``fields``: its values there, a JSON object, as far as they are known."""

CROWDS = {NUMBER: pl.String, "holders": pl.Int64}
"""A number that many contacts hold, and how many these are at least."""

_WHO = {SOURCE: pl.String, KEY: pl.String}
_PAGE = 25_000
_NOTED = {**_WHO, "fields": pl.String, HEIR: pl.String}
_NEXT = f"SELECT source, key, fields, coalesce(heir, key) FROM unindexed ORDER BY source, key LIMIT {_PAGE}"
_CHANGED = f"SELECT source, key FROM unindexed UNION SELECT source, key {FROM_OPEN}"
_CROWDS = (
    "SELECT number, count(*) - :unsure AS holders FROM number WHERE number IN (SELECT value FROM json_each(:numbers))"
    " GROUP BY number HAVING holders >= :least"
)
_LAST = (
    "SELECT key, at, run, max(id) FROM change WHERE source = :source AND key IN (SELECT value FROM json_each(:keys))"
    " AND id > :after AND outcome <> 'refused' GROUP BY key"
)
_LOST = "INSERT OR REPLACE INTO formernumber (number, source, key, name, until, run) VALUES {rows}"
_HELD = "INSERT OR IGNORE INTO number (number, source, key) VALUES {rows}"


class _Refresh(NamedTuple):
    """One refresh: the names of the phone fields and of the field with the name, the run, and its newest change before.

    ``after``: the newest change when the index was made.
    """

    phones: list[str]
    display: str | None
    run: str
    after: int


class Holders(Part):
    """The index. ``phones``: the names of the target's phone fields, in every method."""

    def of(self, numbers: pl.Series, phones: Collection[str]) -> pl.DataFrame:
        """Return who holds these numbers (in the form of :mod:`syncd.core.callers.numbers`), as :data:`HOLDERS`."""
        wanted = pl.col(NUMBER).is_in(numbers.implode())
        changed = self._changed(phones)
        if changed is None:
            return pl.concat([pl.DataFrame(schema=HOLDERS), *(page.filter(wanted) for page in self._every(phones))])
        rest = self._indexed(numbers).join(changed, on=[SOURCE, KEY], how="anti", maintain_order="left")
        pages = (changed.slice(start, _PAGE) for start in range(0, changed.height, _PAGE))
        now = (numbers_in(self.contacts(page), [SOURCE, KEY], pl.col("fields"), phones) for page in pages)
        return pl.concat([rest, *(found.filter(wanted).select(HOLDERS.keys()) for found in now)])

    def crowds(self, numbers: pl.Series, phones: Collection[str], least: int) -> pl.DataFrame:
        """Return those of the numbers that at least so many contacts hold: ``number`` and ``holders``, a lower bound.

        Without an index of these ``phones``, none is found.
        """
        changed, found = self._changed(phones), [pl.DataFrame(schema=CROWDS)]
        if changed is not None:
            # What has changed since the index was made may hold none of them any more.
            values = {"unsure": changed.height, "least": least}
            pages = (numbers.slice(start, _PAGE).to_list() for start in range(0, len(numbers), _PAGE))
            found += [self._database.frame(CROWDS, _CROWDS, numbers=page, **values) for page in pages]
        return pl.concat(found)

    def contacts(self, who: pl.DataFrame) -> pl.DataFrame:
        """Return these contacts (``@source``, ``@key``) as :data:`CONTACTS`; those that are not at the target lack."""
        found = [pl.DataFrame(schema=CONTACTS)]
        for (source,), part in who.partition_by(SOURCE, as_dict=True, maintain_order=True).items():
            query = f"SELECT source, key, {VALUES} FROM contact WHERE {THESE_KEYS} AND {THERE}"
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

    def refresh(self, phones: Collection[str], *, display: str | None = None, run: str = "") -> None:
        """Bring the index up to date, and note which callers a number has no more.

        ``display``: the field that a phone shows as the name, if it is known. ``run``: the run that has ended.
        """
        standing = self._standing.get()
        if standing is None or standing["phones"] != sorted(phones):
            self._build(sorted(phones))
            return
        # A run that changes nothing costs this one look.
        if not self._database.scalar("SELECT EXISTS (SELECT 1 FROM unindexed)"):
            return
        newest = newest_change(self._database)
        this = _Refresh(sorted(phones), display, run, standing["change"])
        # Each page is a transaction: other processes write between two of them.
        while self._follow(this):
            pass
        self._look_at_open(this.phones)
        self._standing.set({"phones": this.phones, "change": newest})

    def erase(self, source: str, keys: Collection[str]) -> None:
        """Forget everything that the index, and the numbers of before and of rows that are not sent, say of keys."""
        with self._database.write():
            for table in ("number", "unindexed", "formernumber", "unsent"):
                self._database.execute(f"DELETE FROM {table} WHERE {THESE_KEYS}", source=source, keys=keys)

    @property
    def _standing(self) -> Fact[dict[str, Any] | None]:
        return Fact(self._database, STANDING, lambda text: json.loads(text) if text else None, json.dumps)

    def _changed(self, phones: Collection[str]) -> pl.DataFrame | None:
        """Return the contacts (``@source``, ``@key``) of which the index may be wrong; None if there is no index."""
        indexed = self._standing.get()
        if indexed is None or not {*phones} <= {*indexed["phones"]}:
            return None
        return self._database.frame(_WHO, _CHANGED)

    def _indexed(self, numbers: pl.Series) -> pl.DataFrame:
        query = "SELECT number, source, key FROM number WHERE number IN (SELECT value FROM json_each(:numbers))"
        pages = (numbers.slice(start, _PAGE).to_list() for start in range(0, len(numbers), _PAGE))
        found = [self._database.frame(HOLDERS, query, numbers=page) for page in pages]
        return pl.concat([pl.DataFrame(schema=HOLDERS), *found])

    def _every(self, phones: Collection[str]) -> Iterator[pl.DataFrame]:
        """Yield every contact at the target with its numbers, as :data:`HOLDERS`."""
        schema = {KEY: pl.String, "fields": pl.String}
        for source in self._database.column(SOURCES):
            for page in column_pages(self._database, source, ("key", VALUES), schema, THERE, _PAGE):
                named = page.with_columns(pl.lit(source).alias(SOURCE))
                yield numbers_in(named, [SOURCE, KEY], pl.col("fields"), phones).select(HOLDERS.keys())

    def _build(self, phones: list[str]) -> None:
        """Make the index anew, of all contacts."""
        with self._database.write():
            for table in ("number", "unindexed"):
                self._database.execute(f"DELETE FROM {table}")
            newest = newest_change(self._database)
            # In the order of the table, so that SQLite writes each page of it once.
            self._insert(pl.concat([pl.DataFrame(schema=HOLDERS), *self._every(phones)]).sort(NUMBER, SOURCE, KEY))
            self._standing.set({"phones": phones, "change": newest})

    def _follow(self, this: _Refresh) -> bool:
        """Bring a page of the contacts that have changed into the index; return whether there may be more."""
        with self._database.write():
            noted = self._database.frame(_NOTED, _NEXT)
            heirs = noted.select(SOURCE, pl.col(HEIR).alias(KEY))
            touched = pl.concat([noted.select(SOURCE, KEY), heirs]).unique(maintain_order=True)
            then, now = _callers(noted, this, HEIR), _callers(self.contacts(touched), this)
            gone = then.join(now, on=[NUMBER, SOURCE, KEY], how="anti", maintain_order="left")
            self._delete(gone)
            self._insert(now.sort(NUMBER, SOURCE, KEY))
            self._note_former(former(then, now), this)
            for (source,), part in noted.partition_by(SOURCE, as_dict=True).items():
                keys = part.get_column(KEY).to_list()
                self._database.execute(f"DELETE FROM unindexed WHERE {THESE_KEYS}", source=source, keys=keys)
        return noted.height == _PAGE

    def _look_at_open(self, phones: list[str]) -> None:
        """Look again at contacts of which another contact's row decides whether the target has them."""
        with self._database.write():
            query = f"SELECT source, key, {VALUES}, {THERE} {FROM_OPEN}"
            found = self._database.frame({**CONTACTS, "there": pl.Int64}, query)
            held = numbers_in(found, [SOURCE, KEY, "there"], pl.col("fields"), phones)
            self._insert(held.filter(pl.col("there") == 1))
            self._delete(held.filter(pl.col("there") == 0))

    def _note_former(self, lost: pl.DataFrame, this: _Refresh) -> None:
        now = self._database.clock()
        for (source,), part in lost.partition_by(SOURCE, as_dict=True).items():
            keys = part.get_column(KEY).unique().to_list()
            changes = self._database.rows(_LAST, source=source, keys=keys, after=this.after)
            # What no change of the journal tells, such as a contact that was let go, this run has done.
            last = {key: (at, run) for key, at, run, _ in changes}
            lost_by = part.select(NUMBER, KEY, NAME).iter_rows()
            rows = [(number, source, key, name, *last.get(key, (now, this.run))) for number, key, name in lost_by]
            self._database.execute_in_bulk(_LOST, rows)

    def _delete(self, held: pl.DataFrame) -> None:
        query = "DELETE FROM number WHERE number = ? AND source = ? AND key = ?"
        self._database.execute_many(query, held.select(HOLDERS.keys()).rows())

    def _insert(self, held: pl.DataFrame) -> None:
        for start in range(0, held.height, _PAGE):
            self._database.execute_in_bulk(_HELD, held.select(HOLDERS.keys()).slice(start, _PAGE).rows())


def _callers(contacts: pl.DataFrame, this: _Refresh, *more: str) -> pl.DataFrame:
    """Return the callers (:data:`CALLERS`) that contacts with ``fields`` are, with these columns too."""
    name = phones_in(pl.col("fields"), [this.display] if this.display else []).fill_null("")
    named = contacts.with_columns(name.alias(NAME))
    return numbers_in(named, [SOURCE, KEY, NAME, *more], pl.col("fields"), this.phones).select(*CALLERS, *more)
