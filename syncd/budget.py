"""The key's request windows, shared by every process that uses the state file.

A place in every window is taken before a request is sent, and written down before it is used, so that daemon, one-shot
runs and restarts spend one budget. The windows slide: at most ``requests`` places in any ``seconds``.

The server counts a request when it arrives, we when it leaves. After one that was slow on its way, one that is fast a
window later would be too early for the server. So a place counts from when its request was answered, which is after it
arrived, and never before; but no later than a small share of the window, so that slow answers do not cost speed. When
it was answered is written down too, with the next place: processes that share a key lose nothing by it.

Small runs go first. A first load takes thousands of requests, a change of yesterday two. So a run's first requests may
use every window to its end, and what it sends beyond them leaves a small part of each window free, and waits a moment
longer for a place than they do: another source's fresh change finds room within seconds, not when the load is done.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from syncd.errors import Stopped

MARGIN = 1.0
"""Seconds that a place may count later than its request left: beyond any difference between the ways of two requests,
and 1.6 % of the speed where every answer of a window of a minute takes so long."""

FORESEEN_SHARE = 0.015
"""What a forecast adds to each window for that, up to :data:`MARGIN`: this share of it."""

SMALL = 20
"""So many requests of a run go first; the rest of a run that has more is a bulk."""

RESERVE_SHARE = 0.015
"""The part of each window that a bulk leaves to small runs: 15 requests an hour of 1,000."""

YIELD_SHARE = 0.0003
"""How much longer a bulk waits for a place: this share of the window, so that small runs that wait come first."""

SECONDS_EACH = 1.0
"""What a forecast assumes for one request, of 500 contacts, where no window makes it wait."""

_LONGEST_SLEEP = 60.0  # then the clock and the other processes are looked at again
_SLOWEST = 30.0  # seconds after its time that a place may count at most, whatever held its request up
_LONGEST_PAUSE = 86_400.0  # no window of a key is longer than a day
_STEP_BACK = 1.0  # a newest place further ahead than this means that the clock was set back
_TICK = 0.002  # what the clocks of two machines, or two readings of one, may differ in a window
_ABREAST = 32  # so many requests at most overtake one another
_APART = 1e-6  # no two places have the same time, so that a reader knows which it has seen


class Window(NamedTuple):
    """At most ``requests`` requests in any ``seconds`` seconds."""

    requests: int
    seconds: float


class RequestTimes(Protocol):
    """What is written down, inside the exclusive section. Times are Unix seconds."""

    def since(self, moment: float) -> list[float]:
        """The times of the places taken after ``moment``, ascending."""

    def add(self, moment: float) -> None:
        """Write a place down."""

    def forget(self, before: float) -> None:
        """Remove the places taken before ``before``."""

    def note_answers(self, late: Mapping[float, float]) -> None:
        """Write down how many seconds after its time each place's request was answered."""

    def answers(self, first: float, last: float) -> dict[float, float]:
        """What was noted of the places from ``first`` to ``last``."""

    def paused_until(self) -> float:
        """When the pause that the target asked for ends; 0 if it never asked."""

    def pause(self, until: float) -> None:
        """Replace the end of the pause."""


class RequestLog(Protocol):
    """Where the places of all processes are written down."""

    def exclusive(self) -> AbstractContextManager[RequestTimes]:
        """Let one process (and thread) at a time in; what was written is durable when it ends.

        A reader that only calls ``since`` and ``paused_until`` may be let in on a read-only state.
        """


