"""Stores deliveries: one thread writes, and all that wait together become one durable transaction."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from syncd.activity.receiving import rows
from syncd.activity.receiving.rows import Arrival
from syncd.core.activity.facts import SEEN, SILENCE
from syncd.run.ringing import ring

log = structlog.get_logger()

BUSY = 5.0
"""Seconds to wait for another process's transaction: whoever delivers waits longer."""
LAST = 0.8
"""Seconds to wait for it after a stop: what was not stored by then is answered with 503."""
STEP = 0.2
"""Seconds after which a wait for it looks whether the process is to stop."""
MOST_WAITING = 32 * 2**20
"""Bytes that may wait for the disk; what comes then is refused."""
MOST_AT_ONCE = 1000
"""Deliveries in one transaction."""
BEAT = 30.0
"""Seconds between two notes that the receiver is there, while nothing is delivered."""


class Unwritable(Exception):
    """The delivery is not stored; whoever sent it must send it again."""


@dataclass(slots=True)
class _Waiting:
    """A delivery, or a fact (name and value), or a look whether there is room (neither); and who waits for it."""

    arrival: Arrival | None = None
    fact: tuple[str, str] | None = None
    done: Future[str] = field(default_factory=Future)

    def size(self) -> int:
        return len(self.arrival.raw) if self.arrival else 0


class Writer:
    """The thread, from :meth:`start` to :meth:`stop`. ``wake``: a datagram socket that is told of each new event."""

    def __init__(self, store: str, wake: str, clock: Callable[[], float] = time.time) -> None:
        self._store, self._wake, self._clock = store, wake, clock
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._hurried: float | None = None
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._failed = False
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hurry(self) -> None:
        """Wait no longer than ``LAST`` for other processes from now on."""
        self._hurried = self._hurried or time.monotonic()

    def stop(self) -> None:
        """Store what waits, and end."""
        self.hurry()
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def store(self, arrival: Arrival) -> Future[str]:
        """Return the future outcome of a delivery (:mod:`.rows`), or Unwritable; it is durable then."""
        return self._put(_Waiting(arrival))

    def note(self, name: str, value: str) -> Future[str]:
        """Store a fact, soon."""
        return self._put(_Waiting(fact=(name, value)))

    def look(self) -> Future[str]:
        """Return the future proof that something can be stored, or Unwritable."""
        return self._put(_Waiting())

    def _put(self, one: _Waiting) -> Future[str]:
        with self._changed:
            if self._stopping or self._bytes + one.size() > MOST_WAITING:
                self._failed = self._failed or one.arrival is not None
                one.done.set_exception(Unwritable())
            else:
                self._waiting.append(one)
                self._bytes += one.size()
                self._changed.notify()
        return one.done

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting and not self._stopping:
                    self._changed.wait(BEAT)
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_AT_ONCE))]
                if not batch and self._stopping:
                    break
            # From here on nobody can cancel; who did before has not been answered, and sends again.
            self._carry_out([one for one in batch if one.done.set_running_or_notify_cancel()])
            with self._changed:
                self._bytes -= sum(one.size() for one in batch)
        self._close()

    def _carry_out(self, batch: Sequence[_Waiting]) -> None:
        try:
            outcomes: list[str | None] = list(self._committed(batch))
        except Exception as error:  # noqa: BLE001 (without this thread nobody is answered)
            self._say(error)
            # A full disk or a lock fails each of them; any other error may be the fault of one.
            alone = len(batch) > 1 and _code(error) not in _ALL_FAIL
            outcomes = [self._alone(one) for one in batch] if alone else [None] * len(batch)
        if any(one.arrival and outcome in {rows.NEW, rows.STALE} for one, outcome in zip(batch, outcomes, strict=True)):
            ring(self._wake)
        self._failed = self._failed or any(
            one.arrival and outcome is None for one, outcome in zip(batch, outcomes, strict=True)
        )
        for one, outcome in zip(batch, outcomes, strict=True):
            if outcome is None:
                one.done.set_exception(Unwritable())
            else:
                one.done.set_result(outcome)

    def _alone(self, one: _Waiting) -> str | None:
        try:
            return self._committed([one])[0]
        except Exception as error:  # noqa: BLE001 (as above)
            self._say(error)
            return None

    def _committed(self, batch: Sequence[_Waiting]) -> list[str]:
        """Carry out a batch in one transaction, and return the outcomes when it is durable."""
        try:
            store = self._begun()
            self._note_being_there(store)
            outcomes = [self._outcome(store, one) for one in batch]
            store.execute("COMMIT")
        except BaseException:
            # A connection with half a transaction is thrown away, with the transaction.
            self._close()
            raise
        self._failed = False
        return outcomes

    def _begun(self) -> sqlite3.Connection:
        """Open the store if it is not open, and begin a transaction."""
        begun = time.monotonic()
        while True:
            try:
                store = self._opened_store()
                store.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                until = begun + BUSY if self._hurried is None else min(begun + BUSY, self._hurried + LAST)
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                    raise
            else:
                return store

    def _outcome(self, store: sqlite3.Connection, one: _Waiting) -> str:
        if one.fact:
            rows.set_fact(store, *one.fact)
        return rows.take(store, one.arrival) if one.arrival else "there"

    def _note_being_there(self, store: sqlite3.Connection) -> None:
        now, seen = self._clock(), float(rows.fact(store, SEEN) or 0)
        # The days of a time in which deliveries were refused, or met nobody, are read.
        if seen and (now - seen > SILENCE or self._failed):
            rows.note_gap(store, seen, now)
        rows.set_fact(store, SEEN, str(now))

    def _opened_store(self) -> sqlite3.Connection:
        # A file that was moved away, or put in its place, is not the one that is open: what is stored there is lost.
        here = _identity(self._store)
        if self._connection and here == self._opened:
            return self._connection
        self._close()
        self._connection = _connect(self._store)
        self._opened = here
        return self._connection

    def _close(self) -> None:
        if self._connection:
            with suppress(sqlite3.Error):
                self._connection.close()
        self._connection = None

    def _say(self, error: Exception) -> None:
        if not self._failed:
            why = getattr(error, "sqlite_errorname", type(error).__name__)
            there = _identity(self._store) is not None
            remedy = _REMEDIES.get(_code(error), LOOK_AT_IT) if there else MAKE_IT
            log.error("deliveries cannot be stored", why=why, store=self._store, remedy=remedy)


MAKE_IT = "the file is not there: put it back, or let syncd activity run make a new one"
LOOK_AT_IT = "syncd status says what is wrong with it, and syncd activity run brings it up to date"

_REMEDIES = {
    sqlite3.SQLITE_BUSY: "another process holds it for long: end that process",
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_IOERR: "make room on its disk, or look at the disk",
    sqlite3.SQLITE_CANTOPEN: "let syncd's user read and write the file and its folder",
    sqlite3.SQLITE_READONLY: "let syncd's user write to the file and its folder",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: put a copy in its place",
    sqlite3.SQLITE_NOTADB: "the file is no activity store: put a copy in its place",
}
"""What a person can do, by the primary result code of SQLite."""

_ALL_FAIL = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
)


def _code(error: Exception) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 (as fast as can be)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _connect(path: str) -> sqlite3.Connection:
    store = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=rw", uri=True, timeout=STEP, isolation_level=None)
    try:
        store.execute("PRAGMA journal_mode = WAL")
        # Without FULL, a commit in WAL mode may be lost when the machine stops.
        store.execute("PRAGMA synchronous = FULL")
        store.execute("PRAGMA cache_size = -1024")
    except sqlite3.Error:
        store.close()
        raise
    return store
