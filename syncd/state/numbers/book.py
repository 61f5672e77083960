"""Looks numbers up in the state file, for a process that must be quick and small: read-only, and without Polars.

It finds what :mod:`syncd.state.numbers.holders` finds.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

from syncd.core.callers.whois import holds
from syncd.core.schema import Field, Schema
from syncd.state.entries import DONE
from syncd.state.glance import FIELDS
from syncd.state.look import Look
from syncd.state.numbers.there import FROM_OPEN, MORE, STANDING, THERE, VALUES

_CONTACT = f"SELECT contact.source, contact.key, remote_id AS id, status, {VALUES} AS fields, created_at AS created"
# CROSS JOIN keeps SQLite from the other order, which reads the whole ledger.
_BESIDE = "AS who CROSS JOIN contact ON contact.source = who.source AND contact.key = who.key"
_NUMBERED = "SELECT source, key FROM number WHERE number IN (SELECT value FROM json_each(:numbers))"
_CHANGED = f"SELECT source, key FROM unindexed UNION SELECT source, key {FROM_OPEN}"
_INDEXED = f"{_CONTACT} FROM ({_NUMBERED}) {_BESIDE} WHERE {THERE}"
_SINCE = f"{_CONTACT} FROM ({_CHANGED}) {_BESIDE} WHERE {THERE}"
_CHANGES = (
    "SELECT at, run, place, before, after FROM change WHERE source = :source AND key = :key"
    f" AND {DONE} ORDER BY id DESC"
)
_STAYS = (
    "SELECT remote_id FROM leftover WHERE leftover.source = formernumber.source AND leftover.key = formernumber.key"
    " AND remote_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM contact WHERE contact.remote_id = leftover.remote_id)"
    " ORDER BY id DESC LIMIT 1"
)
_FORMER = (
    f"SELECT source, key, name, until, run, ({_STAYS}) AS stays FROM formernumber"
    " WHERE number IN (SELECT value FROM json_each(:numbers))"
    " ORDER BY until DESC, source, key"
)
_UNSENT = (
    "SELECT source, key, name, at, why, reason FROM unsent WHERE number IN (SELECT value FROM json_each(:numbers))"
    " ORDER BY source, key, at"
)
_LEFT_OUT = (
    f"SELECT leftout.source, leftout.key, leftout.reason, {VALUES} AS fields FROM leftout LEFT JOIN contact"
    " ON contact.source = leftout.source AND contact.key = leftout.key"
    " WHERE number IN (SELECT value FROM json_each(:numbers)) ORDER BY leftout.source, leftout.key"
)


class NumberBook(Look):
    """The state file as it is now. Times are Unix seconds. ``numbers``: in the form in which they are compared."""

    EMPTY: ClassVar[str] = ""

    def __enter__(self) -> Self:
        # One moment for all questions, also if a run writes between two of them.
        self.rows("BEGIN")
        return super().__enter__()

    def schemas(self) -> dict[str, Schema]:
        """Return the target's fields as each source's last run knew them, without their numbers."""
        facts = self.rows("SELECT substr(name, 11), value FROM fact WHERE name LIKE 'fields of %'")
        return {source: _schema(fact) for source, fact in facts}

    def seen(self) -> Schema:
        """Return the target's fields as the last run saw them, also if that run has not ended."""
        return _schema(self.scalar("SELECT value FROM fact WHERE name = :name", name=FIELDS) or "[]")

    def phones(self) -> frozenset[str]:
        """Return the names of the target's phone fields, as far as runs knew them."""
        known = {name for schema in (self.seen(), *self.schemas().values()) for name in schema.phones}
        return frozenset(known.union(self._standing()))

    def holders(self, numbers: Sequence[str], phones: Collection[str]) -> list[dict[str, Any]]:
        """Return the contacts at the target that have one of the numbers, in the order of source and key.

        Each has ``source``, ``key``, ``id``, ``status``, ``fields`` (a mapping) and ``created``.
        """
        found = {(each["source"], each["key"]): each for each in self._candidates(numbers, phones)}
        return [found[who] for who in sorted(found) if holds(found[who]["fields"], numbers, phones)]

    def _candidates(self, numbers: Sequence[str], phones: Collection[str]) -> Iterator[dict[str, Any]]:
        # Any text with the digits in their order, whatever stands between them.
        likes = {f"like{n}": "%".join(("", *number, "")) for n, number in enumerate(numbers)}
        like = f"({' OR '.join(f'{VALUES} LIKE :{name}' for name in likes)})"
        queries: list[tuple[str, Mapping[str, Any]]]
        if set(phones) <= self._standing():
            queries = [(_INDEXED, {"numbers": numbers}), (f"{_SINCE} AND {like}", likes)]
        else:
            # No run has made an index of these fields yet.
            queries = [(f"{_CONTACT} FROM contact WHERE {THERE} AND {like}", likes)]
        for query, values in queries:
            for row in self.records(query, **values):
                yield {**row, "fields": {name: value for name, value in json.loads(row["fields"]).items() if value}}

    def _standing(self) -> set[str]:
        stored = self.scalar("SELECT value FROM fact WHERE name = :name", name=STANDING)
        return set(json.loads(stored)["phones"]) if stored else set()

    def changes(self, source: str, key: str) -> list[dict[str, Any]]:
        """Return the changes of a contact that were made, the newest first: ``at``, ``run``, ``place``, both fields."""
        rows = self.records(_CHANGES, source=source, key=key)
        return [{**row, "before": _fields(row["before"]), "after": _fields(row["after"])} for row in rows]

    def former(self, numbers: Sequence[str]) -> list[dict[str, Any]]:
        """Return the callers of before: ``source``, ``key``, ``name``, ``until``, ``run``; the newest first.

        ``stays``: the id under which a contact of the key may be at the target still, though nobody looks after it.
        """
        return self.records(_FORMER, numbers=numbers)

    def unsent(self, numbers: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows that are not sent: ``source``, ``key``, ``name``, ``at``, ``why``, ``reason``."""
        return self.records(_UNSENT, numbers=numbers)

    def left_out(self, numbers: Sequence[str]) -> list[dict[str, Any]]:
        """Return the contacts that go without the number since another one has it: ``source``, ``key``, ``reason``.

        ``fields``: what the target has of them; None if they are not there.
        """
        return [{**row, "fields": _fields(row["fields"])} for row in self.records(_LEFT_OUT, numbers=numbers)]

    def is_complete(self, sources: Collection[str]) -> bool:
        """Return whether every row of these sources with a number that is not sent is among :meth:`unsent`."""
        query = "SELECT EXISTS (SELECT 1 FROM fact WHERE name IN (SELECT value FROM json_each(:names)))"
        return not self.scalar(query, names=[f"{MORE}{source}" for source in sources])


def _schema(described: str) -> Schema:
    # Schema.described() made it: a list of [name, is_phone, is_match].
    return Schema(tuple(Field(0, *each) for each in json.loads(described)))


def _fields(stored: str | None) -> Mapping[str, str] | None:
    return None if stored is None else json.loads(stored)
