"""One read of HubSpot's contacts: all of them, or the changes since a cursor.

A read of changes searches the ids of what changed since the last read began, by HubSpot's own clock, and then reads the
values by id, since the index of the search lags. A read that breaks off is repeated from the same cursor.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from connectors.http_parts.records import Damage, rows_of
from connectors.hubspot.api import LINKS_SIZE, Api, Batch, ListOrder, Record, merged_ids
from connectors.hubspot.companies import Companies
from connectors.hubspot.cursor import BIN_KEPT, Cursor
from connectors.hubspot.rows import ID, MERGED, MODIFIED, Columns, milliseconds
from syncd.errors import SourceUnavailable
from syncd.source import End, Rows, daemon_start

ORIGIN = "HubSpot"
HOUR = 3_600_000

SWEEP_OVERLAP = 2 * HOUR
"""Milliseconds before the last sweep from which a sweep reads the changes again."""

TRACE = (ID, MERGED)
"""The properties that tell of a merge."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often to read what, in milliseconds.

    ``overlap``: how much of the time before the last read is read again. ``sweep``, ``full``: after how long all keys,
    or all contacts, are read. ``bin``: after how long a bin of several pages is read again.
    """

    overlap: int
    sweep: int
    full: int
    bin: int


class Reading:
    """One read, which began at ``now`` (milliseconds since 1970, by HubSpot's clock)."""

    def __init__(self, api: Api, columns: Columns, rhythm: Rhythm, now: int, *, page_rows: int = LINKS_SIZE) -> None:
        self._page_rows = page_rows
        self._api = api
        self._columns = columns
        self._rhythm = rhythm
        self._now = now
        self._companies = Companies(api, columns.company_properties)
        self._count = 0
        self._ids: set[str] = set()
        self._merged: dict[str, str] = {}
        self._gone: set[str] = set()
        self._unanswered: set[str] = set()
        self._sweep = False
        self._order = ListOrder()

    def everything(self, before: Cursor | None) -> Generator[Rows, None, End]:
        """Yield every contact; ``before``: where the last read ended."""
        waiting: list[Record] = []
        for page in self._api.pages("contacts", self._columns.contact_properties, order=self._order):
            waiting += self._first_seen(page)
            if len(waiting) >= self._page_rows:
                yield self._rows(waiting)
                waiting = []
        # An account without contacts yields one empty page, which holds the columns.
        if waiting or not self._count:
            yield self._rows(waiting)
        now, slips = self._began(), self._order.slips
        # A contact that was made since the last read may have slipped: the next search goes back to that read.
        since = min(before.since, now) if before and slips else now
        return End("complete", cursor=Cursor(since, now, now, now).text(), merged=self._survivors(), slips=slips)

    def changes(self, before: Cursor) -> Generator[Rows, None, End]:
        """Yield the contacts that changed since ``before``, and return which are gone."""
        self._sweep = self._now - before.swept >= self._rhythm.sweep
        # Read the bin first: a contact that is in the bin and then read as alive was restored in between.
        after = self._read_bin(before)
        for ids in self._changed(before, self._restored(before, after)):
            yield from self._read_ids(ids)
        if not self._count:
            yield self._rows([])
        if self._unanswered:
            count = len(self._unanswered)
            return End("unproved", why=f"HubSpot did not answer for {count} of the contacts that it was asked for")
        self._confirm_merges()
        present = self._present() if self._sweep or self._lost_keys() else None
        after = replace(after, since=self._began(), swept=self._now if self._sweep else before.swept)
        deleted, merged, slips = self._deleted(), self._survivors(), self._order.slips
        return End("partial", cursor=after.text(), deleted=deleted, merged=merged, present=present, slips=slips)

    def of_ids(self, ids: Sequence[str]) -> Generator[Rows, None, frozenset[str]]:
        """Yield the contacts with these ids, and return the ids that are no contacts."""
        asked = [each for each in ids if each.isdecimal()]
        for start in range(0, len(asked), self._page_rows):
            part = asked[start : start + self._page_rows]
            batch = self._api.read("contacts", part, self._columns.contact_properties)
            # An id that was merged is answered by another record, which was not asked for.
            self._gone |= batch.gone | batch.aliases.keys()
            if records := [each for each in batch.found if str(each.get("id")) in part]:
                yield self._rows(records)
        return frozenset(self._gone)

    def _began(self) -> int:
        """Return the moment from which on changes are unread."""
        # The answers that carry the records may come from a server whose clock is behind the other's.
        first = self._api.began
        return self._now if first is None else min(self._now, round(first * 1000))

    def _changed(self, before: Cursor, restored: Sequence[str]) -> Iterable[Sequence[str]]:
        """Yield the ids to read, by pages: of changed contacts, of contacts of changed companies, of restored ones."""
        since = before.since - self._rhythm.overlap
        # With the sweep, find the changes that the index showed later than the overlap reaches.
        if self._sweep:
            since = min(since, before.swept - SWEEP_OVERLAP)
        yield from self._api.changed("contacts", since, by=MODIFIED["contacts"])
        # A change of a company does not move the date of its contacts.
        if self._companies.used:
            for companies in self._api.changed("companies", since, by=MODIFIED["companies"]):
                yield self._companies.contacts_of(companies)
        yield restored

    def _read_ids(self, ids: Sequence[str]) -> Generator[Rows, None, None]:
        unread = [each for each in ids if each not in self._ids]
        batch = self._api.read("contacts", unread, self._columns.contact_properties) if unread else Batch()
        self._merged |= batch.aliases
        self._gone |= batch.gone
        self._unanswered |= batch.unanswered
        records = self._first_seen(batch.found)
        if records:
            yield self._rows(records)

    def _first_seen(self, records: Iterable[Record]) -> list[Record]:
        """Return the records that this read has not yielded yet, and note their ids and merges."""
        # A merge, or a change during the read, may show a record twice.
        found = {str(each.get("id")): each for each in records if str(each.get("id")) not in self._ids}
        if any(not id_.isdecimal() for id_ in found):
            raise SourceUnavailable("HubSpot answered with a record without an id: try again later")
        self._ids.update(found)
        self._merged |= {old: id_ for id_, each in found.items() for old in merged_ids(each)}
        return list(found.values())

    def _rows(self, records: Sequence[Record]) -> Rows:
        companies = self._companies.of(str(each["id"]) for each in records) if records else {}
        first = self._count + 1
        self._count += len(records)
        lines = pl.int_range(first, self._count + 1, dtype=pl.UInt32, eager=True)
        damage: Damage = {}
        frame = self._columns.frame(records, companies, damage)
        return rows_of(frame, ORIGIN, lines, damage, self._columns.key)

    def _read_bin(self, before: Cursor) -> Cursor:
        """Note the contacts that were archived since the bin was last read; return the cursor with the bin of now."""
        # The bin has no filter by time, so a large one is not read by every run.
        # Archived contacts may have waited while no daemon ran, so its first run looks at once.
        daemon = daemon_start() or before.daemon
        if before.large and self._now - before.binned < self._rhythm.bin and daemon == before.daemon:
            return before
        since, pages, ids = before.binned - self._rhythm.overlap, 0, set[int]()
        for page in self._api.pages("contacts", TRACE, archived=True):
            pages += 1
            ids.update(int(each["id"]) for each in page)
            for record in page:
                archived_at = milliseconds(record.get("archivedAt"))
                if archived_at is None or archived_at >= since:
                    self._gone |= {str(record["id"]), *merged_ids(record)}
        kept = tuple(sorted(ids)) if len(ids) <= BIN_KEPT else None
        return replace(before, binned=self._now, bin=kept, large=pages > 1, daemon=daemon)

    def _restored(self, before: Cursor, after: Cursor) -> list[str]:
        """Return the ids that left the bin: they were restored, or purged."""
        # HubSpot may restore a contact without moving its date, so no search would find it.
        if before.bin is None or after.bin is None:
            return []
        return [str(each) for each in sorted(set(before.bin) - set(after.bin))]

    def _confirm_merges(self) -> None:
        """Drop the merges whose old id is still a record of its own."""
        # The trace of a merge is not documented, so an id that still answers as itself counts more.
        unread = sorted(self._merged.keys() - self._ids, key=int)
        if unread:
            found = self._api.read("contacts", unread, TRACE).found
            alive = {str(each.get("id")) for each in found}
            self._merged = {old: new for old, new in self._merged.items() if old not in alive}

    def _lost_keys(self) -> bool:
        """Return whether contacts are gone whose keys are unknown, as the key is not the id."""
        return not self._columns.keyed_by_id and bool(self._gone - self._ids or self._merged)

    def _survivors(self) -> dict[str, str]:
        """Return old id to surviving id of each merge, if ids are keys."""
        if not self._columns.keyed_by_id:
            return {}
        return {old: new for old, new in self._merged.items() if old not in self._ids}

    def _deleted(self) -> frozenset[str]:
        return frozenset(self._gone - self._ids - self._merged.keys()) if self._columns.keyed_by_id else frozenset()

    def _present(self) -> pl.DataFrame:
        """Return the key of every contact that the account holds now."""
        pages = self._api.pages("contacts", self._columns.key_properties, order=self._order)
        frames = [self._columns.keys(page) for page in pages if page]
        return pl.concat(frames) if frames else self._columns.keys([])
