"""One read of HubSpot's contacts: all of them, or what changed since a cursor.

A read of changes freezes its window when it begins, goes through it by ids, and reads the values by id, past the index
of the search. What is broken off is begun again from the same cursor, so nothing is lost by it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from connectors.hubspot.api import LINKS, Api, Batch, Record, merged_ids
from connectors.hubspot.companies import Companies
from connectors.hubspot.cursor import BIN_KEPT, Cursor
from connectors.hubspot.rows import ID, MERGED, MODIFIED, Columns, milliseconds
from syncd.errors import SourceUnavailable
from syncd.source import End, Rows

ORIGIN = "HubSpot"
HOUR = 3_600_000

SWEEP_OVERLAP = 2 * HOUR
"""With the keys, the changes since the last such time are read again, and of so many milliseconds before it."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Milliseconds.

    ``overlap``: how much of the time before is read again; ``sweep``, ``full``: after how long all keys, or everything,
    is read.
    """

    overlap: int
    sweep: int
    full: int


class Reading:
    """One read, which began at ``now`` (milliseconds since 1970)."""

    def __init__(self, api: Api, columns: Columns, rhythm: Rhythm, now: int, *, page_rows: int = LINKS) -> None:
        self._page_rows = page_rows
        self._api = api
        self._columns = columns
        self._rhythm = rhythm
        self._now = now
        self._companies = Companies(api, columns.of_companies)
        self._count = 0
        self._ids: set[str] = set()
        self._merged: dict[str, str] = {}
        self._gone: set[str] = set()
        self._open: set[str] = set()
        self._sweep = False

    def everything(self) -> Generator[Rows, None, End]:
        """Yield every contact."""
        waiting: list[Record] = []
        for page in self._api.pages("contacts", self._columns.of_contacts):
            waiting += self._new(page)
            if len(waiting) >= self._page_rows:
                yield self._rows(waiting)
                waiting = []
        if waiting or not self._count:
            yield self._rows(waiting)
        now = self._now
        return End("complete", cursor=Cursor(now, now, now, now).text(), merged=self._survivors())

    def changes(self, before: Cursor) -> Generator[Rows, None, End]:
        """Yield the contacts that changed since ``before``, and say which are gone.

        The bin is read first: what is in it and is read alive after that has been restored meanwhile.
        """
        self._sweep = self._now - before.swept >= self._rhythm.sweep
        after = self._empty_bin(before)
        restored = self._restored(before, after)
        for some in self._changed(before, restored):
            yield from self._by_id(some)
        if not self._count:
            yield self._rows([])
        if self._open:
            number = len(self._open)
            return End("unproved", why=f"HubSpot said nothing of {number} of the contacts that it was asked for")
        self._confirm_merges()
        present = self._present() if self._sweep or self._lost_keys() else None
        after = replace(after, since=self._now, swept=self._now if self._sweep else before.swept)
        return End("partial", cursor=after.text(), deleted=self._deleted(), merged=self._survivors(), present=present)

    def _changed(self, before: Cursor, restored: Sequence[str]) -> Iterable[Sequence[str]]:
        """The ids to read, by pages: of changed contacts, of those of changed companies, of restored ones."""
        since = before.since - self._rhythm.overlap
        if self._sweep:
            since = min(since, before.swept - SWEEP_OVERLAP)
        yield from self._api.changed("contacts", since, self._now, by=MODIFIED["contacts"])
        if self._companies.used:
            for companies in self._api.changed("companies", since, self._now, by=MODIFIED["companies"]):
                yield self._companies.contacts_of(companies)
        yield restored

    def _by_id(self, ids: Sequence[str]) -> Generator[Rows, None, None]:
        wanted = [each for each in ids if each not in self._ids]
        batch = self._api.read("contacts", wanted, self._columns.of_contacts) if wanted else Batch()
        self._merged |= batch.aliases
        self._gone |= batch.gone
        self._open |= batch.open
        records = self._new(batch.found)
        if records:
            yield self._rows(records)

    def _new(self, records: Iterable[Record]) -> list[Record]:
        """Those that this read has not yielded yet: a merge, or a change meanwhile, may show one twice."""
        found = {str(each.get("id")): each for each in records if str(each.get("id")) not in self._ids}
        if any(not number.isdecimal() for number in found):
            raise SourceUnavailable("HubSpot answered with a record without an id: try again later")
        self._ids.update(found)
        self._merged |= {old: number for number, each in found.items() for old in merged_ids(each)}
        return list(found.values())

    def _rows(self, records: Sequence[Record]) -> Rows:
        companies = self._companies.of(str(each["id"]) for each in records) if records else {}
        first = self._count + 1
        self._count += len(records)
        lines = pl.int_range(first, self._count + 1, dtype=pl.UInt32, eager=True)
        return Rows(self._columns.frame(records, companies), ORIGIN, lines)

    def _empty_bin(self, before: Cursor) -> Cursor:
        """Look for what was archived since the bin was read last; a large one is read once an hour."""
        if before.large and self._now - before.binned < HOUR:
            return before
        since, pages, ids = before.binned - self._rhythm.overlap, 0, set[int]()
        for page in self._api.pages("contacts", self._columns.of_bin, archived=True):
            pages += 1
            ids.update(int(each["id"]) for each in page)
            for record in page:
                when = milliseconds(record.get("archivedAt"))
                if when is None or when >= since:
                    self._gone |= {str(record["id"]), *merged_ids(record)}
        kept = tuple(sorted(ids)) if len(ids) <= BIN_KEPT else None
        return replace(before, binned=self._now, bin=kept, large=pages > 1)

    def _restored(self, before: Cursor, after: Cursor) -> list[str]:
        """The ids that left the bin: restored (which may move no date), or gone for good."""
        if before.bin is None or after.bin is None:
            return []
        return [str(each) for each in sorted(set(before.bin) - set(after.bin))]

    def _confirm_merges(self) -> None:
        """Drop what is no merge: a trace is not documented, so an id that is still answered as itself counts more."""
        traced = sorted(self._merged.keys() - self._ids, key=int)
        if traced:
            found = self._api.read("contacts", traced, [ID, MERGED]).found
            alive = {str(each.get("id")) for each in found}
            self._merged = {old: new for old, new in self._merged.items() if old not in alive}

    def _lost_keys(self) -> bool:
        """Whether contacts are gone or merged whose keys nothing tells, since they are not their ids."""
        return not self._columns.keyed_by_id and bool(self._gone - self._ids or self._merged)

    def _survivors(self) -> dict[str, str]:
        """Merged ids and what became of them, where ids are keys."""
        if not self._columns.keyed_by_id:
            return {}
        return {old: new for old, new in self._merged.items() if old not in self._ids}

    def _deleted(self) -> frozenset[str]:
        return frozenset(self._gone - self._ids - self._merged.keys()) if self._columns.keyed_by_id else frozenset()

    def _present(self) -> pl.DataFrame:
        """The key of every contact that there is now."""
        pages = self._api.pages("contacts", self._columns.of_keys)
        frames = [self._columns.keys(page) for page in pages if page]
        return pl.concat(frames) if frames else self._columns.keys([])
