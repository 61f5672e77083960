"""Connections that write. Connecting, its errors and the stops are those of the connections that read."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from connectors.sql_query.mssql import SqlServer
from connectors.sql_query.mysql import MySql
from connectors.sql_query.postgres import Postgres
from connectors.sql_query.snapshot import CONNECT_TIMEOUT, POLL_SECONDS, Access
from connectors.sql_query.sqlite import Sqlite
from connectors.sql_query.url import Database

T = TypeVar("T")

LOCK_SECONDS = 30
"""Seconds that a statement waits for the locks of other programs."""

PACKET = 1 << 20
"""Bytes of one statement of MySQL, if the server takes so many."""


class Session(Protocol):
    """A connection, ``raw``, of the driver. Only :meth:`cancel` is called from other threads."""

    @property
    def raw(self) -> Any:
        """The driver's connection, once the session has begun."""

    def begin(self) -> None:
        """Connect."""

    def open_transaction(self, cursor: Any) -> None:
        """Begin a transaction and set what it needs; ``cursor``: the driver's."""

    def longest_row(self) -> int | None:
        """Return how many bytes a row may have as SQL; None if there is no limit."""

    def call(self, work: Callable[[], T]) -> T:
        """Return what a call of the driver returns, which may wait for the server."""

    def stop_if_cancelled(self) -> None:
        """Raise an error of any kind after a cancel."""

    def cancel(self) -> None:
        """End what is under way, from any thread."""

    def close(self) -> None:
        """Let go of the connection."""


class _Opened:
    """What most sessions have in common: nothing limits a row, and a stop ends a call of the driver from outside."""

    _connection: Any

    @property
    def raw(self) -> Any:
        return self._connection

    def longest_row(self) -> int | None:
        return None

    def call(self, work: Callable[[], T]) -> T:
        return work()


class PostgresSession(_Opened, Postgres):
    """A connection to PostgreSQL."""

    def begin(self) -> None:
        self._connection = self.connect(
            connect_timeout=int(CONNECT_TIMEOUT),
            application_name=self.access.session,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            # A pooler between us and the server may give each transaction another connection.
            prepare_threshold=None,
        )

    def open_transaction(self, cursor: Any) -> None:
        settings = {
            "client_encoding": "UTF8",
            "TimeZone": "UTC",
            "DateStyle": "ISO, YMD",
            "statement_timeout": str(int(self.access.timeout * 1000)),
            "lock_timeout": f"{LOCK_SECONDS}s",
            # A new table has no statistics, and the server would read it whole for each batch: its index is better.
            **dict.fromkeys(("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"), "off"),
        }
        asked = ", ".join(["set_config(%s, %s, true)"] * len(settings))
        cursor.execute(f"SELECT {asked}", [each for pair in settings.items() for each in pair])


class MySqlSession(_Opened, MySql):
    """A connection to MariaDB or MySQL."""

    def begin(self) -> None:
        self._connection = self.connect(
            connect_timeout=int(CONNECT_TIMEOUT),
            read_timeout=self.access.timeout + CONNECT_TIMEOUT,
            write_timeout=self.access.timeout + CONNECT_TIMEOUT,
            program_name=self.access.session,
        )
        with self.errors.translated(), self._connection.cursor() as cursor:
            # Without the strict mode the server would cut a text that is too long.
            modes = "CONCAT_WS(',', NULLIF(@@sql_mode, ''), 'STRICT_ALL_TABLES', 'NO_ENGINE_SUBSTITUTION')"
            cursor.execute(
                f"SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = {LOCK_SECONDS}, "
                f"lock_wait_timeout = {LOCK_SECONDS}, sql_mode = {modes}"
            )
            cursor.execute("SELECT @@max_allowed_packet")
            self._packet = int(cursor.fetchone()[0])
            self._connection.commit()

    def open_transaction(self, cursor: Any) -> None:
        cursor.max_stmt_length = min(PACKET, self._packet // 2)

    def longest_row(self) -> int | None:
        return self._packet - 4_096


class SqliteSession(_Opened, Sqlite):
    """A connection to a SQLite file, which is made if it is not there."""

    def begin(self) -> None:
        import sqlite3

        path = Path(self.access.url.database or "")
        self._make(path)
        with self.errors.translated():
            self._connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode=rw",
                uri=True,
                timeout=POLL_SECONDS,
                check_same_thread=False,
                isolation_level=None,
            )
        self._connection.set_progress_handler(self._must_end, 100_000)
        self._file = path, path.stat()

    def _make(self, path: Path) -> None:
        try:
            # It will hold names and numbers, so it is made for its owner alone.
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileNotFoundError:
            raise self.errors.unavailable("the folder of the file is not there: mount the disk, or make it") from None
        except OSError as error:
            raise self.errors.invalid(f"the file cannot be made ({error.strerror}): name another one") from None

    def _require_file(self) -> None:
        # A file that was removed can still be written to, and nobody would ever see what was.
        path, opened = self._file
        if not path.exists() or not os.path.samestat(path.stat(), opened):
            raise self.errors.unavailable("the file was moved or removed: try again later")

    def open_transaction(self, cursor: Any) -> None:
        import sqlite3

        self._require_file()
        # A wait for another program's lock cannot be ended, so there are many short ones.
        until = time.monotonic() + CONNECT_TIMEOUT
        while True:
            self.stop_if_cancelled()
            try:
                cursor.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
            else:
                self._until = time.monotonic() + self.access.timeout
                return


class SqlServerSession(_Opened, SqlServer):
    """A connection to SQL Server."""

    def begin(self) -> None:
        timeouts = {"login_timeout": int(CONNECT_TIMEOUT), "timeout": int(self.access.timeout)}
        self._connection = self.connect(**timeouts, appname=self.access.session)

    def open_transaction(self, cursor: Any) -> None:
        for setting in SQL_SERVER_SETTINGS:
            self.call(partial(cursor.execute, setting))

    def call(self, work: Callable[[], T]) -> T:
        return self._call(work)


SQL_SERVER_SETTINGS = (f"SET LOCK_TIMEOUT {LOCK_SECONDS * 1000}", "SET XACT_ABORT ON", "SET ANSI_WARNINGS ON")
"""With ANSI_WARNINGS a text that is too long is an error; without it the server cuts it."""

_CLASSES = {
    "postgresql": "PostgresSession",
    "mysql": "MySqlSession",
    "sqlite": "SqliteSession",
    "mssql": "SqlServerSession",
}


def session_of(database: Database, password: str | None, timeout: float, name: str) -> Session:
    """Return a session of the database that has not begun yet. ``name``: the sink's, for the server's list."""
    access = Access(database, database.with_password(password), "read_committed", timeout, f"syncd {name}")
    found: Session = resolve_name(f"{__name__}:{_CLASSES[database.product.kind]}")(access)
    return found
