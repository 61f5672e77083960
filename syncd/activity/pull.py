"""The pull: the lists of calls and messages come into the store, and each day is proved to be whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from syncd.activity.messaging.settle import settle
from syncd.activity.noting import noted
from syncd.activity.pulling.kept import Kept, Seen, Taken
from syncd.activity.pulling.lists import Listing, Lists
from syncd.activity.pulling.one_list import ListPull, Rhythm
from syncd.activity.pulling.singles import ask_singly
from syncd.activity.session import ActivitySession
from syncd.activity.store.days import Day
from syncd.activity.store.store import ActivityStore
from syncd.core.activity.days.windows import Days
from syncd.core.activity.instants import iso
from syncd.core.activity.observations import Kind
from syncd.errors import SyncdError, TargetError
from syncd.rest import Answer

KINDS: tuple[Kind, ...] = ("call", "message")


@dataclass(slots=True)
class Pulled:
    """What a pull has done so far.

    ``forecast``: the requests that it was going to need, as foreseen near its beginning. ``requests``: those that were
    sent. ``days``: the days that were read, as they stand now. ``taken``: what was found, by kind. ``errors``: the
    lists that could not be read, with their errors.
    """

    forecast: int = 0
    requests: int = 0
    days: list[Day] = field(default_factory=list)
    taken: dict[Kind, Taken] = field(default_factory=lambda: {kind: Taken() for kind in KINDS})
    errors: dict[Kind, SyncdError] = field(default_factory=dict)

    @property
    def error(self) -> SyncdError | None:
        """The first error of a list."""
        return next(iter(self.errors.values()), None)

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` shows of it, without its errors."""
        return {
            "requests": self.requests,
            "days": [day_json(day) for day in self.days],
            "calls": self.taken["call"].to_json(),
            "messages": self.taken["message"].to_json(),
        }


@dataclass(frozen=True, slots=True)
class Pull:
    """What a pull works with.

    ``client``: of the Reports tier. ``clock``: ours, in Unix seconds; ``time_of``: when an answer was given, by the
    server's clock. ``dry_run``: store nothing.

    ``forecast``: is told how many requests the pull needs, once the heads were looked at.
    """

    client: Lists
    store: ActivityStore
    rhythm: Rhythm
    clock: Callable[[], float]
    time_of: Callable[[Answer], float]
    halt_if_asked: Callable[[], None] = lambda: None
    dry_run: bool = False
    forecast: Callable[[int], None] = lambda _requests: None

    def run(self, into: Pulled, days: Days | None = None) -> Pulled:
        """Read what is due of both lists, or the given ``days``; fill in and return ``into``.

        A list that cannot be read does not keep the other one from being read.

        Raises:
            AccessDenied, StateError, Stopped: nothing more can be read.
        """
        sent = self.client.sent
        if not self.dry_run:
            self.store.activities.begin_lists()
        lists = [self._of(kind) for kind in KINDS]
        work: list[Callable[[ListPull], None]] = [ListPull.look, ListPull.read_due, ask_singly, ListPull.sum_up]
        if days:
            work = [lambda each: each.read_days(days)]
        try:
            # The newest of both lists comes first, then their days.
            for step in work:
                for each in lists:
                    self._carry_out(step, each, into)
                if step is ListPull.look:
                    into.forecast = self.client.sent - sent + sum(each.forecast() for each in lists)
                    self.forecast(into.forecast)
        finally:
            into.requests += self.client.sent - sent
            into.taken = {each.listing.kind: each.kept.taken for each in lists}
            read = [day for each in lists for day in each.read.values()]
            into.days = sorted(read, key=lambda day: (day.day, day.kind))
        return into

    def _of(self, kind: Kind) -> ListPull:
        kept = (Seen if self.dry_run else Kept)(self.store, kind, self.clock)
        return ListPull(Listing(self.client, kind, self.time_of), kept, self.rhythm, self.clock, self.halt_if_asked)

    def _carry_out(self, step: Callable[[ListPull], None], each: ListPull, into: Pulled) -> None:
        kind = each.listing.kind
        if kind in into.errors:
            return
        self.halt_if_asked()
        try:
            step(each)
        except TargetError as error:
            into.errors[kind] = error


def pulled(
    session: ActivitySession, into: Pulled, days: Days | None = None, *, forecast: Callable[[int], None] | None = None
) -> Pulled:
    """Pull as the configuration says, and note how it went; see :meth:`Pull.run`. No other process pulls meanwhile."""
    with session.leased(), noted(session, into, is_whole=days is None):
        return pulled_under_lease(session, into, days, forecast=forecast)


def pulled_under_lease(
    session: ActivitySession, into: Pulled, days: Days | None = None, *, forecast: Callable[[int], None] | None = None
) -> Pulled:
    """Pull as :func:`pulled` does, for a process that holds the lease and notes how it goes."""
    settings = session.activity
    work = Pull(
        client=session.reports,
        store=session.store,
        rhythm=Rhythm(settings.pull.every, settings.pull.recheck, settings.since),
        clock=session.clock,
        time_of=session.server.of,
        halt_if_asked=session.halt_if_asked,
        dry_run=session.dry_run,
        forecast=forecast or (lambda _requests: None),
    )
    session.reports_budget.begin()
    work.run(into, days)
    if into.requests and "message" not in into.errors and not session.dry_run:
        settle(session)
    return into


def day_json(day: Day) -> dict[str, Any]:
    """Return what ``--json`` shows of a day."""
    times = {
        name: None if at is None else iso(at) for name, at in (("proved_at", day.proved_at), ("read_at", day.read_at))
    }
    return {
        "kind": day.kind,
        "day": day.day,
        "total": day.total,
        "state": day.state,
        "by_webhook": day.by_webhook,
        **times,
    }
