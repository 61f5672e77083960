"""A store in memory that receives and pulls by a clock of its own, with the code that receives and pulls in earnest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Self

from syncd.activity.drilling.day import Day, Delivered
from syncd.activity.drilling.served import ServedLists
from syncd.activity.opening import region_of
from syncd.activity.pull import Pull, Pulled
from syncd.activity.pulling.one_list import DAILY, Rhythm
from syncd.activity.session import ActivitySession
from syncd.activity.store.store import ActivityStore
from syncd.core.activity.drills import Named
from syncd.core.activity.observations import TEXTS, Kind
from syncd.state.leaving.forgotten import Forgotten

KINDS: tuple[Kind, ...] = ("call", "message")


class Scratch(AbstractContextManager["Scratch"]):
    """Lives through one day. ``now``: its time, in Unix seconds. The settings are the session's, its store is not."""

    def __init__(self, session: ActivitySession, day: Day) -> None:
        settings, activity = session.settings, session.activity
        self.now = day.span[0]
        self._day = day
        self._waiting: list[Delivered] = []
        # There is no file below a file, so this store is one in memory.
        self.store = ActivityStore(
            settings.path / "none",
            read_only=True,
            clock=self._time,
            region=region_of(settings),
            only=activity.only,
            forgotten=Forgotten(settings.state),
        )
        # How far back a first pull goes is no matter here: the lists hold one day.
        rhythm = Rhythm(activity.pull.every, activity.pull.recheck, since=2 * DAILY)
        self._pull = Pull(
            client=ServedLists(day.rows, self._time),
            store=self.store,
            rhythm=rhythm,
            clock=self._time,
            time_of=lambda _answer: self.now,
            halt_if_asked=session.halt_if_asked,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    def expect(self, deliveries: Sequence[Delivered]) -> None:
        """Receive these from now on, the oldest first, each at its time."""
        self._waiting = list(deliveries)

    def pull_at(self, now: float) -> None:
        """Let the time pass until a moment, take in what is received until then, and pull."""
        self.now = now
        arrived = [said for at, said in self._waiting if at <= now]
        self._waiting = self._waiting[len(arrived) :]
        if arrived:
            self.store.activities.take(arrived, by="webhook", arrived=now)
        self._pull.run(Pulled())

    def rows(self) -> dict[Named, dict[str, Any]]:
        """Return the calls and messages of the day, as ``--json`` shows them."""
        found = self.store.activities.select(first_day=self._day.day, last_day=self._day.day)
        return {named(row): row for row in found}

    def known(self, names: Iterable[Named]) -> set[Named]:
        """Return which of these are there with their end."""
        rows = self._shown(names)
        return {name for name, row in rows.items() if row.get("end_time") or name[0] == "message"}

    def worded(self, names: Iterable[Named]) -> set[Named]:
        """Return which of these calls are there with a text."""
        return {name for name, row in self._shown(names).items() if any(row[what] for what in TEXTS)}

    def _shown(self, names: Iterable[Named]) -> dict[Named, dict[str, Any]]:
        asked = list(names)
        return {
            (kind, key): row
            for kind in KINDS
            for key, row in self.store.activities.shown(kind, [key for of, key in asked if of == kind]).items()
        }

    def _time(self) -> float:
        return self.now


def named(row: dict[str, Any]) -> Named:
    """Return what names a row of ``--json``."""
    if row["kind"] == "call":
        return "call", row["id"]
    return "message", f"{row['channel']}:{row['id']}"
