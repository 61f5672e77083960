"""Opens the state file: its version, its errors and its transactions.

The file is opened by the interpreter's SQLite alone: a second copy of SQLite in one process can break its locks.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, create_engine, event, exc, text
from sqlalchemy.pool import StaticPool

from syncd.errors import StateBusy, StateError
from syncd.state.place import damage, is_there, unreadable, unwritable, uri

HEAD = "0007"
"""The version of the tables in :mod:`syncd.state.tables`, and the newest migration's."""

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another process's transaction."""


class Database:
    """The open file. Several threads may use it; a transaction is short.

    Every method may raise :class:`~syncd.errors.StateError` or :class:`~syncd.errors.StateBusy`.
    """

    def __init__(self, path: Path, *, read_only: bool = False, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.read_only = read_only
        self.clock = clock
        self._lock = threading.RLock()
        self._begun: Connection | None = None
        self._memory = not is_there(path) and read_only
        with self._explained():
            self._engine = self._connect()
            try:
                self._prepare()
            except BaseException:
                self._engine.dispose()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._engine.dispose()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that holds the file's write lock; committed at its end, or undone by an exception.

        Within another one it is a part of that one.
        """
        with self._lock:
            if self._begun:
                yield self._begun
                return
            try:
                with self._explained(), self._engine.begin() as self._begun:
                    yield self._begun
            finally:
                self._begun = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading; each statement sees the newest commit, or what a transaction of this thread did."""
        with self._lock, self._explained():
            if self._begun:
                yield self._begun
                return
            with self._reading() as connection:
                yield connection

    def _reading(self) -> Connection:
        """A connection that begins no transaction of its own, and so waits for nobody."""
        connection: Connection = self._engine.execution_options(reads=True).connect()
        return connection

    def _connect(self) -> Any:
        if not self.read_only:
            self._create_file()
        engine = create_engine("sqlite://", creator=self._open, poolclass=StaticPool, hide_parameters=True)

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            if not connection.get_execution_options().get("reads"):
                connection.exec_driver_sql("BEGIN" if self.read_only else "BEGIN IMMEDIATE")

        return engine

    def _create_file(self) -> None:
        """Make the file readable to its owner only, before SQLite would make it for everyone."""
        try:
            self.path.touch(mode=0o600, exist_ok=True)
        except OSError as error:
            raise StateError(
                f"{self.path}: the state file cannot be written ({error.strerror}); "
                "let syncd's user write to its folder, or set state: in the configuration to another place"
            ) from None

    def _open(self) -> sqlite3.Connection:
        where = ":memory:" if self._memory else uri(self.path, "ro" if self.read_only else "rw")
        connection = sqlite3.connect(
            where, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")
        connection.execute("PRAGMA foreign_keys = ON")
        if not self.read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _prepare(self) -> None:
        found = self._version()
        if found == HEAD:
            return
        if found is not None and found > HEAD:
            raise StateError(
                f"{self.path}: the state file was written by a newer syncd (version {found}, this one knows {HEAD}); "
                "install that version, or use another state file"
            )
        if self.read_only and not self._memory:
            self._copy_to_memory()
        elif found is not None:
            self._back_up(found)
        self._migrate()

    def _version(self) -> str | None:
        with self._reading() as connection:
            tables = set(connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars())
            if not tables:
                return None
            if "alembic_version" not in tables:
                raise StateError(f"{self.path}: this is some other program's database; set state: to another file")
            version: str = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
            return version

    def _copy_to_memory(self) -> None:
        """Let a dry run see an older file as it will be, without touching it."""
        source = self._open()
        self._engine.dispose()
        self._memory = True
        self._engine = self._connect()
        with self._engine.connect() as connection, suppress(sqlite3.Error):
            source.backup(connection.connection.driver_connection)
        source.close()

    def _back_up(self, version: str) -> None:
        beside = self.path.with_name(f"{self.path.name}.before-{HEAD}-from-{version}")
        beside.touch(mode=0o600, exist_ok=True)
        target = sqlite3.connect(beside)
        try:
            with self._engine.connect() as connection:
                connection.connection.driver_connection.backup(target)
        finally:
            target.close()

    def _migrate(self) -> None:
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.set_main_option("path_separator", "os")
        with self._lock, self._engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except exc.DatabaseError as error:
            known = self._error(error.orig)
            if known is None:
                raise
            raise known from None
        except sqlite3.Error as error:
            known = self._error(error)
            if known is None:
                raise
            raise known from None

    def _error(self, error: BaseException | None) -> StateError | None:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StateBusy(f"{self.path}: another process has locked the state file; try again when it is done")
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            return StateBusy(
                f"{self.path}: the state file cannot be written (no space left, or an I/O error): nothing is sent that "
                "cannot be recorded; make room and run again"
            )
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return StateError(damage(self.path))
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
            return StateError(unreadable(self.path) if self.read_only else unwritable(self.path))
        return None
