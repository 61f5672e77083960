"""The key's request windows, shared by every process that uses the state file.

A request takes a place in every window before it is sent, and the place is stored before it is used, so that the
daemon, single runs and restarts spend one budget. The windows slide: at most ``requests`` places in any ``seconds``.

The server counts a request when it arrives, and syncd when it leaves. If one request is slow on its way and a request
one window later is fast, the second would be too early for the server. So a place counts from the moment when its
request was answered, but at most :data:`MARGIN` seconds later, so that slow answers do not cost speed. The moment of
the answer is stored together with the next place.

One budget is one set of windows. The key has several sets (tiers), and :mod:`syncd.budget.together` takes places in two
of them at once. A user with a ``share`` waits while everybody together has used that part of a window: so others go
first.

Small runs go first. A first load takes thousands of requests, a day's change takes two. So a run's first
:data:`SMALL` requests may use the whole of every window. Later requests of the run leave a small part of each window
free and wait a moment longer, so that a fresh change of another source finds room within seconds.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence

from syncd.budget.windows import RequestLog, RequestTimes, Window
from syncd.budget.wording import SECONDS_EACH
from syncd.errors import Stopped

MARGIN = 1.0
"""The most seconds by which a place counts later than its request left: more than the ways of two requests differ. If
every answer takes that long, a window of a minute loses 1.6 % of its speed."""

FORESEEN_SHARE = 0.015
"""The share of each window that a forecast adds for the answers, up to :data:`MARGIN`."""

SMALL = 20
"""The number of a run's requests that go first; the requests after them are a bulk."""

RESERVE_SHARE = 0.015
"""The part of each window that a bulk leaves to small runs: 15 requests an hour of 1,000."""

YIELD_SHARE = 0.0003
"""The share of the window by which a bulk waits longer for a place, so that waiting small runs come first."""

# After so many seconds of sleep the clock and the other processes' places are read again.
_LONGEST_SLEEP = 60.0
# Seconds after its time at which a place stops counting late, however slow its request was.
_SLOWEST = 30.0
# No window of a key is longer than a day.
_LONGEST_PAUSE = 86_400.0
# If the newest place lies further ahead than so many seconds, the clock was set back.
_STEP_BACK = 1.0
# The clocks of two machines, or two readings of one clock, may differ by so much within a window.
_TICK = 0.002
# At most so many requests overtake each other.
_ABREAST = 32
# No two places have the same time, so that a reader knows which places it has seen.
_APART = 1e-6


