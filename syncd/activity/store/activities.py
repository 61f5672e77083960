"""The stored calls and messages: taken in by observations, asked for by key, day and number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge as merged
from typing import Any

import orjson

from syncd.activity.store.attributions import attributed
from syncd.activity.store.kinds import KINDS, Columns, OfKind
from syncd.activity.store.leaving.removal import Removal
from syncd.activity.store.packing import unpack_words
from syncd.activity.store.revisions import next_revision
from syncd.activity.store.rows import NOT_YET, call_row, message_row
from syncd.activity.store.taking import Counts, Reading, Taking
from syncd.core.activity.instants import begin_of, day_after
from syncd.core.activity.numbers import canonical
from syncd.core.activity.observations import By, Kind, Observation, key_of
from syncd.core.activity.views import Segment
from syncd.state.database import Database, Part

_PAGE = 500
_NEVER = -1e18
"""The time of an activity that names none."""


@dataclass(frozen=True, slots=True)
class Record:
    """A stored call or message. ``row``: as ``--json`` shows it; ``columns``: of its table, without ``state``."""

    kind: Kind
    key: str
    row: Mapping[str, Any]
    columns: Mapping[str, Any]


class Activities(Part):
    """The tables ``call``, ``message`` and ``text``.

    A *key* is a call's id, or ``channel:id`` of a message (``Observation.key``).
    """

    def __init__(self, database: Database, region: str, taking: Taking) -> None:
        super().__init__(database)
        self._region, self._taking = region, taking
        self._removal = Removal(database)

    def take(
        self,
        observations: Sequence[Observation],
        *,
        by: By,
        arrived: float,
        day: str | None = None,
        digests: Mapping[str, int] | None = None,
        anew: Mapping[Kind, Collection[str]] | None = None,
        dry_run: bool = False,
    ) -> Counts:
        """Merge observations, in one transaction; return how many activities are new, changed and as they were.

        ``by``: whether events or lists said it. ``arrived``: when, in Unix seconds, for observations that do not say
        so. ``day``: the server's day that was read. ``digests``: of the raw rows, by key. ``anew``: activities, by
        their keys, whose rows are derived anew from all that was said. ``dry_run``: only count.
        """
        now = self._database.clock()
        reading = Reading(by, arrived, now, day, digests or {}, anew or {}, dry_run)
        return self._taking.take(observations, reading)

    def foreseen(self, observed: Sequence[Observation], *, alone: bool = False) -> dict[str, Any]:
        """Return the row of ``--json`` of one activity as it would be if a list had said this; nothing is stored.

        ``alone``: if nothing else were known of it.
        """
        now = self._database.clock()
        return self._taking.foreseen(observed, Reading("list", now, now), alone=alone)

    def begin_lists(self) -> None:
        """Forget the digests of what an earlier condition has left out, before lists are compared with them."""
        with self._database.write():
            self._taking.note_condition()

    def digests(self, kind: Kind, ids: Iterable[str]) -> dict[str, int]:
        """Return the digests of the raw rows, by key; without those that no list has shown."""
        of = KINDS[kind]
        sql = f'SELECT {of.key}, "row" FROM {of.name} WHERE {of.these} AND "row" IS NOT NULL'
        return dict(self._database.rows(sql, keys=list(ids)))

    def listed(self, kind: Kind, ids: Iterable[str]) -> dict[str, float]:
        """Return when a list said something of them last, in the server's time, by key; without those never listed."""
        of = KINDS[kind]
        sql = f"SELECT {of.key}, listed_at FROM {of.name} WHERE {of.these} AND listed_at IS NOT NULL"
        return dict(self._database.rows(sql, keys=list(ids)))

    def seen_in_day(self, kind: Kind, day: str, ids: Iterable[str]) -> None:
        """Store that a reading of the server's ``day`` had exactly these, by their keys; others of it are missing."""
        of, keys = KINDS[kind], list(ids)
        with self._database.write():
            revision = next_revision(self._database)
            self._database.execute(
                f"UPDATE {of.name} SET missing_since = :now, revision = :revision WHERE day = :day"
                f" AND missing_since IS NULL AND NOT {of.these}",
                now=self._database.clock(),
                revision=revision,
                day=day,
                keys=keys,
            )
            self._database.execute(
                f"UPDATE {of.name} SET day = :day, missing_since = NULL,"
                f" revision = iif(missing_since IS NULL, revision, :revision)"
                f" WHERE {of.these} AND (day IS NOT :day OR missing_since IS NOT NULL)",
                revision=revision,
                day=day,
                keys=keys,
            )

    def by_webhook(self, kind: Kind, day: str) -> int:
        """Return how many of the server's ``day`` came first by an event."""
        sql = f"SELECT count(*) FROM {KINDS[kind].name} WHERE day = :day AND first_by = 'webhook'"
        return int(self._database.scalar(sql, day=day))

    def call(self, identity: str) -> Record | None:
        """Return a call."""
        return self._record("call", identity)

    def message(self, channel: str, identity: str) -> Record | None:
        """Return a message."""
        return self._record("message", key_of(channel, identity))

    def find(self, text: str) -> Record | None:
        """Return the call or the message with this id, or with this key."""
        channels = self._database.column("SELECT channel FROM message WHERE message_id = :id", id=text)
        keys: list[tuple[Kind, str]] = [("call", text), *(("message", key_of(each, text)) for each in channels)]
        keys += [("message", text)] if ":" in text else []
        return next((found for each in keys if (found := self._record(*each))), None)

    def shown(self, kind: Kind, keys: Sequence[str], *, with_texts: bool = False) -> dict[str, dict[str, Any]]:
        """Return the rows of ``--json`` of activities by their keys, without those of which nothing is kept.

        ``with_texts``: also without those whose texts were removed.
        """
        of = KINDS[kind]
        sql = f"SELECT {of.key} AS key, {', '.join(_SHOWN[kind])} FROM {of.name} WHERE {of.these} AND left_out = 0"
        sql += " AND text_dropped IS NULL" if with_texts else ""
        found = {each["key"]: each for each in self._database.records(sql, keys=list(keys))}
        return dict(zip(found, self._shown(of, found), strict=True))

    def select(
        self,
        *,
        kind: Kind | None = None,
        first_day: str | None = None,
        last_day: str | None = None,
        number: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of ``--json``, the oldest first.

        ``first_day``, ``last_day``: UTC dates, both included. ``number``: only activities with this number, ours or
        theirs, in any form.
        """
        first = None if first_day is None else begin_of(first_day)
        last = None if last_day is None else begin_of(day_after(last_day))
        digits = None if number is None else canonical(number, self._region)
        kinds = [each for each in KINDS.values() if kind in {None, each.name}]
        streams = [self._stream(each, first, last, digits) for each in kinds]
        for _, row in merged(*streams, key=lambda pair: pair[0]):
            yield row

    def open_calls(self, before: float) -> list[str]:
        """Return the ids of the calls that began before ``before`` (Unix seconds) and have no end, the oldest first."""
        sql = "SELECT call_id FROM call WHERE status = 'open' AND started < :before AND left_out = 0 ORDER BY started"
        return self._database.column(sql, before=before)

    def overdue_texts(self, since: float, before: float) -> list[tuple[str, float]]:
        """Return the answered calls that have no summary, of days that no whole reading has shown; the oldest first.

        Each with its id and when it began: at ``since`` or later. It ended before ``before``; Unix seconds.
        """
        sql = (
            "SELECT call_id, started FROM call WHERE started >= :since AND ended < :before AND status = 'answered'"
            " AND summary = 0 AND day IS NULL AND left_out = 0 ORDER BY started"
        )
        return [(key, at) for key, at in self._database.rows(sql, since=since, before=before)]

    def texts_of(self, since: float, before: float) -> tuple[int, int]:
        """Return how many answered calls began at ``since`` or later and ended before ``before``, in Unix seconds.

        And how many of them have, or had, a summary.
        """
        sql = (
            "SELECT count(*), coalesce(sum(summary), 0) FROM call WHERE started >= :since AND ended < :before"
            " AND status = 'answered' AND left_out = 0"
        )
        [(answered, told)] = self._database.rows(sql, since=since, before=before)
        return answered, told

    def drop_texts(self, kind: Kind, before: float) -> int:
        """Remove the texts of activities from before ``before`` (Unix seconds), for good; return their number."""
        return self._removal.texts(KINDS[kind], before)

    def old(self, kind: Kind, before: float, awaited: Collection[str] = ()) -> Iterator[list[str]]:
        """Yield the keys of activities from before ``before`` (Unix seconds), some at a time, to be removed meanwhile.

        ``awaited``: those that are kept all the same, as ``call:ID`` or ``message:CHANNEL:ID``.
        """
        return self._removal.old(KINDS[kind], before, awaited)

    def remove(self, kind: Kind, keys: Sequence[str]) -> None:
        """Remove activities, their texts and their parts for good; their ids stay, since totals count them."""
        self._removal.remove(KINDS[kind], keys)

    def _record(self, kind: Kind, key: str) -> Record | None:
        of = KINDS[kind]
        columns = self._database.record(
            f"SELECT {_names(of)} FROM {of.name} WHERE {of.these} AND left_out = 0", keys=[key]
        )
        if columns is None:
            return None
        [row] = self._shown(of, {key: columns})
        return Record(kind, key, row, columns)

    def _stream(
        self, of: OfKind, first: float | None, last: float | None, digits: str | None
    ) -> Iterator[tuple[tuple[float, str], dict[str, Any]]]:
        """Yield the rows of one kind with what they are ordered by; those that name no time come first."""
        mine = "" if digits is None else " AND (remote = :digits OR own = :digits)"
        after, before = _NEVER if first is None else first, -_NEVER if last is None else last
        if first is None and last is None:
            yield from self._pages(of, f"{of.moment} IS NULL AND rowid > :row{mine}", "rowid", digits=digits)
        # The row value keeps SQLite in the index from page to page.
        within = f"({of.moment}, rowid) > (:after, :row) AND {of.moment} < :before{mine}"
        order = f"{of.moment}, rowid"
        yield from self._pages(of, within, order, after=after, before=before, digits=digits)

    def _pages(
        self, of: OfKind, within: str, order: str, **values: Any
    ) -> Iterator[tuple[tuple[float, str], dict[str, Any]]]:
        sql = (
            f"SELECT rowid, {of.key} AS key, {_names(of)} FROM {of.name} WHERE {within} AND left_out = 0"
            f" ORDER BY {order} LIMIT {_PAGE}"
        )
        values |= {"row": -1}
        while page := self._database.records(sql, **values):
            moments = [_NEVER if each[of.moment] is None else each[of.moment] for each in page]
            rows = self._shown(of, {each["key"]: each for each in page})
            yield from (((at, each["key"]), row) for at, each, row in zip(moments, page, rows, strict=True))
            values |= {"after": moments[-1], "row": page[-1]["rowid"]}

    def _shown(self, of: OfKind, found: Mapping[str, Columns]) -> list[dict[str, Any]]:
        keys, now = list(found), self._database.clock()
        texts, whose = self._texts(of, keys), attributed(self._database, of.name, keys)
        if of.name == "call":
            segments = [[Segment._make(part) for part in orjson.loads(each["segments"])] for each in found.values()]
            paths = self._paths([part.media for parts in segments for part in parts if part.media])
            return [
                call_row(each, parts, texts.get(key, {}), now, whose.get(key, NOT_YET), paths)
                for (key, each), parts in zip(found.items(), segments, strict=True)
            ]
        files = self._grouped(_ATTACHMENTS, "owner", [f"message:{key}" for key in keys])
        return [
            message_row(each, files.get(f"message:{key}", []), texts.get(key, {}).get("body"), whose.get(key, NOT_YET))
            for key, each in found.items()
        ]

    def _paths(self, recordings: Sequence[str]) -> dict[str, str]:
        """Return where recordings are kept, by their ids."""
        sql = (
            "SELECT media_id, path FROM media WHERE media_id IN (SELECT value FROM json_each(:keys))"
            " AND state = 'kept' AND path IS NOT NULL"
        )
        return dict(self._database.rows(sql, keys=recordings)) if recordings else {}

    def _grouped(self, sql: str, name: str, keys: Sequence[str]) -> dict[str, list[Columns]]:
        grouped: dict[str, list[Columns]] = {}
        for each in self._database.records(sql, keys=keys):
            grouped.setdefault(each[name], []).append(each)
        return grouped

    def _texts(self, of: OfKind, keys: Sequence[str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for key, what, words in self._database.rows(_TEXTS, kind=of.name, keys=keys):
            shown = dict.fromkeys(text.strip() for text, _, is_shown in unpack_words(words) if is_shown)
            found.setdefault(key, {})[what] = "\n".join(shown)
        return found


_ATTACHMENTS = "SELECT * FROM media WHERE owner IN (SELECT value FROM json_each(:keys)) ORDER BY owner, n"
_TEXTS = "SELECT id, what, words FROM text WHERE kind = :kind AND id IN (SELECT value FROM json_each(:keys))"

# A row takes half of its time to be read, so columns that are not shown are left out.
_UNSHOWN = frozenset(
    (
        *("row", "listed_rows", "listed_at", "day", "first_seen", "changed", "revision", "digest", "left_out", "state"),
        *("text_dropped", "summary", "status_at"),
    )
)
_SHOWN = {name: [each for each in of.columns if each not in _UNSHOWN] for name, of in KINDS.items()}


def _names(of: OfKind) -> str:
    return ", ".join(f'"{name}"' for name in of.columns if name != "state")
