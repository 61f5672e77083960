"""Merges observations into the stored calls and messages: one transaction a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

import orjson

from syncd.activity.store.events import LEFT_OUT
from syncd.activity.store.filter import Only
from syncd.activity.store.kinds import KINDS, Columns, OfKind
from syncd.activity.store.messaging import WISH
from syncd.activity.store.packing import pack, pack_words, unpack, unpack_words
from syncd.activity.store.revisions import next_revision
from syncd.core.activity.consent import wish_in
from syncd.core.activity.merging import merge
from syncd.core.activity.observations import By, Kind, Observation, State
from syncd.core.activity.views import CallView, MessageView
from syncd.state.database import Database
from syncd.state.leaving.forgotten import Forgotten

_WORDS = "SELECT id, what, words FROM text WHERE kind = :kind AND id IN (SELECT value FROM json_each(:keys))"
_PUT_TEXT = "INSERT OR REPLACE INTO text (kind, id, what, words) VALUES (?, ?, ?, ?)"
_PUT_MEDIA = (
    "INSERT INTO media"
    " (media_id, kind, owner, n, at, content_type, filename, size, duration, state, attempts, next_try)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'wanted', 0, 0) ON CONFLICT (media_id) DO UPDATE SET"
    " at = coalesce(at, excluded.at), content_type = coalesce(content_type, excluded.content_type),"
    " filename = coalesce(filename, excluded.filename), size = coalesce(size, excluded.size)"
)
_CONDITION = "only"
"""The name of the fact with the condition for what is kept."""
# What is left out leaves nothing: neither its texts and parts, nor the bytes of its events.
_LEAVE = (
    "DELETE FROM text WHERE kind = :kind AND id = :key",
    "DELETE FROM attribution WHERE kind = :kind AND id = :key",
    "DELETE FROM media WHERE owner = :kind || ':' || :key AND state IN ('wanted', 'refused', 'gone', 'expired')",
    f"UPDATE event SET raw = NULL WHERE subject = :id AND processed IS NOT NULL AND {LEFT_OUT}",
)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many activities of a batch were new, changed, and as they were."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.new + other.new, self.changed + other.changed, self.unchanged + other.unchanged)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a batch came. ``arrived``, ``now``: Unix seconds. ``day``: the server's. ``digests``: of the rows, by key.

    ``anew``: activities, by their keys, that are derived anew and written also if nothing changes them. ``dry_run``:
    count what would be new and changed, and write nothing. ``revision``: the number of what it changes.
    """

    by: By
    arrived: float
    now: float
    day: str | None = None
    digests: Mapping[str, int] = field(default_factory=dict)
    anew: Mapping[Kind, Collection[str]] = field(default_factory=dict)
    dry_run: bool = False
    revision: int = 0


@dataclass(slots=True)
class _Work:
    """What a batch writes, by table."""

    activities: list[tuple[Any, ...]] = field(default_factory=list)
    media: list[tuple[Any, ...]] = field(default_factory=list)
    texts: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    leaving: list[dict[str, str]] = field(default_factory=list)
    wishes: list[dict[str, Any]] = field(default_factory=list)