class Budget:
    """Hands out places. Used by several threads at once.

    ``share``: the part of each window beyond which this user waits; all users' requests count.
    ``sleep`` waits for so many seconds and may return early; by default it returns when ``stopping`` is set.
    ``on_wait`` is called with the seconds that are left to wait, at least once a minute, and with 0 at the end.
    """

    def __init__(
        self,
        log: RequestLog,
        windows: Sequence[Window],
        *,
        share: float = 1.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
        stopping: threading.Event | None = None,
        on_wait: Callable[[float], None] | None = None,
    ) -> None:
        self._log = log
        self._windows = tuple(windows)
        self._share = share
        self._clock = clock
        self._stopping = stopping or threading.Event()
        self._sleep = sleep or self._stopping.wait
        self._on_wait = on_wait or (lambda _seconds: None)
        self._longest = max((window.seconds for window in self._windows), default=0.0) + _SLOWEST
        self._lock = threading.Lock()
        # The places that still count, as far as this process has read the log.
        self._places: list[float] = []
        # How many seconds after its time each place's request was answered, as far as known.
        self._late: dict[float, float] = {}
        # When the request of a place could leave; an entry stays until the request is answered.
        self._sent: dict[float, float] = {}
        # The answers that are not in the log yet.
        self._unwritten: dict[float, float] = {}
        self._taken = 0
        # This process's own pause: without windows, or in a read-only state, the log does not have it.
        self._paused = 0.0
        self._pause = 0.0

    def begin(self) -> None:
        """Begin a run: its first requests go first."""
        with self._lock:
            self._taken = 0

    def take(self) -> float:
        """Wait until every window has a free place, take it and return its time.

        Raises:
            Stopped: ``stopping`` was set; no place was taken.

        """
        return self._when_free(take=True)

    def wait(self) -> None:
        """Wait until every window has a free place, and take none.

        Raises:
            Stopped: ``stopping`` was set.

        """
        self._when_free(take=False)

    def take_now(self) -> float | None:
        """Take a place and return its time, or None if a window has no free place now."""
        moment, wait = self._try(take=True)
        return moment if wait <= 0 else None

    def give_back(self, place: float) -> None:
        """Give a place back whose request is not sent."""
        if not self._windows:
            return
        with self._lock, self._log.exclusive() as times:
            times.remove(place)
            self._places.remove(place)
            self._sent.pop(place, None)
            self._taken -= 1

    def leaves(self, place: float) -> None:
        """Note that the request of a place leaves now, and not when the place was taken."""
        with self._lock:
            if place in self._sent:
                self._sent[place] = self._clock()

    def answered(self, place: float) -> None:
        """Note that the request of a place was answered, or will never be."""
        if not self._windows:
            return
        # Before the lock, which another thread may hold for a while.
        now = self._clock()
        with self._lock:
            sent = self._sent.pop(place, place)
            late = max(0.0, sent - place) + min(max(0.0, now - sent), MARGIN) + _TICK
            self._late[place] = self._unwritten[place] = late

    def pause(self, seconds: float) -> None:
        """Let no process take a place for ``seconds``, because the target asked for it with a 429."""
        seconds = min(max(seconds, 0.0), _LONGEST_PAUSE)
        with self._lock:
            until = self._clock() + seconds
            self._paused, self._pause = until, seconds
            if self._windows:
                with self._log.exclusive() as times:
                    times.pause(max(times.paused_until(), until))

    def forecast(self, requests: int, *, each: float = SECONDS_EACH) -> float:
        """Return the seconds that ``requests`` more requests will take; write nothing.

        Each request leaves ``each`` seconds after the one before it, but only when the windows have room.
        """
        now, places, paused = self._read()
        spans = {
            bulk: [(self._room(window, bulk=bulk), _span(window, bulk=bulk)) for window in self._windows]
            for bulk in (False, True)
        }
        moment = max(now, paused)
        for number in range(self._taken, self._taken + requests):
            for most, span in spans[number >= SMALL]:
                if len(places) >= most:
                    moment = max(moment, places[-most] + span)
            places.append(moment)
            moment += each
        return moment - now if requests else 0.0

    def left(self) -> list[tuple[Window, int]]:
        """Return each window with the number of its free places; write nothing."""
        now, places, _ = self._read()
        taken = [len(places) - bisect_right(places, now - _span(window, bulk=False)) for window in self._windows]
        return [(window, max(0, window.requests - count)) for window, count in zip(self._windows, taken, strict=True)]

    def _when_free(self, *, take: bool) -> float:
        waited = False
        while True:
            if self._stopping.is_set():
                raise Stopped("stopped while waiting for the key's request limits; the rest waits for the next run")
            moment, wait = self._try(take=take)
            if wait <= 0:
                break
            waited = True
            self._on_wait(wait)
            self._sleep(min(wait, _LONGEST_SLEEP))
        if waited:
            self._on_wait(0.0)
        return moment

    def _try(self, *, take: bool) -> tuple[float, float]:
        """Return the time of a place that was taken, and 0; or 0, and the seconds until the next try."""
        with self._lock:
            now = self._clock()
            # The clock may have been set back: the pause must not grow by that.
            self._paused = min(self._paused, now + self._pause)
            if not self._windows or self._paused > now:
                return now, self._paused - now
            with self._log.exclusive() as times:
                now = self._clock()
                self._catch_up(times, now)
                # A window that has a free place now gives a time in the past.
                free = max(self._free_in(window, times) for window in self._windows)
                wait = max(free, times.paused_until()) - now
                if wait > 0 or not take:
                    return 0.0, wait
                moment = max(now, self._places[-1] + _APART) if self._places else now
                times.add(moment)
                self._places.append(moment)
                self._taken += 1
            # Storing the place may have taken a while.
            self._sent[moment] = self._clock()
            return moment, 0.0

    def _free_in(self, window: Window, times: RequestTimes) -> float:
        """Return when the window has a free place."""
        bulk = self._taken >= SMALL
        # The place that must leave the window before the next one may enter.
        oldest = len(self._places) - self._room(window, bulk=bulk)
        if oldest < 0:
            return 0.0
        # Its neighbours too: their requests may have been answered after its own.
        before = self._places[max(0, oldest - _ABREAST) : oldest + 1]
        if any(place not in self._late for place in before):
            self._late.update(times.answers(before[0], before[-1]))
        ends = (place + self._late.get(place, MARGIN) for place in before)
        return max(ends) + window.seconds * (1 + YIELD_SHARE * bulk)

    def _room(self, window: Window, *, bulk: bool) -> int:
        """Return how many requests of the window may be used."""
        room = window.requests - int(window.requests * RESERVE_SHARE) if bulk else window.requests
        return min(room, window.part(self._share))

    def _catch_up(self, times: RequestTimes, now: float) -> None:
        """Store this process's answers, read the places of other processes, and drop those that no longer count."""
        if self._unwritten:
            times.note_answers(self._unwritten)
            self._unwritten = {}
        if self._places and self._places[-1] > now + _STEP_BACK:
            self._places = []
        self._places += times.since(self._places[-1] if self._places else now - self._longest)
        if self._places and self._places[-1] > now + _STEP_BACK:
            self._set_back(times, now)
        old = bisect_right(self._places, now - self._longest)
        if old > min(100, len(self._places) // 10):
            for place in self._places[:old]:
                self._late.pop(place, None)
            del self._places[:old]
            times.forget(now - self._longest)

    def _set_back(self, times: RequestTimes, now: float) -> None:
        """Move the places, since the clock was set back: the newest counts as taken now, at the old distances."""
        step, paused = self._places[-1] - now, times.paused_until()
        self._places = [place - step for place in self._places]
        self._late.clear()
        self._unwritten.clear()
        self._sent.clear()
        times.forget(float("inf"))
        for place in self._places:
            times.add(place)
        times.pause(paused - step)

    def _read(self) -> tuple[float, list[float], float]:
        now = self._clock()
        if not self._windows:
            return now, [], self._paused
        with self._lock, self._log.exclusive() as times:
            return now, [min(place, now) for place in times.since(now - self._longest)], times.paused_until()


def _span(window: Window, *, bulk: bool) -> float:
    """Return how many seconds a place will count, as far as can be foreseen."""
    return window.seconds + min(window.seconds * FORESEEN_SHARE, MARGIN) + window.seconds * YIELD_SHARE * bulk
