"""A company with phones: a sandbox, a clock that a test moves, a store, and pulls from one into the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from syncd.activity.pull import Pull, Pulled
from syncd.activity.pulling.one_list import Rhythm
from syncd.activity.server_time import ServerTime
from syncd.activity.store.store import ActivityStore
from syncd.budget import Budget, Together, Window
from syncd.core.activity.days.windows import Days, ended
from syncd.core.activity.instants import begin_of, iso
from syncd.core.activity.observations import of_event
from syncd.rest import Answer, Client
from syncd.sandbox.limits import DEFAULT_LIMITS, REPORTS
from syncd.sandbox.server import Sandbox
from tests.worlds.request_log import MemoryLog

TODAY = begin_of("2026-03-12") + 15 * 3600
"""When a company's clock starts: a Thursday, 15:00 UTC."""

HOUR, DAY = 3600.0, 86_400.0

Open = Callable[..., "PhoneCompany"]
"""Opens a company in the dialects that are named."""


class Line:
    """The client of a company's server, whose requests a test counts, changes and interrupts.

    ``limit``: the rows of a page, in place of those that are asked for. ``after``: called after each request, with the
    number of the requests so far. ``changed``: changes an answer, given the query.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.limit: int | None = None
        self.after: Callable[[int], object] = lambda _number: None
        self.changed: Callable[[Any, dict[str, Any]], Any] = lambda body, _query: body
        self.asked: list[tuple[str, dict[str, Any]]] = []

    @property
    def sent(self) -> int:
        return len(self.asked)

    def request(self, method: str, path: str, *, params: dict[str, Any] | None = None, **options: Any) -> Answer:
        query = dict(params or {})
        if self.limit is not None and query.get("limit") == 500:
            query["limit"] = self.limit
        self.asked.append((path, query))
        answer = self.client.request(method, path, params=query, **options)
        answer = replace(answer, body=self.changed(answer.body, query))
        self.after(len(self.asked))
        return answer

    def pages(self, path: str = "/calls") -> list[tuple[str, int]]:
        """Return the days and the page of each request so far, and forget them."""
        found = [(f"{q['start_date']}..{q['end_date']}", q["page"]) for asked, q in self.asked if asked == path]
        self.asked.clear()
        return found


class PhoneCompany:
    """One company. ``now``: the time of its server; ours is ``ahead`` of it by so many seconds.

    ``limited``: it has the guide's windows.
    """

    def __init__(self, folder: Path, *, limited: bool = False, **dialects: str) -> None:
        self.now = TODAY
        self.ahead = 0.0
        self.folder = folder
        limits: dict[str, Any] = {} if limited else {"limits": None}
        self.sandbox = Sandbox(dialects=dialects, clock=lambda: self.now, **limits)
        self.budget = self._budget() if limited else None
        self.phones = self.sandbox.phones
        self.rhythm = Rhythm(since=3 * DAY)
        self.line: Line
        self._store: ActivityStore | None = None

    @contextmanager
    def open(self) -> Iterator[PhoneCompany]:
        headers = {"Authorization": f"Bearer {self.sandbox.key}"}
        with self.sandbox, Client(self.sandbox.url, headers=headers, budget=self.budget) as client:
            self.line = Line(client)
            try:
                yield self
            finally:
                self.end_process()

    def _budget(self) -> Together:
        """Return the windows of the guide, in which the company's clock goes on while a request waits."""

        def wait(seconds: float) -> None:
            self.now += seconds

        windows = [[Window(*each) for each in tier] for tier in (REPORTS, DEFAULT_LIMITS)]
        reports, default = (Budget(MemoryLog(), tier, clock=lambda: self.now, sleep=wait) for tier in windows)
        return Together(reports, default)

    def end_process(self) -> None:
        """Close the store; what comes next opens it again."""
        if self._store:
            self._store.close()
        self._store = None

    @contextmanager
    def store(self, *, read_only: bool = False) -> Iterator[ActivityStore]:
        """Lend the store, which stays open, since to open it takes longer than most pulls."""
        path, clock = self.folder / "activity.db", self.our_time
        if read_only:
            with ActivityStore(path, clock=clock, read_only=True) as store:
                yield store
            return
        self._store = self._store or ActivityStore(path, clock=clock)
        yield self._store

    def our_time(self) -> float:
        return self.now + self.ahead

    def pull(self, days: Days | None = None, *, dry_run: bool = False) -> Pulled:
        with self.store(read_only=dry_run) as store:
            line: Any = self.line
            clock = self.our_time
            work = Pull(line, store, self.rhythm, clock, ServerTime(clock).of, dry_run=dry_run)
            return work.run(Pulled(), days)

    def live(self, until: float, every: float = HOUR) -> None:
        """Pull every so many seconds until a moment."""
        while self.now < until:
            self.now = min(until, self.now + every)
            self.pull()

    def prove(self, day: str) -> None:
        """Let the time pass and pull until a day has had its first two readings."""
        self.now = max(self.now, ended(day))
        self.pull()
        self.now += HOUR
        self.pull()

    def announce(self, call_id: str) -> None:
        """Store that a call has ended as its event says it."""
        [row] = [row for row in self.phones.truth_calls() if row["call_id"] == call_id]
        envelope = {"id": f"evt_{call_id}", "event_type": "call.ended", "timestamp": row["end_time"], "data": row}
        with self.store() as store:
            said = of_event(envelope, self.now)
            assert said is not None
            store.activities.take([said], by="webhook", arrived=self.now)

    def hear_of_message(self, message_id: str) -> None:
        """Store that a message has its status, as an event of now says it."""
        [row] = [row for row in self.phones.truth_messages() if row["message_id"] == message_id]
        data = {**row, "updated_at": iso(self.now)}
        envelope = {"id": f"evt_{message_id}", "event_type": "message.status_updated", "timestamp": iso(self.now)}
        with self.store() as store:
            said = of_event({**envelope, "data": data}, self.now)
            assert said is not None
            store.activities.take([said], by="webhook", arrived=self.now)

    def states(self, kind: str = "call") -> dict[str, str]:
        """Return the state of each day."""
        with self.store() as store:
            return {day.day: day.state for day in store.days.all() if day.kind == kind}

    def calls(self) -> list[str]:
        """Return the ids of the stored calls, in order."""
        with self.store() as store:
            return sorted(row["id"] for row in store.activities.select(kind="call"))

    def truth(self) -> list[str]:
        """Return the ids of the calls that there are, in order."""
        return sorted(row["call_id"] for row in self.phones.truth_calls())


def at(day: str, hours: float) -> float:
    """Return the moment so many hours after a day begins in UTC."""
    return begin_of(day) + hours * HOUR


def busy(world: PhoneCompany, day: str, count: int, hour: float = 9.0) -> list[str]:
    """Let ``count`` calls happen on a day, a minute after each other."""
    return [world.phones.call(start=at(day, hour) + 60 * number, talk=10.0) for number in range(count)]
