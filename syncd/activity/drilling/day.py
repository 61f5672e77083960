"""A day as it was: its deliveries from the store, and its rows from the lists. Nothing is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from syncd.activity.events import observation_of
from syncd.activity.pulling.kept import Seen
from syncd.activity.pulling.lists import Listing, Lists, Page
from syncd.activity.pulling.readings import DaysRefused, read_whole
from syncd.activity.store.store import ActivityStore
from syncd.core.activity.days.windows import Days
from syncd.core.activity.drills import Listed, Named, listed, moment_of
from syncd.core.activity.instants import begin_of, day_after, day_of
from syncd.core.activity.observations import Kind, Observation
from syncd.errors import TargetUnavailable
from syncd.rest import Answer

KINDS: tuple[Kind, ...] = ("call", "message")

LATE = 86_400.0
"""Seconds after a day in which its deliveries may still come: texts, and statuses of messages."""

Delivered = tuple[float, Observation]
"""A delivery: when it was received, in Unix seconds, and what it says."""


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC date. ``deliveries``: of its calls and messages, the oldest first. ``rows``: of the lists.

    ``flaws``: what is wrong with the reading of a list, by kind; such a list may lack something.
    """

    day: str
    deliveries: Sequence[Delivered]
    rows: Sequence[Listed]
    flaws: Mapping[Kind, str]

    @property
    def span(self) -> tuple[float, float]:
        """From when to before when it is, in Unix seconds."""
        return begin_of(self.day), begin_of(day_after(self.day))

    @property
    def said(self) -> dict[Named, list[Observation]]:
        """What deliveries said of each activity."""
        return _by_activity(self.deliveries)


def read_day(
    store: ActivityStore, lists: Lists, day: str, clock: Callable[[], float], time_of: Callable[[Answer], float]
) -> Day:
    """Return a day from the deliveries in the store, and from the lists as they are now.

    Raises:
        TargetUnavailable: the server does not list the day.
        SyncdError: as :meth:`syncd.rest.Client.request`.
    """
    raws, flaws = dict[Kind, list[object]](), dict[Kind, str]()
    # In which calendar a day is listed is open, so the days beside it are asked for too.
    days = Days(day_after(day, -1), min(day_after(day), day_of(clock())))
    for kind in KINDS:
        raws[kind], flaws[kind] = _rows(Listing(lists, kind, time_of), days, Seen(store, kind, clock))
    deliveries = _deliveries(store, day)
    said = _by_activity(deliveries)
    rows = [row for kind in KINDS for raw in raws[kind] if (row := listed(kind, raw, said)) and _is_of(row.moment, day)]
    mine = {(row.kind, row.key) for row in rows}
    mine |= {name for name, each in said.items() if any(_is_of(moment_of(one), day) for one in each)}
    mine_only = [(at, each) for at, each in deliveries if (each.kind, each.key) in mine]
    return Day(day, mine_only, rows, {kind: flaw for kind, flaw in flaws.items() if flaw})


def _rows(listing: Listing, days: Days, known: Seen) -> tuple[list[object], str]:
    """Return the raw rows of a list, each once, and what is wrong with the reading."""
    found: dict[str | None, object] = {}

    def take(page: Page) -> None:
        found.update({row.leg: row.raw for row in page.rows if row.key is not None})

    try:
        reading = read_whole(listing, days, take, "leg" if known.fact("per", "call") == "leg" else "call")
    except DaysRefused:
        raise TargetUnavailable(
            f"Vocatech refuses to list the days {days}: choose a later day with --days", in_doubt=False
        ) from None
    return list(found.values()), reading.verdict.why


def _deliveries(store: ActivityStore, day: str) -> list[Delivered]:
    events = store.events.range(begin_of(day), begin_of(day_after(day)) + LATE)
    # A stale delivery is a hint only, and one whose bytes were removed says nothing any more.
    fresh = (event for event in events if event.outcome == "new" and event.raw)
    return [(event.received, said) for event in fresh if (said := observation_of(event)) is not None]


def _by_activity(deliveries: Sequence[Delivered]) -> dict[Named, list[Observation]]:
    found: dict[Named, list[Observation]] = {}
    for _, each in deliveries:
        found.setdefault((each.kind, each.key), []).append(each)
    return found


def _is_of(moment: float | None, day: str) -> bool:
    return moment is not None and day_of(moment) == day


def newest_day(store: ActivityStore, first: str | None, last: str) -> str | None:
    """Return the newest date until ``last`` on which deliveries of calls or messages came; None if there is none."""
    after = begin_of(first) if first else float("-inf")
    received = store.events.newest(after, begin_of(day_after(last)))
    return None if received is None else day_of(received)


def steps(begin: float, end: float, every: float) -> Iterator[float]:
    """Yield the moments from ``begin`` to before ``end``, one ``every`` so many seconds."""
    count = 0
    while (now := begin + count * every) < end:
        yield now
        count += 1
