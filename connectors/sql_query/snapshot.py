"""The interface to a database: one read-only transaction, in which everything that a read sees is of one moment."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

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
        """Make a statement under way end soon; may be called from any thread, and if there is no statement."""
        self.cancelled.set()

    @abstractmethod
    def close(self) -> None:
        """End the transaction, without reading the rest of a result."""

    def compiled(self, statement: Statement) -> tuple[str, Any]:
        """Return the statement and its values as the driver takes them."""
        return compiled(statement, self.access.database.product.kind, self.dialect)

    def connect(self, **more: Any) -> Any:
        """Return a new connection of the driver; ``more``: further arguments for the driver."""
        # SQLAlchemy only translates the URL. The driver is used directly, since SQLAlchemy's own rows would cost time.
        arguments, options = self.dialect.create_connect_args(self.access.url)
        with self.errors.translated():
            return self.dialect.loaded_dbapi.connect(*arguments, **{**options, **more})

    def stop_if_cancelled(self) -> None:
        # A cancel request that reaches the server between two statements has no effect there, so the flag counts.
        if self.cancelled.is_set():
            raise SourceUnavailable(f"{self.access.database.place}: the read was cancelled")
