"""What a pull knows and what it keeps: in the store, or for a dry run in memory only."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from syncd.activity.pulling.lists import Page, Row
from syncd.activity.store.days import Day
from syncd.activity.store.store import ActivityStore
from syncd.core.activity.observations import READERS, Kind, Observation

_LATER = 0.001
"""Seconds by which a row is newer than what a list said of it before."""


@dataclass(slots=True)
class Taken:
    """How many activities were new, changed, and as they were known."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    def to_json(self) -> dict[str, int]:
        """Return the numbers by their names."""
        return {"new": self.new, "changed": self.changed, "unchanged": self.unchanged}


class Kept:
    """What the store knows of one list, and keeps of it.

    ``taken``: the activities that the pull has seen, each counted once, by what was the gravest about it.
    """

    def __init__(self, store: ActivityStore, kind: Kind, clock: Callable[[], float]) -> None:
        self.kind: Kind = kind
        self._store = store
        self._clock = clock
        self._seen: dict[str, str] = {}

    @property
    def taken(self) -> Taken:
        """Count the activities by what was found of them."""
        found = list(self._seen.values())
        return Taken(*(found.count(name) for name in ("new", "changed", "unchanged")))

    def write(self) -> AbstractContextManager[Any]:
        """Make one commit of a block."""
        return self._store.write()

    def take(self, page: Page, day: str | None = None) -> None:
        """Take the rows of a page in; rows that are as they were known cost next to nothing.

        ``day``: the server's day whose list this is a page of, if it is one day's.
        """
        digests = page.digests()
        known = self._known(list(digests))
        self._note(digests, known)
        changed = {key: digest for key, digest in digests.items() if known.get(key) != digest}
        if changed:
            self._store_rows(page, changed, day)

    def _known(self, keys: list[str]) -> Mapping[str, int]:
        return self._store.activities.digests(self.kind, keys)

    def _note(self, digests: Mapping[str, int], known: Mapping[str, int]) -> None:
        for key, digest in digests.items():
            found = "new" if key not in known else "changed" if known[key] != digest else "unchanged"
            # What was new on one page is still new for this pull on the next.
            if key not in self._seen or (found == "changed" and self._seen[key] == "unchanged"):
                self._seen[key] = found

    def _store_rows(self, page: Page, changed: Mapping[str, int], day: str | None) -> None:
        listed = self._store.activities.listed(self.kind, changed)
        # A list that is read later is newer, also where the server's clock was ahead before, or has the same second.
        times = {key: max(page.at, listed.get(key, page.at - _LATER) + _LATER) for key in changed}
        observed = _observed(self.kind, page.rows, times)
        self._store.activities.take(observed, by="list", arrived=self._clock(), day=day, digests=changed)
        if self.kind == "call" and any("texts" in each.said for each in observed):
            self.learn("texts", value=True)

    def overdue_texts(self, since: float, before: float) -> list[tuple[str, float]]:
        """Return the calls without a summary, as :meth:`Activities.overdue_texts` does."""
        return self._store.activities.overdue_texts(since, before)

    def day(self, day: str) -> Day:
        """Return what is known of a day."""
        return self._store.days.get(self.kind, day) or Day(self.kind, day)

    def days(self) -> dict[str, Day]:
        """Return every day that is known, by its date."""
        return {day.day: day for day in self._store.days.all(self.kind)}

    def put_day(self, day: Day, members: Iterable[str] | None = None, ids: Collection[str] = ()) -> None:
        """Keep a day; after a whole reading with its ``members`` and the ``ids`` of its activities."""
        if members is not None:
            self._store.days.set_members(self.kind, day.day, members)
            self._store.activities.seen_in_day(self.kind, day.day, ids)
            day = replace(day, by_webhook=self._store.activities.by_webhook(self.kind, day.day))
        self._store.days.put(day)

    def members(self, window: str) -> frozenset[str]:
        """Return the identities of the rows that a window or a day is known to have."""
        return frozenset(self._store.days.members(self.kind, window))

    def set_members(self, window: str, members: Iterable[str]) -> None:
        """Keep the identities of a window that was read whole."""
        self._store.days.set_members(self.kind, window, members)

    def add_members(self, window: str, members: Iterable[str]) -> None:
        """Keep more identities of a window."""
        self._store.days.add_members(self.kind, window, members)

    def drop_window(self, window: str) -> None:
        """Forget the identities of a window that is no longer looked at."""
        self._store.days.drop_window(self.kind, window)

    def count(self, first: str, last: str) -> int:
        """Return how many rows, each counted once, the days from ``first`` to ``last`` are known to have."""
        return self._store.days.count(self.kind, first, last)

    def fact(self, name: str, default: Any) -> Any:
        """Return what was learned of this list; ``default`` if nothing was."""
        found = self._store.facts.get(f"list.{self.kind}.{name}")
        return default if found is None else json.loads(found)

    def learn(self, name: str, value: Any) -> None:
        """Keep what was learned of this list, if it is new."""
        if self.fact(name, None) != value:
            self._put_fact(name, value)

    def forget_hint(self, day: str) -> None:
        """Note that a day was read that something had named."""
        hints = self.fact("hints", [])
        if day in hints:
            self.learn("hints", [each for each in hints if each != day])

    def _put_fact(self, name: str, value: Any) -> None:
        self._store.facts.set(f"list.{self.kind}.{name}", json.dumps(value))


class Seen(Kept):
    """What a dry run sees: it is kept in memory until the end of the run, and the store is only read."""

    def __init__(self, store: ActivityStore, kind: Kind, clock: Callable[[], float]) -> None:
        super().__init__(store, kind, clock)
        self._days: dict[str, Day] = {}
        self._members: dict[str, frozenset[str]] = {}
        self._facts: dict[str, Any] = {}

    def write(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def _store_rows(self, page: Page, changed: Mapping[str, int], day: str | None) -> None:
        pass

    def day(self, day: str) -> Day:
        return self._days.get(day) or super().day(day)

    def days(self) -> dict[str, Day]:
        return super().days() | self._days

    def put_day(self, day: Day, members: Iterable[str] | None = None, ids: Collection[str] = ()) -> None:  # noqa: ARG002
        self._days[day.day] = day
        if members is not None:
            self._members[day.day] = frozenset(members)

    def members(self, window: str) -> frozenset[str]:
        return self._members[window] if window in self._members else super().members(window)

    def set_members(self, window: str, members: Iterable[str]) -> None:
        self._members[window] = frozenset(members)

    def add_members(self, window: str, members: Iterable[str]) -> None:
        self._members[window] = self.members(window) | frozenset(members)

    def drop_window(self, window: str) -> None:
        self._members[window] = frozenset()

    def fact(self, name: str, default: Any) -> Any:
        return self._facts[name] if name in self._facts else super().fact(name, default)

    def _put_fact(self, name: str, value: Any) -> None:
        self._facts[name] = value


def _observed(kind: Kind, rows: Iterable[Row], times: Mapping[str, float]) -> list[Observation]:
    read = READERS[kind]
    found = (read(row.raw, times[row.key]) for row in rows if row.key is not None and row.key in times)
    return [observation for observation in found if observation is not None]
