"""The outage drill: a day of the past once more, with the receiver off for a while.

The deliveries of that time are taken away, as if Vocatech had given all of them up; neither its retries nor its list of
failed deliveries is counted on. What is left comes into a store in memory, by the pulls and rechecks that are
configured. That store is compared with one that got every delivery. Nothing is written, and the target is asked for the
lists of the day only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from syncd.activity.drilling.day import Day, Delivered, newest_day, read_day, steps
from syncd.activity.drilling.scratch import Scratch, named
from syncd.activity.session import ActivitySession
from syncd.core.activity.days.windows import ended
from syncd.core.activity.drills import (
    OUTAGES,
    Lateness,
    Named,
    Outage,
    busiest,
    differing,
    is_news,
    lateness,
    text_times,
)
from syncd.core.activity.instants import day_after, day_of, iso, seconds
from syncd.core.activity.observations import TEXTS, Kind


@dataclass(frozen=True, slots=True)
class Lack:
    """A call or a message, and the fields that it lacks. ``only_texts``: they are texts that no list carries."""

    name: Named
    fields: tuple[str, ...]
    only_texts: bool

    def to_json(self) -> dict[str, Any]:
        """Return one entry of ``lacking``."""
        kind, key = self.name
        return {"kind": kind, "id": key, "fields": list(self.fields), "only_by_delivery": self.only_texts}


@dataclass(frozen=True, slots=True)
class Drilled:
    """What one outage would have done.

    ``span``: when it is, in Unix seconds. ``calls``, ``messages``: of the day. ``announced``: how many of both
    deliveries told of; ``missed``: of how many the outage has taken a delivery. ``lost``: those that would not be known
    at all. ``late``: seconds from the end of a call, or from when a message was sent, to the pull that shows it.
    ``texts_late``: the same of texts, from their delivery on. None if nothing was late.
    """

    outage: str
    span: tuple[float, float]
    calls: int
    messages: int
    announced: int
    missed: int
    lost: tuple[Named, ...]
    lacking: tuple[Lack, ...]
    late: Lateness | None
    texts_late: Lateness | None

    @property
    def is_guarded(self) -> bool:
        """Whether nothing would be lost but texts that no list carries."""
        return not self.lost and all(each.only_texts for each in self.lacking)

    def to_json(self) -> dict[str, Any]:
        """Return one entry of ``drill``."""
        return {
            "outage": self.outage,
            "from": iso(self.span[0]),
            "to": iso(self.span[1]),
            "calls": self.calls,
            "messages": self.messages,
            "announced": self.announced,
            "missed": self.missed,
            "lost": [{"kind": kind, "id": key} for kind, key in self.lost],
            "lacking": [each.to_json() for each in self.lacking],
            "late": _late_json(self.late),
            "texts_late": _late_json(self.texts_late),
        }


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill. ``day``: None if there is none to rehearse. ``flaws``: what was wrong with the readings of the lists.

    ``gone``: stored calls and messages of the day that neither lists nor deliveries tell of any more.
    """

    day: str | None
    results: tuple[Drilled, ...] = ()
    gone: int = 0
    flaws: tuple[str, ...] = ()


def drill(session: ActivitySession, first: str | None = None, last: str | None = None) -> Drill:
    """Rehearse outages on the newest full day, from ``first`` to ``last``, on which deliveries came.

    Raises:
        TargetUnavailable: the server does not list that day.
        SyncdError: as :meth:`syncd.rest.Client.request`.
    """
    yesterday = day_after(day_of(session.clock()), -1)
    chosen = newest_day(session.store, first, min(last or yesterday, yesterday))
    if chosen is None:
        return Drill(None)
    day = read_day(session.store, session.reports, chosen, session.clock, session.server.of)
    whole = _lived(session, day)
    stored = {named(row) for row in session.store.activities.select(first_day=chosen, last_day=chosen)}
    results = tuple(_rehearsed(session, day, outage, whole) for outage in OUTAGES)
    flaws = tuple(f"the list of {kind}s was not read whole: {why}" for kind, why in day.flaws.items())
    return Drill(chosen, results, len(stored - whole.keys()), flaws)