class Taking:
    """Takes observations into the store.

    ``region``: in whose form numbers are stored; ``only``: what is kept; ``forgotten``: whose leave nothing.
    """

    def __init__(self, database: Database, region: str, only: Only, forgotten: Forgotten | None = None) -> None:
        self._database, self._region, self._only, self._forgotten = database, region, only, forgotten
        self._noted = False

    def take(self, observations: Iterable[Observation], reading: Reading) -> Counts:
        """Merge the observations; return how many activities they made and changed."""
        observed: dict[str, dict[str, list[Observation]]] = {
            kind: {key: [] for key in keys} for kind, keys in reading.anew.items()
        }
        for each in observations:
            observed.setdefault(each.kind, {}).setdefault(each.key, []).append(each)
        counts = Counts()
        with nullcontext() if reading.dry_run else self._database.write():
            if not reading.dry_run:
                self.note_condition()
                reading = replace(reading, revision=next_revision(self._database))
            for name, mine in observed.items():
                counts += self._of_kind(KINDS[name], mine, reading)
        return counts

    def foreseen(self, observed: Sequence[Observation], reading: Reading, *, alone: bool) -> dict[str, Any]:
        """Return the row of ``--json`` of one activity as it would be after these observations; nothing is stored.

        ``alone``: if nothing else were known of it.
        """
        kind, key = KINDS[observed[0].kind], observed[0].key
        known = None if alone else self._known(kind, [key]).get(key)
        view = kind.view(_merged(known, observed, reading), self._region)
        columns = kind.stored(view) | _standing(known, view, key, reading)
        columns |= zip(kind.identity, kind.parted(key), strict=True)
        return kind.json(columns, view, reading.now)

    def note_condition(self) -> None:
        """Let the lists decide anew what is left out, once the condition is another one; within a transaction."""
        now = self._only.sql or ""
        if self._noted:
            return
        if (self._database.scalar("SELECT value FROM fact WHERE name = :name", name=_CONDITION) or "") != now:
            for kind in KINDS.values():
                self._database.execute(f'UPDATE {kind.name} SET "row" = NULL WHERE left_out = 1')
            self._database.put("fact", name=_CONDITION, value=now)
        self._noted = True

    def _of_kind(self, kind: OfKind, observed: Mapping[str, Sequence[Observation]], reading: Reading) -> Counts:
        known, work, tally = self._known(kind, list(observed)), _Work(), [0, 0, 0]
        for key, those in observed.items():
            tally[self._one(kind, key, those, known.get(key), reading, work)] += 1
        if not reading.dry_run:
            self._write(kind, work)
        return Counts(*tally)

    def _known(self, kind: OfKind, keys: Sequence[str]) -> dict[str, Columns]:
        """Return what is stored of the activities, by key; the words of their texts are in their states."""
        names = ", ".join(f'"{name}"' for name in _STANDING)
        rows = self._database.records(
            f"SELECT {kind.key} AS key, {names} FROM {kind.name} WHERE {kind.these}", keys=keys
        )
        found = {row.pop("key"): row for row in rows}
        for row in found.values():
            row["state"] = unpack(row["state"]) if row["state"] else None
        worded = [key for key, row in found.items() if row["state"] and row["state"].get("texts")]
        if worded:
            for key, _, words in self._database.rows(_WORDS, kind=kind.name, keys=worded):
                registers = found[key]["state"]["texts"]
                registers |= {place: [*registers[place][:3], text] for text, place, _ in unpack_words(words)}
        return found

    def _one(
        self,
        kind: OfKind,
        key: str,
        observed: Sequence[Observation],
        known: Columns | None,
        reading: Reading,
        work: _Work,
    ) -> int:
        """Merge what was observed of one activity; return 0 if that makes it, 1 if it changes it, 2 if not."""
        before: State | None = known["state"] if known else None
        was_left_out = known is not None and bool(known["left_out"])
        state = _merged(known, observed, reading)
        view = kind.view(state, self._region)
        if isinstance(view, MessageView) and (wish := _wish(view)):
            work.wishes.append(wish)
        columns = kind.stored(view) | _standing(known, view, key, reading)
        columns |= zip(kind.identity, kind.parted(key), strict=True)
        # What was removed as old stays away, whatever else a list or an event says of it.
        if self._forgotten and self._forgotten.has_number(view.remote):
            columns["left_out"] = REMOVED
        is_removed = columns["left_out"] == REMOVED
        if is_removed or self._is_left_out(kind, columns, view, reading, was_left_out=was_left_out):
            work.activities.append(_without_content(kind, columns))
            work.leaving.append({"kind": kind.name, "key": key, "id": kind.parted(key)[-1]})
            return 2 if was_left_out else 0 if known is None else 1
        columns |= {"digest": _digest(view, state), "left_out": 0, "state": pack(_wordless(state))}
        is_anew, is_same = key in reading.anew.get(kind.name, ()), bool(known and known["digest"] == columns["digest"])
        if known and is_same and known["missing_since"] == columns["missing_since"]:
            columns["revision"] = known["revision"]
        work.activities.append(_ROW[kind.name](columns))
        if is_same and not is_anew:
            return 2
        work.media += kind.media(key, view)
        if "texts" in state:
            work.texts += _texts(kind, key, {} if is_anew else before or {}, state)
        return 0 if known is None or was_left_out else 2 if is_same else 1

    def _is_left_out(self, kind: OfKind, columns: Columns, view: Any, reading: Reading, *, was_left_out: bool) -> bool:
        if self._only.sql is None and not was_left_out:
            return False
        has_ended = kind.name == "message" or view.ended is not None
        # An event says only a part: what was left out comes back by a list, and only whole.
        if was_left_out and (reading.by == "webhook" or not has_ended):
            return True
        row = kind.json(columns, view, reading.now)
        return has_ended and not self._only.keeps(row, is_listed=view.listed is not None)

    def _write(self, kind: OfKind, work: _Work) -> None:
        database = self._database
        database.execute_many(kind.put, work.activities)
        database.execute_many(_PUT_MEDIA, work.media)
        database.execute_many(_PUT_TEXT, work.texts)
        database.execute_many(WISH, work.wishes)
        for statement in _LEAVE if work.leaving else ():
            database.execute_many(statement, work.leaving)


