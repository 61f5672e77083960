"""Opens a database file, such as the state file: its version, its transactions and its errors."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from syncd.errors import StateBusy, StateError
from syncd.state.migrations.newest import make
from syncd.state.place import STATE, Words, is_there, primary_code, problem, unreadable, unwritable, uri
from syncd.state.queries import Queries, bound

if TYPE_CHECKING:
    # Processes that only look at what is stored need not load it.
    import polars as pl

HEAD = "0012"
"""The version of the tables in :mod:`syncd.state.tables`, and the newest migration's."""

BUSY_TIMEOUT = 30.0
"""Seconds to wait for another process's transaction."""

ROWS = 100
"""The number of rows in one statement; SQLite takes 32,766 values."""


class Database(Queries):
    """The open file. Several threads may use it; a transaction is short.

    A read-only database of an older version is migrated in memory; one whose file does not exist is empty.

    Every method may raise :class:`~syncd.errors.StateError` or :class:`~syncd.errors.StateBusy`.

    ``WORDS``: what messages call the file; ``NEWEST``: the version of its tables; ``VERSIONS``: the migrations' folder,
    beside which a script makes the tables of a new file;
    ``CACHE``: how much of it SQLite keeps in memory, negative in KiB (``PRAGMA cache_size``).
    """

    WORDS: ClassVar[Words] = STATE
    NEWEST: ClassVar[str] = HEAD
    VERSIONS: ClassVar[Path] = Path(__file__).parent / "migrations" / "versions"
    CACHE: ClassVar[int] = -2_000

    def __init__(self, path: Path, *, read_only: bool = False, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.read_only = read_only
        self.clock = clock
        # The threads share one connection. A transaction holds the lock until its end, so that no other thread's
        # statement becomes part of it; the lock is reentrant for the statements of the transaction's own thread.
        self._lock = threading.RLock()
        self._begun = False
        self._memory = not is_there(path, self.WORDS) and read_only
        with self._explained():
            if not read_only:
                self._create_file()
            self._sqlite = self._open()
            try:
                self._prepare()
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._sqlite.close()

    @contextmanager
    def write(self) -> Iterator[None]:
        """Make one transaction of a block: it is committed at its end, or undone by an exception.

        Statements of this thread are part of it. A block within another block is part of that block's transaction.
        """
        with self._lock:
            if self._begun:
                yield
                return
            try:
                # The connection commits or undoes.
                with self._explained(), self._sqlite:
                    # Without IMMEDIATE, SQLite takes the write lock at the first change. That fails if another process
                    # has written since the transaction's first read.
                    self._sqlite.execute("BEGIN" if self.read_only else "BEGIN IMMEDIATE")
                    self._begun = True
                    yield
            finally:
                self._begun = False

    @contextmanager
    def attached(self, path: Path, name: str) -> Iterator[None]:
        """Let the statements of a block name the tables of another file: ``name.table``."""
        with self._lock, self._explained():
            self._sqlite.execute(f"ATTACH DATABASE ? AS {name}", (uri(path, "ro"),))
        try:
            yield
        finally:
            with self._lock, self._explained():
                self._sqlite.execute(f"DETACH DATABASE {name}")

    def rewrite(self) -> bool:
        """Write the file anew, without free pages; return whether its room is free already.

        It is not while another process reads what was there before.
        """
        with self._lock, self._explained():
            self._sqlite.execute("VACUUM").close()
            # Until this, what was written stands in a log beside the file.
            with closing(self._sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)")) as cursor:
                is_busy, *_ = cursor.fetchone()
        return not is_busy

    def turn_into_memory(self) -> None:
        """Go on with a copy in memory: what is changed from now on changes no file."""
        if self._memory:
            return
        with self._lock, self._explained():
            source, self._memory = self._sqlite, True
            self._sqlite = self._open()
            with closing(source):
                source.backup(self._sqlite)

    def execute(self, sql: str, **values: Any) -> int:
        """Change what is stored; return the number of rows that were changed."""
        with self._transaction(), self._executed(sql, bound(values)) as cursor:
            return cursor.rowcount

    def put(self, table: str, **values: Any) -> None:
        """Store a row; it replaces a row with the same primary key."""
        names = ", ".join(f":{column}" for column in values)
        self.execute(f"INSERT OR REPLACE INTO {table} ({', '.join(values)}) VALUES ({names})", **values)

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any] | Mapping[str, Any]]) -> None:
        """Execute the statement for each of ``rows``, in one transaction; without rows nobody's lock is waited for."""
        if rows:
            with self._transaction():
                self._sqlite.executemany(sql, rows).close()

    def execute_in_bulk(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Execute the statement for ``rows``, all of the same length; the values of many replace ``{rows}`` in it."""
        # Other threads work while SQLite does. With a call for each row, they would wait for a turn after each row.
        one = f"({', '.join('?' * len(rows[0]))})" if rows else ""
        with self._transaction():
            for page in (rows[start : start + ROWS] for start in range(0, len(rows), ROWS)):
                filled = sql.replace("{rows}", ", ".join([one] * len(page)))
                self._sqlite.execute(filled, tuple(chain.from_iterable(page))).close()

    def create_function(self, name: str, function: Callable[[Any], Any]) -> None:
        """Let statements call a function that gives the same result for the same value."""
        self._sqlite.create_function(name, 1, function, deterministic=True)

    def frame(self, schema: Mapping[str, Any], sql: str, **values: Any) -> pl.DataFrame:
        """Return the rows of the result as a frame."""
        import polars as pl

        return pl.DataFrame(self.rows(sql, **values), schema=dict(schema), orient="row")

    @contextmanager
    def _executed(self, sql: str, values: Mapping[str, Any]) -> Iterator[sqlite3.Cursor]:
        with self._lock, self._explained(), closing(self._sqlite.execute(sql, values)) as cursor:
            yield cursor

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, nullcontext() if self._begun else self.write():
            yield

    def _create_file(self) -> None:
        # SQLite would make a file that everyone can read.
        try:
            self.path.touch(mode=0o600, exist_ok=True)
        except OSError as error:
            raise StateError(
                f"{self.path}: the {self.WORDS.noun} cannot be written ({error.strerror}); let syncd's user write to "
                f"its folder, or set {self.WORDS.setting} in the configuration to another place"
            ) from None

    def _open(self) -> sqlite3.Connection:
        where = ":memory:" if self._memory else uri(self.path, "ro" if self.read_only else "rw")
        connection = sqlite3.connect(
            where, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = {self.CACHE}")
        if not self.read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _prepare(self) -> None:
        found = self._version()
        if found == self.NEWEST:
            return
        if found is not None and found > self.NEWEST:
            raise StateError(
                f"{self.path}: the {self.WORDS.noun} was written by a newer syncd (version {found}, this one knows "
                f"{self.NEWEST}); install that version, or use another {self.WORDS.noun}"
            )
        if self.read_only and not self._memory:
            self._copy_to_memory()
        elif found is not None:
            self._back_up(found)
        if found is None:
            make(self._sqlite, self.VERSIONS)
        else:
            self._migrate()

    def _version(self) -> str | None:
        tables = self.column("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not tables:
            return None
        if "alembic_version" not in tables:
            raise StateError(
                f"{self.path}: this is some other program's database; set {self.WORDS.setting} to another file"
            )
        return str(self.scalar("SELECT version_num FROM alembic_version"))

    def _copy_to_memory(self) -> None:
        """Show a dry run the older file as its migration will make it, and leave the file itself as it is."""
        source, self._memory = self._sqlite, True
        self._sqlite = self._open()
        with closing(source), suppress(sqlite3.Error):
            source.backup(self._sqlite)

    def copies(self) -> list[Path]:
        """Return the copies beside the file that migrations and restores have made, also those of killed commands.

        No copy that a person has asked for is among them.
        """
        return copies_of(self.path)

    def _back_up(self, version: str) -> None:
        beside = self.path.with_name(f"{self.path.name}.before-{self.NEWEST}-from-{version}")
        beside.touch(mode=0o600, exist_ok=True)
        # An older copy of this name may have been readable by others.
        beside.chmod(0o600)
        with closing(sqlite3.connect(beside)) as target:
            self._sqlite.backup(target)

    def _migrate(self) -> None:
        from syncd.state.migrations.upgrade import upgrade

        upgrade(self._sqlite, self.VERSIONS)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            known = self._error(error)
            if known is None:
                raise
            raise known from None

    def _error(self, error: BaseException | None) -> StateError | None:
        code = primary_code(error)
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            return StateBusy(
                f"{self.path}: the {self.WORDS.noun} cannot be written (no space left, or an I/O error): "
                f"{self.WORDS.full}"
            )
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
            opened = unreadable if self.read_only else unwritable
            return StateError(opened(self.path, self.WORDS))
        return problem(self.path, error, self.WORDS)


BEGUN = r"\.([0-9]+)-[^.]+\.new(\.state)?"
"""Ends the name of a copy that a process is making; the group is its number."""

_KEPT = r"\.before-([0-9]{4}-from-[0-9]{4}|restore-[0-9]{8}T[0-9]{6}(-[0-9]+)?)"


def copies_of(path: Path) -> list[Path]:
    """Return what :meth:`Database.copies` does, of a file that need not be open."""
    found = path.parent.iterdir() if path.parent.is_dir() else ()
    return sorted(each for each in found if is_copy_name(each.name, of=path.name))


def is_copy_name(name: str, *, of: str) -> bool:
    """Return whether syncd calls its own copies of the file ``of`` so: a person may lose a file of this name."""
    # Exactly: a person keeps backups beside the file too, under names that begin alike.
    form = rf"({re.escape(of)}{_KEPT}|\.{re.escape(of)}({_KEPT})?{BEGUN})(-wal|-shm|-journal)?"
    return re.fullmatch(form, name) is not None


class Part:
    """The queries and changes of one subject, made on the database of all parts."""

    def __init__(self, database: Database) -> None:
        self._database = database
