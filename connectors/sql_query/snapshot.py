"""The interface to a database: one read-only transaction, in which everything that a read sees is of one moment."""

from __future__ import annotations

import os
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import polars as pl

from connectors.sql_query.cursor_order import Family
from connectors.sql_query.errors import DriverErrors
from connectors.sql_query.statement import Statement, compiled
from connectors.sql_query.url import Database
from syncd.errors import SourceUnavailable

if TYPE_CHECKING:
    from sqlalchemy.engine import URL
    from sqlalchemy.engine.interfaces import Dialect

Isolation = Literal["snapshot", "serializable", "read_committed"]

CONNECT_TIMEOUT = 15.0
"""Seconds that connecting may take."""

CANCEL_SECONDS = 1.0
"""Seconds that the server has to end a statement before its connection is cut."""

POLL_SECONDS = 0.1
"""How often a wait looks whether it was cancelled."""

T = TypeVar("T")


class Abandoned(Exception):
    """The wait was cancelled, or took too long; the driver may wait on in a thread that nobody waits for."""


def interruptible(
    work: Callable[[], T], cancelled: threading.Event, *, seconds: float, discard: Callable[[T], object]
) -> T:
    """Return what ``work`` returns, or raise what it raises.

    Args:
        work: it runs in a thread of its own.
        cancelled: ends the wait.
        seconds: how long to wait at most.
        discard: is called with the result, in that thread, if the wait has ended before.

    Raises:
        Abandoned: the wait was cancelled, or took too long.

    """
    coming: Future[T] = Future()

    def run() -> None:
        try:
            coming.set_result(work())
        except BaseException as error:  # noqa: BLE001  (it is raised where the result is awaited)
            coming.set_exception(error)

    # A daemon: a process that ends must not wait for it.
    threading.Thread(target=run, name="connect", daemon=True).start()
    until = time.monotonic() + seconds
    while not wait([coming], timeout=POLL_SECONDS).done:
        if cancelled.is_set() or time.monotonic() > until:
            coming.add_done_callback(lambda done: done.exception() or discard(done.result()))
            raise Abandoned
    return coming.result()


def cut(descriptor: int) -> None:
    """End both directions of a connection, so that every thread that waits for it goes on with an error."""
    # A duplicate, since closing the socket of Python would close the driver's descriptor.
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
        connection.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class Access:
    """How to connect. ``timeout``: seconds of a statement; ``session``: shown in the server's list of sessions."""

    database: Database
    # Apart from ``database``, whose URL is shown in messages and lacks the password of the options.
    url: URL
    isolation: Isolation
    timeout: float
    session: str
    # Texts of the configuration: what they name, a server's error may name too.
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the result. ``expression``: the SQL that selects it as text; empty to select it by its name."""

    name: str
    expression: str = ""
    is_json: bool = False
    family: Family = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as text. ``malformed``: the place in the page and the reason of each row that is not in ``frame``."""

    frame: pl.DataFrame
    malformed: Sequence[tuple[int, str]] = ()

    @property
    def height(self) -> int:
        return self.frame.height + len(self.malformed)


class Snapshot(ABC):
    """A connection with a transaction that sees one moment and cannot write. Only ``cancel`` is safe in other threads.

    Every method but ``cancel`` and ``close`` may raise SourceUnavailable or SourceInvalid.
    """

    _connection: Any = None

    def __init__(self, access: Access) -> None:
        self.access = access
        self.dialect: Dialect = access.database.dialect()
        self.errors = DriverErrors(access.database, access.timeout, access.names)
        # An event, not a bool: cancel() is called by another thread.
        self.cancelled = threading.Event()

    @abstractmethod
    def begin(self) -> None:
        """Connect and begin the transaction."""

    @abstractmethod
    def columns(self, described: Statement, query: Statement | None = None) -> list[Column]:
        """Return the columns of ``described``, a statement without rows.

        ``query``: the configured query inside it; it is checked first on its own, so that errors name its lines.
        """

    def family(self, column: Column, sample: Statement) -> Family:  # noqa: ARG002  (most servers know the types of columns)
        """Return the kind of a column; ``sample``: the statement for some of its values."""
        return column.family

    @abstractmethod
    def pages(self, statement: Statement, names: Sequence[str], rows: int) -> Iterator[Page]:
        """Yield all rows, at most ``rows`` a page; ``names`` are the names of the statement's columns.

        If the iterator ends without an error, no row is missing.
        """

    @abstractmethod
    def rows(self, statement: Statement) -> list[tuple[Any, ...]]:
        """Return the rows of a small result, as the driver gives them."""

    @abstractmethod
    def now(self) -> tuple[str, str]:
        """Return the server's time (``2026-01-31 12:00:00``) in UTC and in its own zone."""

    @abstractmethod
    def scanned(self, statement: Statement) -> list[str]:
        """Return the tables that the statement would read from end to end because no index serves it."""

    def cancel(self) -> None:
        """Make a statement, or connecting, end within two seconds; may be called from any thread, at any time."""
        self.cancelled.set()
        if self._connection is None:
            return
        # Apart, since a server that does not answer would not answer this question either.
        asking = threading.Thread(target=self._ask_to_stop, name="cancel", daemon=True)
        asking.start()
        asking.join(CANCEL_SECONDS)
        with suppress(Exception):
            descriptor = self._descriptor()
            if descriptor is not None:
                cut(descriptor)

    def _ask_to_stop(self) -> None:  # noqa: B027  (SQLite looks at ``cancelled`` by itself)
        """Ask the server to end the statement under way, for at most a second; errors count for nothing."""

    def _descriptor(self) -> int | None:
        """Return the descriptor of the connection's socket; None if the driver has none."""
        return None

    @abstractmethod
    def close(self) -> None:
        """End the transaction, without reading the rest of a result."""

    def compiled(self, statement: Statement) -> tuple[str, Any]:
        """Return the statement and its values as the driver takes them; it must not begin after a cancel."""
        self.stop_if_cancelled()
        return compiled(statement, self.access.database.product.kind)

    def connect(self, **more: Any) -> Any:
        """Return a new connection of the driver; ``more``: further arguments for the driver."""
        # SQLAlchemy only translates the URL. The driver is used directly, since SQLAlchemy's own rows would cost time.
        with self.errors.connecting():
            arguments = {**self._arguments(), **more}
            return self.interruptible(lambda: self.dialect.loaded_dbapi.connect(**arguments))

    def _arguments(self) -> dict[str, Any]:
        """Return what the URL says as arguments of the driver."""
        _, options = self.dialect.create_connect_args(self.access.url)
        return dict(options)

    def interruptible(self, work: Callable[[], T], seconds: float | None = None) -> T:
        """Return what ``work`` returns, unless the read is cancelled before; ``seconds``: how long to wait at most."""
        # A URL may name several hosts, and the driver waits for each of them.
        hosts = str(self.access.url.query.get("host", "")).count(",") + 1
        patience = (CONNECT_TIMEOUT + 1) * hosts if seconds is None else seconds
        try:
            found: T = interruptible(work, self.cancelled, seconds=patience, discard=_close)
        except Abandoned:
            self.stop_if_cancelled()
            raise self.errors.unavailable(
                "the server does not answer: check that it runs, or try again later"
            ) from None
        return found

    def stop_if_cancelled(self) -> None:
        # A cancel request that reaches the server between two statements has no effect there, so the flag counts.
        if self.cancelled.is_set():
            raise SourceUnavailable(f"{self.access.database.place}: the read was cancelled")


def _close(connection: Any) -> None:
    with suppress(Exception):
        connection.close()
