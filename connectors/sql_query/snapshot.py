"""One read-only transaction on a database, in which everything that a read looks at is of one moment."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from connectors.sql_query.errors import Told
from connectors.sql_query.statement import Statement, compiled
from connectors.sql_query.url import Database
from syncd.errors import SourceUnavailable

if TYPE_CHECKING:
    from sqlalchemy.engine import URL
    from sqlalchemy.engine.interfaces import Dialect

Isolation = Literal["snapshot", "serializable", "read_committed"]

CONNECT = 15.0
"""Seconds that connecting may take."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to get in. ``timeout``: seconds that a statement may take; ``label``: what the server calls the session."""

    database: Database
    url: URL
    isolation: Isolation
    timeout: float
    label: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the result. ``expression``: how it is selected as text, if not by its name."""

    name: str
    expression: str = ""
    is_json: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as text: ``frame`` has the statement's columns; ``bad``: place in the page and why, of rows not in it."""

    frame: pl.DataFrame
    bad: Sequence[tuple[int, str]] = ()

    @property
    def height(self) -> int:
        return self.frame.height + len(self.bad)


class Snapshot(ABC):
    """A connection with a transaction that reads one moment and cannot write. Used by one thread, but for ``cancel``.

    Every method but ``cancel`` and ``close`` may raise SourceUnavailable or SourceInvalid.
    """

    def __init__(self, access: Access) -> None:
        self.access = access
        self.dialect: Dialect = access.database.dialect()
        self.told = Told(access.database, access.timeout)
        self.cancelled = threading.Event()

    @abstractmethod
    def begin(self) -> None:
        """Connect and begin the transaction."""

    @abstractmethod
    def columns(self, described: Statement, query: Statement | None = None) -> list[Column]:
        """The columns of a statement without a row; ``query``: what stands in it, and is checked first, as it is."""

    @abstractmethod
    def pages(self, statement: Statement, names: Sequence[str], rows: int) -> Iterator[Page]:
        """Yield all rows, at most ``rows`` a page; ``names`` are what the statement's columns are called.

        When it is through, it is proved that no row is missing.
        """

    @abstractmethod
    def rows(self, statement: Statement) -> list[tuple[Any, ...]]:
        """The rows of a small result, as the driver gives them."""

    @abstractmethod
    def now(self) -> tuple[str, str]:
        """The server's time (``2026-01-31 12:00:00``) in UTC and in its own zone."""

    @abstractmethod
    def scanned(self, statement: Statement) -> list[str]:
        """The tables that the statement would read from end to end, since no index serves it."""

    @abstractmethod
    def cancel(self) -> None:
        """Have a statement under way end soon; may be called from any thread, and when there is none."""

    @abstractmethod
    def close(self) -> None:
        """End the transaction, without reading what is left of a result."""

    def compiled(self, statement: Statement) -> tuple[str, Any]:
        """The statement as the driver takes it."""
        return compiled(statement, self.access.database.product.kind, self.dialect)

    def connected(self, **more: Any) -> Any:
        """A new connection of the driver."""
        arguments, options = self.dialect.create_connect_args(self.access.url)
        with self.told.of():
            return self.dialect.loaded_dbapi.connect(*arguments, **{**options, **more})

    def halt(self) -> None:
        """End here if the read was cancelled."""
        if self.cancelled.is_set():
            raise SourceUnavailable(f"{self.access.database.place}: the read was broken off")
