"""What explains and rebuilds the stored calls and messages: what an id names, all that was said, and page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.activity.store.kinds import KINDS, Columns
from syncd.activity.store.packing import unpack, unpack_words
from syncd.core.activity.observations import Kind, State, key_of
from syncd.state.database import Part

PAGE = 100
"""Activities of one transaction, in which the receiver waits."""

MOST = 6
"""An id that begins so many others is only a beginning."""

_LAST = "\U0010ffff"
"""Sorts after each character of an id."""


@dataclass(frozen=True, slots=True)
class Named:
    """A ``call``, a ``message``, a ``media`` or an ``event``. ``key``: of a message ``channel:id``, else its id."""

    what: str
    key: str


class Insight(Part):
    """Reads all tables; changes none."""

    def named(self, text: str) -> list[Named]:
        """Return what has this id, or else what has an id that begins so, at most :data:`MOST` of each table."""
        return self._named(text, text) or self._named(text, text + _LAST)

    def _named(self, first: str, last: str) -> list[Named]:
        found: list[Named] = []
        for what, column in (("call", "call_id"), ("media", "media_id"), ("event", "id")):
            sql = f"SELECT {column} FROM {what} WHERE {column} BETWEEN :first AND :last ORDER BY 1 LIMIT {MOST}"
            found += [Named(what, each) for each in self._database.column(sql, first=first, last=last)]
        channel, _, begin = first.rpartition(":") if first.startswith(("text:", "whatsapp:")) else ("", "", first)
        sql = (
            "SELECT channel, message_id FROM message WHERE message_id BETWEEN :first AND :last"
            f" AND :channel IN ('', channel) ORDER BY message_id, channel LIMIT {MOST}"
        )
        end = last[len(first) - len(begin) :]
        rows = self._database.rows(sql, first=begin, last=end, channel=channel)
        return found + [Named("message", key_of(*row)) for row in rows]

    def columns(self, kind: Kind, key: str) -> Columns | None:
        """Return the columns of an activity, also of one of which nothing is kept; None if it is not known."""
        of = KINDS[kind]
        return self._database.record(f"SELECT * FROM {of.name} WHERE {of.these}", keys=[key])

    def state(self, columns: Columns) -> State:
        """Return all that was said of an activity, without the words of its texts."""
        return unpack(columns["state"]) if columns["state"] else {}

    def words(self, kind: Kind, key: str) -> dict[str, tuple[str, bool]]:
        """Return the texts of an activity by their places in the state, each with whether it is shown."""
        sql = "SELECT words FROM text WHERE kind = :kind AND id = :key"
        found = [unpack_words(packed) for packed in self._database.column(sql, kind=kind, key=key)]
        return {place: (text, bool(is_shown)) for words in found for text, place, is_shown in words}

    def channels(self, message_id: str) -> list[str]:
        """Return the channels that have a message of this id."""
        return self._database.column(
            "SELECT channel FROM message WHERE message_id = :id ORDER BY channel", id=message_id
        )

    def pages(self, kind: Kind) -> Iterator[list[str]]:
        """Yield the keys of all activities of which something is kept, page by page."""
        of, row = KINDS[kind], -1
        sql = f"SELECT rowid, {of.key} FROM {of.name} WHERE rowid > :row AND left_out = 0 ORDER BY rowid LIMIT {PAGE}"
        while page := self._database.rows(sql, row=row):
            yield [key for _, key in page]
            row = page[-1][0]

    def kept(self, kind: Kind, keys: Sequence[str]) -> set[str]:
        """Return which of these activities something is kept of."""
        of = KINDS[kind]
        sql = f"SELECT {of.key} FROM {of.name} WHERE {of.these} AND left_out = 0"
        return set(self._database.column(sql, keys=list(keys)))

    def subjects(self, first: float, last: float) -> Iterator[list[str]]:
        """Yield the ids that events name which were received from ``first`` to before ``last``, page by page."""
        after: Any = ""
        sql = (
            "SELECT DISTINCT subject FROM event WHERE subject > :after AND received >= :first AND received < :last"
            f" ORDER BY subject LIMIT {PAGE}"
        )
        while page := self._database.column(sql, after=after, first=first, last=last):
            yield page
            after = page[-1]