class Budget:
    """Hands out places. Used by several threads at once.

    ``sleep`` waits for so many seconds and may return early; by default it returns when ``stopping`` is set.
    ``on_wait`` is told how many seconds are left to wait, at least once a minute, and 0 when the wait is over.
    """

    def __init__(
        self,
        log: RequestLog,
        windows: Sequence[Window],
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
        stopping: threading.Event | None = None,
        on_wait: Callable[[float], None] | None = None,
    ) -> None:
        self._log = log
        self._windows = tuple(windows)
        self._clock = clock
        self._stopping = stopping or threading.Event()
        self._sleep = sleep or self._stopping.wait
        self._on_wait = on_wait or (lambda _seconds: None)
        self._longest = max((window.seconds for window in self._windows), default=0.0) + _SLOWEST
        self._lock = threading.Lock()
        self._places: list[float] = []  # those of the log that still count, as far as this process has read it
        self._late: dict[float, float] = {}  # how long after its time a place's request was answered, as far as known
        self._sent: dict[float, float] = {}  # when the request of a place could leave, until it is answered
        self._news: dict[float, float] = {}  # of those, what no other process can know yet
        self._taken = 0
        self._paused = 0.0  # this process's own pause: without windows, or in a read-only state, no log has it
        self._pause = 0.0

    def begin(self) -> None:
        """A run begins: its first requests go first."""
        with self._lock:
            self._taken = 0

    def take(self) -> float:
        """Wait until every window has a free place and take it; returns its time.

        Raises:
            Stopped: ``stopping`` was set; no place was taken.

        """
        waited = False
        while True:
            if self._stopping.is_set():
                raise Stopped("stopped while waiting for the key's request limits; the rest waits for the next run")
            moment, wait = self._try()
            if wait <= 0:
                break
            waited = True
            self._on_wait(wait)
            self._sleep(min(wait, _LONGEST_SLEEP))
        if waited:
            self._on_wait(0.0)
        return moment

    def answered(self, place: float) -> None:
        """Tell that the request of a place that was taken has an answer, or none to come."""
        if not self._windows:
            return
        now = self._clock()  # before the lock, which another thread may hold for a while
        with self._lock:
            sent = self._sent.pop(place, place)
            late = max(0.0, sent - place) + min(max(0.0, now - sent), MARGIN) + _TICK
            self._late[place] = self._news[place] = late

    def pause(self, seconds: float) -> None:
        """Let no process take a place for ``seconds``, as the target asked with a 429."""
        seconds = min(max(seconds, 0.0), _LONGEST_PAUSE)
        with self._lock:
            until = self._clock() + seconds
            self._paused, self._pause = until, seconds
            if self._windows:
                with self._log.exclusive() as times:
                    times.pause(max(times.paused_until(), until))

    def forecast(self, requests: int, *, each: float = SECONDS_EACH) -> float:
        """Seconds that ``requests`` more requests will take from now, at ``each`` seconds for one; writes nothing."""
        now, places, paused = self._look()
        start = max(now, paused)
        return simulate(self._windows, places, requests, now=now, start=start, each=each, taken=self._taken)

    def left(self) -> list[tuple[Window, int]]:
        """Each window and how many places are free in it now; writes nothing."""
        now, places, _ = self._look()
        taken = [len(places) - bisect_right(places, now - _span(window)) for window in self._windows]
        return [(window, max(0, window.requests - count)) for window, count in zip(self._windows, taken, strict=True)]

    def _try(self) -> tuple[float, float]:
        """The time of a place taken just now and 0, or 0 and the seconds until the next try."""
        with self._lock:
            now = self._clock()
            self._paused = min(self._paused, now + self._pause)  # the clock may have been set back
            if not self._windows or self._paused > now:
                return now, self._paused - now
            with self._log.exclusive() as times:
                now = self._clock()
                self._catch_up(times, now)
                wait = max(self._free_at(times), times.paused_until()) - now
                if wait > 0:
                    return 0.0, wait
                moment = max(now, self._places[-1] + _APART) if self._places else now
                times.add(moment)
                self._places.append(moment)
                self._taken += 1
            self._sent[moment] = self._clock()  # writing it down may have taken a while
            return moment, 0.0

    def _free_at(self, times: RequestTimes) -> float:
        """When every window has a free place; a time in the past if they have one."""
        return max((self._free_in(window, times) for window in self._windows), default=0.0)

    def _free_in(self, window: Window, times: RequestTimes) -> float:
        bulk = self._taken >= SMALL
        oldest = len(self._places) - _room(window, bulk=bulk)  # the place that the next one in the window takes over
        if oldest < 0:
            return 0.0
        before = self._places[max(0, oldest - _ABREAST) : oldest + 1]
        if any(place not in self._late for place in before):
            self._late.update(times.answers(before[0], before[-1]))
        ends = (place + self._late.get(place, MARGIN) for place in before)
        return max(ends) + window.seconds * (1 + YIELD_SHARE * bulk)

    def _catch_up(self, times: RequestTimes, now: float) -> None:
        """Tell other processes what was answered, read what they took, and drop what counts no more."""
        if self._news:
            times.note_answers(self._news)
            self._news = {}
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
        """The clock was set back: count the places as if the newest were taken now, at their old distances."""
        step, paused = self._places[-1] - now, times.paused_until()
        self._places = [place - step for place in self._places]
        self._late.clear()
        self._news.clear()
        self._sent.clear()
        times.forget(float("inf"))
        for place in self._places:
            times.add(place)
        times.pause(paused - step)

    def _look(self) -> tuple[float, list[float], float]:
        now = self._clock()
        if not self._windows:
            return now, [], self._paused
        with self._lock, self._log.exclusive() as times:
            return now, [min(place, now) for place in times.since(now - self._longest)], times.paused_until()


def _span(window: Window) -> float:
    """How long a place will be taken, as far as can be foreseen, in seconds."""
    return window.seconds + min(window.seconds * FORESEEN_SHARE, MARGIN)


def _room(window: Window, *, bulk: bool) -> int:
    """How many requests of the window may be used."""
    return window.requests - int(window.requests * RESERVE_SHARE) if bulk else window.requests


def simulate(
    windows: Sequence[Window],
    places: Sequence[float],
    requests: int,
    *,
    now: float,
    start: float,
    each: float,
    taken: int = 0,
) -> float:
    """Seconds from ``now`` until ``requests`` requests are answered.

    The first leaves at ``start``, each next one ``each`` seconds after the one before, and all of them only when the
    windows, with ``places`` taken already, have room. ``taken``: how many the run has sent before.
    """
    past = list(places)
    spans = {
        bulk: [(_room(window, bulk=bulk), _span(window) + window.seconds * YIELD_SHARE * bulk) for window in windows]
        for bulk in (False, True)
    }
    moment = start
    for number in range(taken, taken + requests):
        for most, span in spans[number >= SMALL]:
            if len(past) >= most:
                moment = max(moment, past[-most] + span)
        past.append(moment)
        moment += each
    return moment - now if requests else 0.0


def describe(seconds: float) -> str:
    """A length of time as a person says it, in at most two units: ``12 s``, ``3 m 20 s``, ``1 h 17 m``, ``2 d 4 h``."""
    whole = max(1, round(seconds)) if seconds > 0 else 0
    if whole >= 3600:
        whole = round(whole / 60) * 60
    if whole >= 86_400:
        whole = round(whole / 3600) * 3600
    units = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
    shown = []
    for name, size in units:
        count, whole = divmod(whole, size)
        if count:
            shown.append(f"{count} {name}")
    return " ".join(shown[:2]) or "0 s"


def describe_requests(requests: int, seconds: float, *, each: float = SECONDS_EACH) -> str:
    """A forecast as a person reads it: ``2,003 requests, about 1 h 17 m at this key's limits``."""
    noun = "request" if requests == 1 else "requests"
    limited = " at this key's limits" if seconds > requests * each * 1.1 + 1 else ""
    return f"{requests:,} {noun}, about {describe(seconds)}{limited}" if requests else "no requests"
