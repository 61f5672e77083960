"""Who calls and writes without being a contact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from syncd.activity.store.attributions import unknown_of
from syncd.core.activity.instants import iso
from syncd.core.activity.views import Segment
from syncd.state.database import Part

QUEUES = frozenset({"CallCenter", "HuntGroup"})
"""The types of segments in which several phones ring."""

_PAGE = 5_000
_CALLS = f"SELECT a.number, a.id, t.started, t.remote_name, t.talk, t.segments {unknown_of('call')}"
_MESSAGES = f"SELECT a.number, a.id, t.sent {unknown_of('message')}"


@dataclass(slots=True)
class Caller:
    """A number that is no contact's.

    ``name``: as the network gave it last. ``first``, ``last``: when it was heard of, in Unix seconds. ``talk``: seconds
    in answered segments. ``queues``: the hunt groups and call centres that it reached.
    """

    number: str
    name: str | None = None
    first: float | None = None
    last: float | None = None
    calls: int = 0
    messages: int = 0
    talk: float = 0.0
    queues: set[str] = field(default_factory=set)
    _named: float = -1.0

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` shows of it."""
        return {
            "number": self.number,
            "name": self.name,
            "first": None if self.first is None else iso(self.first),
            "last": None if self.last is None else iso(self.last),
            "count": self.calls + self.messages,
            "calls": self.calls,
            "messages": self.messages,
            "talk": int(self.talk) if self.talk == int(self.talk) else self.talk,
            "queues": sorted(self.queues),
        }

    def heard(self, at: float | None) -> None:
        """Note an activity."""
        if at is not None:
            self.first = at if self.first is None else min(self.first, at)
            self.last = at if self.last is None else max(self.last, at)

    def called(self, at: float | None, name: str | None, talk: float | None, segments: str | None) -> None:
        """Note a call."""
        self.heard(at)
        self.calls += 1
        self.talk += talk or 0.0
        if name and (at or 0.0) >= self._named:
            self.name, self._named = name, at or 0.0
        parts = map(Segment._make, orjson.loads(segments or "[]"))
        self.queues.update(name for each in parts if each.type in QUEUES and (name := each.name or each.extension))


class Unknown(Part):
    """The numbers that are no contact's."""

    def callers(self) -> list[Caller]:
        """Return them, the most frequent ones first."""
        found: dict[str, Caller] = {}
        for number, *call in self._pages(_CALLS):
            found.setdefault(number, Caller(number)).called(*call)
        for number, sent in self._pages(_MESSAGES):
            caller = found.setdefault(number, Caller(number))
            caller.messages += 1
            caller.heard(sent)
        return sorted(found.values(), key=lambda each: (-each.calls - each.messages, -(each.last or 0.0), each.number))

    def _pages(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Yield number and further columns of each activity; there may be a million."""
        after = ("", "")
        paged = f"{sql} AND (a.number, a.id) > (:number, :id) ORDER BY a.number, a.id LIMIT {_PAGE}"
        while rows := self._database.rows(paged, number=after[0], id=after[1]):
            yield from (row[:1] + row[2:] for row in rows)
            after = rows[-1][:2]
