"""The pull of one list: the head of the open window, the days that are due, and the history sum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

from syncd.activity.pulling.kept import Kept
from syncd.activity.pulling.lists import LIMIT, Listing, Page, Per
from syncd.activity.pulling.readings import DaysRefused, Reading, checked, read_whole
from syncd.activity.store.days import Day
from syncd.core.activity.days.calendars import WIDEST, narrowed
from syncd.core.activity.days.heads import Head, look
from syncd.core.activity.days.proof import Standing, State, after_reading, is_due
from syncd.core.activity.days.sums import Sum, history_sum
from syncd.core.activity.days.windows import Days, are_other_days, ended, window
from syncd.core.activity.instants import day_after, day_of, days_between
from syncd.core.activity.skew import WRONG, clock_text
from syncd.errors import TargetError, TargetUnavailable

DAILY = 86_400.0

UNLIMITED = 4000
"""No list is asked for more days at once; a server that allows fewer says so by a refusal."""


class ClockWrong(TargetUnavailable):
    """This machine's clock is so wrong that it names other days than the target's."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When what is read, in seconds.

    ``every``: between two looks. ``recheck``: after a day's end. ``since``: how far back the first pull goes.
    """

    every: float = 600.0
    recheck: Sequence[float] = (3600.0, DAILY, 3 * DAILY, 7 * DAILY)
    since: float = 30 * DAILY


@dataclass(slots=True)
class ListPull:
    """Reads one list into what is kept of it.

    ``read``: the days that were read so far, as they stand now. ``looked``: when the head was looked at last.
    """

    listing: Listing
    kept: Kept
    rhythm: Rhythm
    clock: Callable[[], float]
    halt_if_asked: Callable[[], None] = lambda: None
    read: dict[str, Day] = field(default_factory=dict)
    looked: float = float("-inf")

    def look(self) -> None:
        """Look at the head of the open window: one request if nothing is new.

        Raises:
            SyncdError: as :func:`checked`, and if the server refuses to list a single day.
        """
        self.looked = now = self.clock()
        self._open(now)
        try:
            for days in self._asked(window(now)):
                known = self.kept.members(window_of(days))
                if not known or not self._look(days, known):
                    self._read_window(days)
        except ClockWrong:
            raise
        except TargetError:
            self._begin_days(now)
            raise
        self._begin_days(now)

    def due(self) -> list[str]:
        """Return the days that are to be read now, the newest first."""
        now, known = self.clock(), self.kept.days()
        # A server that does not list older days has said so.
        reach = day_after(day_of(now), -self.kept.fact("reach", UNLIMITED))
        read = (day for day, each in known.items() if each.read_at is not None)
        first = max(min([day_of(now - self.rhythm.since), *read]), reach)
        hinted = set(self.kept.fact("hints", []))
        return [
            day
            for day in sorted({*days_between(first, day_of(now)), *hinted}, reverse=True)
            if day in hinted or is_due(day, standing(known.get(day)), now, self.rhythm.recheck)
        ]

    def read_due(self) -> None:
        """Read the days that are due; between two of them the head is looked at when it is time for that."""
        for day in self.due():
            self.halt_if_asked()
            if self.clock() - self.looked >= self.rhythm.every:
                self.look()
            if not self.read_day(day):
                break

    def read_days(self, days: Days) -> None:
        """Read these days, the newest first, whether they are due or not."""
        for day in reversed(days.each()):
            self.halt_if_asked()
            if not self.read_day(day):
                raise TargetUnavailable(f"Vocatech refuses to list the day {day}", in_doubt=False)

    def read_day(self, day: str) -> bool:
        """Read the list of one day whole, and keep how the day stands; return False if the server lists no such day."""
        known, days = self.kept.day(day), Days(day, day)

        def take(page: Page) -> None:
            # Rows of a server that lists other days are true, and are no rows of this day.
            self.kept.take(page, None if are_other_days(page.outside, len(page.times)) else day)

        try:
            reading = read_whole(self.listing, days, take, self._per)
        except DaysRefused:
            self._refused(day)
            return False
        now = self.clock()
        require_clock(reading.at, now)
        had = self.kept.members(day) if known.digest else None
        after = after_reading(standing(known), had, reading.verdict, now)
        with self.kept.write():
            self._learn(reading)
            self._keep_day(known, after, reading)
            self.kept.forget_hint(day)
        return True

    def sum_up(self) -> None:
        """Once a day, count all proved days by one request, and read the days anew that have changed."""
        if not self._is_sum_due():
            return
        now, days = self.clock(), self.kept.days()
        reach = day_after(day_of(now), -self.kept.fact("reach", UNLIMITED))
        proved = [day for day, known in days.items() if known.state == "proved" and day >= reach]
        found = self._sum(proved)
        with self.kept.write():
            self.kept.learn("longest", found.longest)
            if found.reached:
                self._reach(found.reached)
            for day in found.changed & set(proved):
                self.kept.put_day(replace(days[day], state="changed", changed_at=now))
            self.kept.learn("sum_at", now)
        for day in sorted(found.changed, reverse=True):
            self.halt_if_asked()
            self.read_day(day)

    def forecast(self) -> int:
        """Return how many requests the days and the sum need now, if days that were never read are as others are."""
        days = self.kept.days()
        pages = [day.pages for day in days.values() if day.pages]
        # Before the first day is known, the open window tells how many rows a day has.
        usual = -(-sum(pages) // len(pages)) if pages else self.pages_of_a_day()
        wanted = [days.get(day) for day in self.due()]
        return sum((day.pages if day else None) or usual for day in wanted) + self._is_sum_due()

    def pages_of_a_day(self) -> int:
        """Return how many pages a day of the open window has, on an average."""
        days = window(self.clock())
        limit: int = self.kept.fact("limit", LIMIT)
        rows = sum(len(self.kept.members(window_of(each))) for each in self._asked(days))
        return max(1, -(-rows // (limit * days.length)))

    @property
    def _per(self) -> Per:
        return "leg" if self.kept.fact("per", "call") == "leg" else "call"

    def _is_sum_due(self) -> bool:
        if 0 <= self.clock() - self.kept.fact("sum_at", 0.0) < DAILY:
            return False
        return any(day.state == "proved" for day in self.kept.days().values())

    def _asked(self, days: Days) -> list[Days]:
        return days.pieces(self.kept.fact("longest", UNLIMITED))

    def _open(self, now: float) -> None:
        """Forget the windows that are no longer open."""
        asked = [window_of(days) for days in self._asked(window(now))]
        kept: list[str] = self.kept.fact("windows", [])
        if asked == kept:
            return
        with self.kept.write():
            for each in set(kept) - set(asked):
                self.kept.drop_window(each)
            self.kept.learn("windows", asked)

    def _begin_days(self, now: float) -> None:
        """Begin the days that have begun."""
        today, known = day_of(now), self.kept.days()
        fresh = [day for day in window(now).each() if day <= today and day not in known]
        if fresh:
            with self.kept.write():
                for day in fresh:
                    self.kept.put_day(Day(self.kept.kind, day, state="open"))

    def _look(self, days: Days, known: frozenset[str]) -> bool:
        """Look for new rows of a window that was read whole; return whether all of it is known now."""
        work = look(known, self.kept.fact("order", ""), self.kept.fact("limit", LIMIT))
        number = next(work)
        while True:
            page = self.listing.page(days, number)
            if page is None:
                return False
            try:
                number = work.send(page.sheet(self._per))
            except StopIteration as done:
                head: Head = done.value
                break
            # The last page is kept together with the position; the pages before it are not waited with.
            self.kept.take(page)
        require_clock(page.at, self.clock())
        with self.kept.write():
            checked(page, days, self.kept.take)
            self.kept.add_members(window_of(days), head.fresh)
        return head.is_whole

    def _read_window(self, days: Days) -> None:
        """Read a window whole, unless that failed so lately that only its first page is worth a request."""
        name, now = f"flawed {days}", self.clock()
        tried, first = self.kept.fact("flawed", {}).get(name, (float("-inf"), now))
        if 0 <= now - tried < max(3600.0, tried - first):
            return
        try:
            reading = read_whole(self.listing, days, self.kept.take, self._per)
        except DaysRefused:
            self._shorten(days)
            return
        require_clock(reading.at, self.clock())
        flaw = {name: (now, first)} if reading.verdict.why else {}
        with self.kept.write():
            self._learn(reading)
            # What is known of a flawed window is kept too, so that the next look sees what is new.
            self.kept.set_members(window_of(days), reading.verdict.keys)
            self.kept.learn("flawed", flaw)

    def _shorten(self, days: Days) -> None:
        """Ask for fewer days at once from now on."""
        if days.length == 1:
            raise TargetUnavailable(f"Vocatech refuses to list the day {days.first}; ask its support", in_doubt=False)
        with self.kept.write():
            self.kept.learn("longest", max(1, days.length // 2))
        self.look()

    def _refused(self, day: str) -> None:
        """Learn that the server does not reach back to a day.

        Raises:
            TargetUnavailable: it refuses a day of the open window.
        """
        if day >= window(self.clock()).first:
            raise TargetUnavailable(f"Vocatech refuses to list the day {day}; ask its support", in_doubt=False)
        with self.kept.write():
            self._reach(day_after(day))
            self.kept.forget_hint(day)

    def _reach(self, first: str) -> None:
        self.kept.learn("reach", len(days_between(first, day_of(self.clock()))) - 1)

    def _learn(self, reading: Reading) -> None:
        if reading.limit:
            self.kept.learn("limit", reading.limit)
        if not reading.verdict.why:
            self.kept.learn("per", reading.per)
            if reading.verdict.order:
                self.kept.learn("order", reading.verdict.order)

    def _keep_day(self, known: Day, after: Standing, reading: Reading) -> None:
        verdict, is_over = reading.verdict, ended(known.day) <= self.clock()
        day = replace(known, total=verdict.total, pages=verdict.pages, read_at=after.last_read)
        # A day that has not ended everywhere still grows: what was read of it is no state of a day.
        if is_over:
            proved = after.last_read if after.state == "proved" != known.state else known.proved_at
            day = replace(day, state=after.state, changed_at=after.since, proved_at=proved)
        if not verdict.why and is_over:
            self.kept.put_day(replace(day, digest=verdict.digest), verdict.keys, reading.ids)
            if reading.times:
                low, high = self.kept.fact("calendar", WIDEST)
                self.kept.learn("calendar", narrowed((low, high), day.day, reading.times))
        else:
            self.kept.put_day(day)
        self.read[day.day] = self.kept.day(day.day)

    def _sum(self, proved: Iterable[str]) -> Sum:
        longest = self.kept.fact("longest", UNLIMITED)
        work = history_sum(proved, lambda days: self.kept.count(*days), longest)
        try:
            days = next(work)
            while True:
                self.halt_if_asked()
                page: Page | None = self.listing.page(days, limit=1)
                if page is not None and page.counts[0] is None:
                    # It lists these days and does not count them: the next sum asks again.
                    return Sum(frozenset(), longest)
                days = work.send(None if page is None else page.counts[0])
        except StopIteration as done:
            found: Sum = done.value
            return found


def require_clock(there: float, here: float) -> None:
    """Make sure that this machine's time is not so wrong that it names other days; Unix seconds.

    Raises:
        ClockWrong: it is.
    """
    if abs(here - there) > WRONG:
        raise ClockWrong(
            f"{clock_text(there - here)}, so the days of the lists cannot be told: set it by NTP", in_doubt=False
        )


STATES: Mapping[str, State] = {state: state for state in get_args(State)}


def window_of(days: Days) -> str:
    """Return the name under which the members of an open window are kept; no day has such a name."""
    return f"open {days}"


def standing(day: Day | None) -> Standing:
    """Return how a day stands, as the proof sees it."""
    return Standing(STATES[day.state], day.read_at, day.changed_at) if day else Standing()