def _merged(known: Columns | None, observed: Sequence[Observation], reading: Reading) -> State:
    state: State | None = known["state"] if known else None
    for each in observed:
        state = merge(state, each, arrived=reading.arrived, by=reading.by)
    state = state or {}
    return _wordless(state) if known and known["text_dropped"] is not None else state


def _wish(view: MessageView) -> dict[str, Any] | None:
    """Return what a message says of messages: whether the number wants none any more."""
    said = wish_in(view.body) if view.direction == "incoming" and view.remote else None
    at = view.first_seen if view.sent is None else view.sent
    return {"number": view.remote, "out": int(said == "stop"), "at": at, "by": "message"} if said else None


_STANDING = (
    *("row", "listed_rows", "day", "missing_since", "first_seen", "first_by", "revision", "digest", "left_out"),
    *("text_dropped", "state"),
)


REMOVED = 2
"""The value of ``left_out`` for an activity that was removed as old."""


def _standing(known: Columns | None, view: Any, key: str, reading: Reading) -> Columns:
    """Return the columns that say how the activity came, also of one that is left out."""
    is_listed = reading.by == "list"
    return {
        "row": reading.digests.get(key, known["row"] if known else None),
        "listed_rows": (getattr(view, "rows", 1) if view.listed is not None else 0)
        or (known or {}).get("listed_rows", 0),
        "listed_at": view.listed,
        "day": (reading.day if is_listed else None) or (known["day"] if known else None),
        "missing_since": None if is_listed or not known else known["missing_since"],
        "first_seen": min(view.first_seen, known["first_seen"]) if known else view.first_seen,
        "first_by": known["first_by"] if known and known["first_seen"] < view.first_seen else view.first_by,
        "changed": reading.now,
        "revision": reading.revision,
        "text_dropped": known["text_dropped"] if known else None,
        "left_out": known["left_out"] if known else 0,
    }


def _without_content(kind: OfKind, columns: Columns) -> tuple[Any, ...]:
    kept = {"row", "listed_rows", "listed_at", "day", "missing_since", "first_seen", "first_by", "changed", "revision"}
    bare: Columns = {name: columns[name] for name in kept | {*kind.identity}}
    bare |= {"left_out": columns["left_out"] or 1, "digest": 0, "summary": 0}
    return tuple(bare.get(name) for name in kind.columns)


_ROW = {kind.name: itemgetter(*kind.columns) for kind in KINDS.values()}
"""Makes a row of a table of its columns."""
_UNSHOWN = frozenset({"listed", "heard", "rows", "first_seen"})
_SHOWN = {
    view: itemgetter(*(place for place, name in enumerate(view._fields) if name not in _UNSHOWN))
    for view in (CallView, MessageView)
}


def _digest(view: Any, state: State) -> int:
    """Return the digest of what is shown."""
    shown = _SHOWN[type(view)](view)
    said = [shown, {place: each[2] for place, each in state.get("texts", {}).items()}]
    made = orjson.dumps(said, default=tuple, option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(hashlib.blake2b(made, digest_size=8).digest(), signed=True)


def _wordless(state: State) -> State:
    """Return the state without the words of its texts, which the table ``text`` has."""
    if "texts" not in state:
        return state
    return state | {"texts": {place: each[:3] for place, each in state["texts"].items()}}


def _texts(kind: OfKind, key: str, before: State, state: State) -> list[tuple[str, str, str, bytes]]:
    found: list[tuple[str, str, str, bytes]] = []
    for what in kind.whats:
        words = _worded(kind, state, what)
        if words and words != _worded(kind, before, what):
            found.append((kind.name, key, what, pack_words(words)))
    return found


def _worded(kind: OfKind, state: State, what: str) -> list[list[Any]]:
    """Return the texts of a kind: each with its place, and whether it is shown; the shown ones first, in order."""
    texts = state.get("texts", {})
    shown = kind.shown(state, what)
    others = [place for place in texts if place.startswith(what) and place not in shown and len(texts[place]) > 3]
    return [[texts[place][3], place, place in shown] for place in [*shown, *sorted(others)] if len(texts[place]) > 3]
