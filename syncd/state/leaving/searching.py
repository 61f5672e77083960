"""Finds in the state what was forgotten, and counts what is stored of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from itertools import chain

import polars as pl

from syncd.core.callers.numbers import NUMBER, numbers_in
from syncd.core.change import Left
from syncd.core.columns import UNIT
from syncd.core.forgetting.changes import Holder
from syncd.core.forgetting.marks import Marks
from syncd.core.forgetting.traces import Sought, fields_without, holds_one_of
from syncd.state.bulk import column_pages
from syncd.state.database import Part
from syncd.state.glance import repairs_of
from syncd.state.leaving.leftovers import Leftover
from syncd.state.queries import THESE_KEYS

_CLAIMS = ("outranked", "merged", "undone", "leftover")
_NUMBERS = ("number", "unindexed", "formernumber", "unsent", "wanted", "leftout", "assigned")
OF_KEYS = ("contact", "change", *_CLAIMS, *_NUMBERS)
"""The tables with the columns ``source`` and ``key``."""

OF_NUMBERS = tuple(table for table in _NUMBERS if table not in ("unindexed", "wanted"))
"""Those that have a column ``number`` too, in plain form."""

COUNTS = ("contacts", "history", "claims", "numbers", "holds", "reports")
"""What :meth:`Searching.kept` counts."""

_TEXTS = ("before", "after", "match", "old_match")
_IN_HISTORY = " OR ".join(f"instr(coalesce({name}, ''), :number) > 0" for name in _TEXTS)
_IN_CONTACT = "(instr(fields, :number) > 0 OR instr(coalesce(returned, ''), :number) > 0)"
_ASKED_FOR = (
    "key IN (SELECT key FROM change WHERE source = :source AND outcome IN ('pending', 'moved')"
    " AND instr(coalesce(after, ''), :number) > 0)"
)
_OPEN = (
    "SELECT key FROM change WHERE source = :source AND outcome IN ('pending', 'moved')"
    " UNION SELECT key FROM leftover WHERE source = :source AND change IS NOT NULL"
)
# The newest change of each key that has no contact any more, if the change mentions the number.
_FORMER = (
    "SELECT key, coalesce(after, before) FROM change WHERE source = :source AND key <> ''"
    f" AND ({_IN_HISTORY}) AND NOT EXISTS"
    " (SELECT 1 FROM contact WHERE contact.source = :source AND contact.key = change.key) AND NOT EXISTS"
    " (SELECT 1 FROM change AS later WHERE later.source = :source AND later.key = change.key AND later.id > change.id)"
)
# The digest is 0 in the changes that take numbers away: a row that lost its number sends a contact without one.
_EMPTIED = (
    "SELECT contact.key, contact.fields, contact.returned FROM change JOIN contact USING (source, key)"
    " WHERE source = :source AND change.digest = 0 AND change.outcome = 'accepted' AND contact.status = 'accepted'"
    " AND instr(coalesce(change.before, ''), :number) > 0 AND NOT EXISTS"
    " (SELECT 1 FROM change AS later WHERE later.source = :source AND later.key = change.key AND later.id > change.id)"
)
_MERGED_WITH = (
    "SELECT DISTINCT key FROM contact WHERE source = :source AND match IN"
    f" (SELECT merged_into FROM merged WHERE {THESE_KEYS}) ORDER BY key"
)
_LET_GO_WITH = (
    "SELECT key, before, after FROM change JOIN leftover USING (source, key) WHERE source = :source"
    " AND leftover.remote_id IS NOT NULL AND instr(coalesce(before, '') || coalesce(after, ''), :number) > 0"
    " AND NOT EXISTS"
    " (SELECT 1 FROM change AS later WHERE later.source = :source AND later.key = change.key AND later.id > change.id)"
)
_HOLDER = "SELECT key, remote_id, match, fields, returned, status, origin FROM contact"
_FIELDS = {"one": pl.String, "other": pl.String}
_PAGE = 25_000


class Searching(Part):
    """Looks for forgotten keys and numbers. ``phones``: the names of the target's phone fields."""

    def sources(self) -> list[str]:
        """Return every source of which something is stored."""
        found = " UNION ".join(f"SELECT DISTINCT source FROM {table}" for table in OF_KEYS)
        return [name for name in sorted(self._database.column(found)) if name]

    def by_marks(self, marks: Marks, phones: Collection[str]) -> Sought:
        """Return what is stored of a source and was forgotten, by its digests alone."""
        keys = pl.Series(sorted(self._keys(marks.source)) if marks.keys else (), dtype=pl.String)
        numbers = self._numbers(marks, phones) if marks.numbers else ()
        return Sought(frozenset(keys.filter(marks.forgotten_keys(keys))), frozenset(numbers))

    def has_key(self, source: str, keys: Collection[str]) -> bool:
        """Return whether one of the keys is stored anywhere, reports and what the source said last included."""
        return not self._keys(source).isdisjoint(keys)

    def _keys(self, source: str) -> set[str]:
        """Return every key of the source that is stored anywhere."""
        union = " UNION ".join(f"SELECT key FROM {table} WHERE source = :source" for table in OF_KEYS)
        found = set(self._database.column(union, source=source))
        for table, column in (("run", "report"), ("cursor", "standing")):
            query = (
                f"SELECT DISTINCT tree.value FROM {table}, json_tree({table}.{column}) AS tree"
                f" WHERE {table}.source = :source AND tree.type = 'text' AND (tree.key IN ('key', 'was')"
                " OR tree.path LIKE '%.keys')"
            )
            shown = self._database.column(query, source=source)
            found |= {key for each in shown for key in (each, each.replace("+", UNIT))}
        return found

    def _numbers(self, marks: Marks, phones: Collection[str]) -> Iterator[str]:
        """Yield the numbers that are stored anywhere and were forgotten."""
        for table in OF_NUMBERS:
            query = f"SELECT DISTINCT number FROM {table} WHERE source = :source"
            stored = pl.Series(self._database.column(query, source=marks.source), dtype=pl.String)
            yield from marks.forgotten_numbers(stored)
        for page in chain(self._fields_of_contacts(marks.source), self._fields_of_changes(marks.source)):
            for column in page.columns:
                numbers = numbers_in(page.select(column).drop_nulls(), [], pl.col(column), phones)
                yield from marks.forgotten_numbers(numbers.get_column(NUMBER))

    def _fields_of_contacts(self, source: str) -> Iterator[pl.DataFrame]:
        # No column may be null there.
        yield from column_pages(self._database, source, ("fields", "coalesce(returned, '{}')"), _FIELDS)

    def _fields_of_changes(self, source: str) -> Iterator[pl.DataFrame]:
        last = 0
        query = f"SELECT id, before, after FROM change WHERE source = :source AND id > :last ORDER BY id LIMIT {_PAGE}"
        while rows := self._database.rows(query, source=source, last=last):
            last = rows[-1][0]
            yield pl.DataFrame([row[1:] for row in rows], schema=_FIELDS, orient="row")

    def contacts(self, source: str, sought: Sought, phones: Collection[str]) -> list[Holder]:
        """Return the contacts of the ledger that have one of the keys, or hold one of the numbers."""
        found = {each.key: each for each in self._holders(THESE_KEYS, source, sought.keys)}
        for number in sorted(sought.numbers):
            for each in self._holders(f"source = :source AND {_IN_CONTACT}", source, number=number):
                if any(holds_one_of(fields, sought.numbers, phones) for fields in (each.fields, each.returned)):
                    found.setdefault(each.key, each)
            for each in self._holders(f"source = :source AND {_ASKED_FOR}", source, number=number):
                found.setdefault(each.key, each)
        return [found[key] for key in sorted(found)]

    def _holders(self, condition: str, source: str, keys: Iterable[str] = (), number: str = "") -> list[Holder]:
        rows = self._database.rows(f"{_HOLDER} WHERE {condition}", source=source, keys=[*keys], number=number)
        return [
            Holder(key, id_, match, json.loads(fields), json.loads(returned or "{}"), status, origin == "adopted")
            for key, id_, match, fields, returned, status, origin in rows
        ]

    def widened(self, source: str, sought: Sought, phones: Collection[str]) -> Sought:
        """Add the keys of contacts that have left the ledger and whose last numbers were all among those sought."""
        found = set()
        for number in sought.numbers:
            for key, stored in self._database.rows(_FORMER, source=source, number=number):
                fields = json.loads(stored or "{}")
                left = fields_without(fields, sought.numbers, phones)
                if left != fields and not any(left.get(name) for name in phones):
                    found.add(key)
        return Sought(sought.keys | found, sought.numbers)

    def emptied(
        self, source: str, numbers: Collection[str], phones: Collection[str], sent: Collection[str]
    ) -> frozenset[str]:
        """Return the contacts whose last change took the last number of their row from them, and that have another one.

        ``sent``: the phone fields that rows fill.
        """
        found = set()
        for number in numbers:
            for key, fields, returned in self._database.rows(_EMPTIED, source=source, number=number):
                there = json.loads(returned or "{}") | json.loads(fields)
                if any(there.get(name) for name in phones) and not any(there.get(name) for name in sent):
                    found.add(key)
        return frozenset(found)

    def merged_with(self, source: str, keys: Collection[str]) -> list[str]:
        """Return the contacts that may hold the numbers of these keys, which were merged into them."""
        return [key for key in self._database.column(_MERGED_WITH, source=source, keys=keys) if key not in keys]

    def let_go_with(self, source: str, numbers: Collection[str], phones: Collection[str]) -> frozenset[str]:
        """Return the keys of contacts that syncd had let go with one of these numbers."""
        found = set()
        for number in numbers:
            for key, before, after in self._database.rows(_LET_GO_WITH, source=source, number=number):
                there = json.loads(before or "{}") | json.loads(after or "{}")
                if holds_one_of(there, frozenset(numbers), phones):
                    found.add(key)
        return frozenset(found)

    def stays(self, source: str, keys: Collection[str]) -> list[Leftover]:
        """Return the contacts of these keys that syncd had let go before, and that stay at the target."""
        query = f"SELECT key, remote_id, why FROM leftover WHERE {THESE_KEYS} AND remote_id IS NOT NULL ORDER BY id"
        return [Leftover(key, id_, Left(why)) for key, id_, why in self._database.rows(query, source=source, keys=keys)]

    def unfinished(self, source: str, sought: Sought, phones: Collection[str]) -> frozenset[str]:
        """Return the keys that cannot be erased yet: a contact, or a call of unknown outcome, is still there."""
        waiting = frozenset(self._database.column(_OPEN, source=source)) & sought.keys
        return waiting | {each.key for each in self.contacts(source, sought, phones)}

    def kept(self, source: str, sought: Sought, phones: Collection[str]) -> dict[str, int]:
        """Count what is stored of it: :data:`COUNTS`."""
        found = dict.fromkeys(COUNTS, 0) | {"contacts": len(self.contacts(source, sought, phones))}
        asked = {"source": source, "keys": sought.keys}
        for name, tables in (("history", ("change",)), ("claims", _CLAIMS), ("numbers", _NUMBERS)):
            queries = [f"SELECT count(*) FROM {table} WHERE {THESE_KEYS}" for table in tables]
            found[name] = sum(int(self._database.scalar(query, **asked)) for query in queries)
        for number in sought.numbers:
            others = [("history", f"change WHERE ({_IN_HISTORY})")]
            others += [("numbers", f"{table} WHERE number = :number") for table in OF_NUMBERS]
            for name, of_number in others:
                query = f"SELECT count(*) FROM {of_number} AND source = :source AND NOT ({THESE_KEYS})"
                found[name] += int(self._database.scalar(query, number=number, **asked))
        held = self._database.column(_HELD, names=[source, repairs_of(source)])
        found["holds"] = sum(not sought.keys.isdisjoint(json.loads(keys)) for keys in held)
        found["reports"] = int(self._database.scalar(_REPORTS, source=source))
        return found


_HELD = "SELECT keys FROM hold WHERE source IN (SELECT value FROM json_each(:names))"
_REPORTS = "SELECT count(*) FROM run WHERE source = :source AND report IS NOT NULL"