def _lived(session: ActivitySession, day: Day) -> Mapping[Named, dict[str, Any]]:
    """Return the day's calls and messages when every delivery came, after the last reading of the lists."""
    with Scratch(session, day) as scratch:
        scratch.expect(day.deliveries)
        for now in _rechecks(session, day):
            scratch.pull_at(now)
        return scratch.rows()


def _rehearsed(session: ActivitySession, day: Day, outage: Outage, whole: Mapping[Named, Mapping[str, Any]]) -> Drilled:
    begin, end = busiest((at for at, _ in day.deliveries), outage.length, day.span)
    taken = [(at, said) for at, said in day.deliveries if begin <= at < end]
    left = [(at, said) for at, said in day.deliveries if not begin <= at < end]
    mine = [(at, said) for at, said in taken if (said.kind, said.key) in whole]
    watch = _Watch(mine, whole, {(row.kind, row.key) for row in day.rows if row.has_texts})
    with Scratch(session, day) as scratch:
        scratch.expect(left)
        # A last pull before the outage, and then one after the other until everything is there again.
        for now in steps(begin, ended(day.day), session.activity.pull.every):
            scratch.pull_at(now)
            if watch.is_over(scratch) and now >= end:
                break
        for now in _rechecks(session, day):
            scratch.pull_at(now)
            watch.is_over(scratch)
        found = scratch.rows()
    announced = {(said.kind, said.key) for _, said in day.deliveries} & whole.keys()
    return Drilled(
        outage=outage.name,
        span=(begin, end),
        calls=_count(whole, "call"),
        messages=_count(whole, "message"),
        announced=len(announced),
        missed=len({(said.kind, said.key) for _, said in mine}),
        lost=tuple(sorted(whole.keys() - found.keys())),
        lacking=tuple(_lacking(whole, found, {(row.kind, row.key) for row in day.rows if row.has_texts})),
        late=lateness(watch.delays),
        texts_late=lateness(watch.text_delays),
    )


class _Watch:
    """Sees when a pull brings what the outage has taken.

    ``taken``: the deliveries. ``whole``: the rows as they should become. ``worded``: calls whose texts a list has.
    """

    def __init__(
        self, taken: Iterable[Delivered], whole: Mapping[Named, Mapping[str, Any]], worded: set[Named]
    ) -> None:
        self.delays: list[float] = []
        self.text_delays: list[float] = []
        self._awaited: dict[Named, float] = {}
        self._texts: dict[Named, float] = {}
        for _, said in taken:
            name = (said.kind, said.key)
            happened = seconds(whole[name]["end_time" if said.kind == "call" else "sent_at"])
            if is_news(said) and happened is not None:
                self._awaited[name] = happened
            for at in text_times(said) if name in worded else ():
                self._texts[name] = max(at, self._texts.get(name, at))

    def is_over(self, scratch: Scratch) -> bool:
        """Note what has come; return whether nothing more is awaited."""
        for name in scratch.known(name for name, at in self._awaited.items() if at <= scratch.now):
            self.delays.append(scratch.now - self._awaited.pop(name))
        for name in scratch.worded(name for name, at in self._texts.items() if at <= scratch.now):
            self.text_delays.append(scratch.now - self._texts.pop(name))
        return not self._awaited and not self._texts


def _lacking(
    whole: Mapping[Named, Mapping[str, Any]], found: Mapping[Named, Mapping[str, Any]], worded: set[Named]
) -> Iterator[Lack]:
    for name, row in sorted(whole.items()):
        fields = differing(row, found[name]) if name in found else ()
        if fields:
            yield Lack(name, fields, only_texts=name not in worded and set(fields) <= set(TEXTS))


def _rechecks(session: ActivitySession, day: Day) -> list[float]:
    """Return when the day is read once it has ended everywhere."""
    return [ended(day.day) + later for later in (0.0, *session.activity.pull.recheck)]


def _count(rows: Iterable[Named], kind: Kind) -> int:
    return sum(each == kind for each, _ in rows)


def _late_json(late: Lateness | None) -> dict[str, float] | None:
    return None if late is None else {"worst": round(late.worst), "median": round(late.median)}
