"""The records of one kind: live, archived and merged ones, and their state in the search index."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from syncd.sandbox.dialects import Dialects
from syncd.sandbox.hubspot import kinds
from syncd.sandbox.hubspot.properties import Schema, iso

BIN = 90 * 86_400_000
"""Milliseconds for which an archived record can be listed and restored."""

Properties = Mapping[str, str | None]

_SEARCHABLE = {
    "hs_searchable_calculated_phone_number": "phone",
    "hs_searchable_calculated_mobile_number": "mobilephone",
}


@dataclass(slots=True)
class Record:
    """One record; times are milliseconds since 1970.

    ``unseen``: the changes that the search index lacks: (the time until then, the values that search shows until then).
    """

    id: int
    values: dict[str, str | None]
    created: int
    modified: int
    archived: int | None = None
    unseen: list[tuple[int, Properties | None]] = field(default_factory=list)


class Table:
    """The records of one kind, such as ``contacts`` or ``calls``. ``clock`` is in milliseconds.

    ``types``: the properties with their types, those of ``schema``. ``version`` counts the changes.
    """

    def __init__(self, kind: str, *, dialects: Dialects, clock: Callable[[], int]) -> None:
        self.kind = kind
        self.schema = Schema(kind, dialects)
        self.types = self.schema.types
        self.records: dict[int, Record] = {}
        # The ids that went in a merge, with the id that is left: a read by an old id finds the record.
        self.aliases: dict[int, int] = {}
        # Sorted, so that a page of the list is found without a look at every record.
        self.live: list[int] = []
        self.version = 0
        self._dialects = dialects
        self._clock = clock
        self._next = kinds.FIRST_ID[kind]
        # Who has had a value of a unique property last: (property, value) to id.
        self._holders: dict[tuple[str, str], int] = {}
        self._created = kinds.CREATED.get(kind, "hs_createdate")
        self._modified = kinds.MODIFIED.get(kind, "hs_lastmodifieddate")

    def add(self, values: Properties, *, at: int | None = None, number: int | None = None) -> int:
        """Add a record and return its id. ``at``: its time (default: now); ``number``: its id (default: next)."""
        now = self._clock() if at is None else at
        number = number or self._next
        self._next = max(self._next, number + 1)
        record = Record(number, dict(values), now, now)
        self._unseen(record, None)
        self.records[number] = record
        self._hold(record)
        self._enter(number)
        return number

    def add_all(self, rows: Iterable[Properties], *, at: int | None = None) -> list[int]:
        return [self.add(row, at=at) for row in rows]

    def edit(self, number: int, values: Properties, *, at: int | None = None) -> None:
        """Set properties of a record; its modified date moves.

        Raises:
            KeyError: no live record has this id.

        """
        record = self._live(number)
        self._unseen(record, self.shown(record))
        record.values.update(values)
        record.modified = self._clock() if at is None else at
        self._hold(record)
        self.version += 1

    def touch_all(self, *, at: int) -> None:
        """Set the modified date of every record to one millisecond, as a bulk update does."""
        for number in self.live:
            self.records[number].modified = at
        self.version += 1

    def archive(self, number: int) -> None:
        """Move a record to the bin."""
        # Its modified date stays: a reader that asks for changes since a date never hears of it.
        self._live(number).archived = self._clock()
        self._leave(number)

    def restore(self, number: int) -> None:
        """Take a record out of the bin.

        Raises:
            KeyError: the record is not in the bin.

        """
        record = next((each for each in self.bin() if each.id == number), None)
        if record is None:
            raise KeyError(number)
        self._unseen(record, None)
        record.archived = None
        if self._dialects["restored"] == "touched":
            record.modified = self._clock()
        self._enter(number)

    def purge(self, number: int) -> None:
        """Delete a record for good, as the privacy law asks; it is in no list afterwards."""
        if self.records[number].archived is None:
            self._leave(number)
        del self.records[number]

    def merge(self, primary: int, secondary: int) -> int:
        """Merge two records and return the id of the surviving one, which the other ids then stand for."""
        # The primary record's values win; the secondary's fill its gaps.
        first, second = self._live(primary), self._live(secondary)
        values = {**second.values, **{name: value for name, value in first.values.items() if value}}
        values["hs_merged_object_ids"] = ";".join(map(str, self._trace(first, second)))
        if self._dialects["merge"] == "primary":
            self.edit(primary, values)
            survivor, gone = primary, [secondary]
        else:
            survivor, gone = self.add(values), [primary, secondary]
        for number in gone:
            self._leave(number)
            del self.records[number]
            self.aliases[number] = survivor
        return survivor

    def find(self, number: int) -> Record | None:
        """Return the live record that this id stands for now, or None."""
        while number in self.aliases:
            number = self.aliases[number]
        record = self.records.get(number)
        return record if record and record.archived is None else None

    def holder(self, name: str, value: str) -> Record | None:
        """Return the live record that has this value of a unique property, or None."""
        record = self.records.get(self._holders.get((name, value), 0))
        is_live = record is not None and record.archived is None and record.values.get(name) == value
        return record if is_live else None

    def bin(self) -> list[Record]:
        """Return the archived records that can still be restored, by id."""
        since = self._clock() - BIN
        return [each for _, each in sorted(self.records.items()) if each.archived is not None and each.archived > since]

    def after(self, number: int) -> Iterator[Record]:
        """Yield the live records with a higher id, in order."""
        for at in range(bisect_left(self.live, number + 1), len(self.live)):
            yield self.records[self.live[at]]

    def shown(self, record: Record) -> dict[str, str | None]:
        """Return the values of the record's properties, with those that HubSpot itself maintains."""
        shown = {
            **record.values,
            "hs_object_id": str(record.id),
            self._created: iso(record.created),
            self._modified: iso(record.modified),
        }
        for name, source in _SEARCHABLE.items() if self.kind == "contacts" else ():
            if value := record.values.get(source):
                shown[name] = _searchable(value)
        return shown

    def indexed(self, record: Record) -> Properties | None:
        """Return the values that search shows of the record now; None if it does not know the record yet."""
        if not record.unseen:
            return self.shown(record)
        now = self._clock()
        return next((then for until, then in record.unseen if until > now), self.shown(record))

    @property
    def lag(self) -> int:
        """The milliseconds by which search is behind."""
        return round(float(self._dialects["search_lag"]) * 1000)

    def _unseen(self, record: Record, before: Properties | None) -> None:
        now = self._clock()
        record.unseen = [each for each in record.unseen if each[0] > now]
        # Several changes may wait: search shows the oldest state until its time is over.
        if self.lag:
            record.unseen.append((now + self.lag, before))

    def _hold(self, record: Record) -> None:
        for name in self.schema.unique:
            if value := record.values.get(name):
                self._holders[name, value] = record.id

    def _trace(self, first: Record, second: Record) -> list[int]:
        earlier = [*self._merged(first), *self._merged(second)] if self._dialects["merge_trace"] == "all" else []
        # A merge into a new record makes the primary's id an old one too.
        return [*earlier, *([] if self._dialects["merge"] == "primary" else [first.id]), second.id]

    def _merged(self, record: Record) -> list[int]:
        return [int(part) for part in (record.values.get("hs_merged_object_ids") or "").split(";") if part]

    def _live(self, number: int) -> Record:
        record = self.records[number]
        if record.archived is not None:
            raise KeyError(number)
        return record

    def _enter(self, number: int) -> None:
        insort(self.live, number)
        self.version += 1

    def _leave(self, number: int) -> None:
        del self.live[bisect_left(self.live, number)]
        self.version += 1


@lru_cache(maxsize=10_000)
def _searchable(phone: str) -> str:
    """Return a number as HubSpot searches for it: area code and local number, without a country code."""
    digits = "".join(letter for letter in phone if letter.isdecimal())
    return digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
