"""The database servers of the SQL tests.

``SYNCD_TEST_POSTGRES`` and ``SYNCD_TEST_MARIADB`` may hold the URLs of servers. Without a URL, the tests use a server
on the usual port of this machine, or else start a server from the installed programs. If there are no programs
either, the tests are skipped; with ``SYNCD_TEST_SERVERS=required`` they fail instead.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from tests.worlds.patience import PATIENCE
from tests.worlds.ports import free_port


class Postgres:
    """A PostgreSQL server with a database that belongs to the tests."""

    kind = "postgresql"

    commits = "off"

    def __init__(self, host: str, port: int, user: str) -> None:
        self.host, self.port, self.user = host, port, user
        # Several test processes share a server, so each needs a database of its own.
        self.database = f"syncd_test_{os.getpid()}_{time.monotonic_ns() % 10**6}"

    @property
    def url(self) -> str:
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"

    def connected(self, database: str | None = None) -> psycopg.Connection[Any]:
        where: Any = {"host": self.host, "port": self.port, "user": self.user, "connect_timeout": 5}
        return psycopg.connect(dbname=database or self.database, autocommit=True, **where)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements and return the rows of the last one."""
        with self.connected() as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        with self.connected() as connection:
            connection.cursor().executemany(statement, rows)

    def create(self) -> None:
        with self.connected("postgres") as connection:
            connection.execute(f"CREATE DATABASE {self.database} TEMPLATE template0 ENCODING 'UTF8'")
            # A commit that waits for the disk is most of a test's time, and matters only where a test kills the server.
            connection.execute(f"ALTER DATABASE {self.database} SET synchronous_commit = {self.commits}")

    def drop(self) -> None:
        with suppress(psycopg.OperationalError), self.connected("postgres") as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")


class MariaDb:
    """A MariaDB (or MySQL) server with a database that belongs to the tests."""

    kind = "mysql"

    def __init__(self, host: str, port: int, user: str) -> None:
        self.host, self.port, self.user = host, port, user
        self.database = f"syncd_test_{os.getpid()}_{time.monotonic_ns() % 10**6}"

    @property
    def url(self) -> str:
        return f"mariadb://{self.user}@{self.host}:{self.port}/{self.database}"

    def connected(self, database: str | None = None) -> Any:
        where: Any = {"host": self.host, "port": self.port, "user": self.user, "connect_timeout": 5}
        return pymysql.connect(database=database or self.database, autocommit=True, charset="utf8mb4", **where)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements and return the rows of the last one."""
        connection = self.connected()
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        connection = self.connected()
        with connection.cursor() as cursor:
            cursor.executemany(statement, rows)
        connection.close()

    def create(self) -> None:
        connection = self.connected("mysql")
        connection.query(f"CREATE DATABASE {self.database} CHARACTER SET utf8mb4")
        connection.close()

    def drop(self) -> None:
        with suppress(pymysql.Error):
            connection = self.connected("mysql")
            connection.query(f"DROP DATABASE IF EXISTS {self.database}")
            connection.close()


def absent(what: str) -> None:
    """Skip the test, or fail it if servers are required."""
    if os.environ.get("SYNCD_TEST_SERVERS") == "required":
        pytest.fail(f"{what} is required here and cannot be had")
    pytest.skip(f"no {what}: none answers on its port, and its programs are not installed")


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=PATIENCE):
        return True
    return False


def programs(name: str) -> Path | None:
    """Return the folder of PostgreSQL's programs, or None."""
    found = shutil.which(name)
    places = (
        [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    )
    return next((place for place in places if (place / name).exists()), None)


def _as(user: str) -> dict[str, Any]:
    """Return the arguments of ``Popen`` that start a server as ``user``, if this process runs as root."""
    # Database servers refuse to run as root.
    if os.geteuid() != 0:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


@contextmanager
def _folder(user: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="syncdtest", ignore_cleanup_errors=True) as name:
        if os.geteuid() == 0:
            shutil.chown(name, user)
        yield Path(name)


class Killable(Postgres):
    """A server that the tests may kill and start again."""

    commits = "on"

    def __init__(self, programs_: Path, folder: Path) -> None:
        super().__init__("127.0.0.1", free_port(), "postgres")
        self._programs, self._folder = programs_, folder
        self._quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        self._quiet |= _as("postgres")
        make = ["initdb", "-D", "data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run([programs_ / make[0], *make[1:]], check=True, **self._quiet)
        self.data = folder / "data"
        self.start()

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        options = ["-p", str(self.port), "-k", str(self._folder), "-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"]
        command: list[Any] = [self._programs / "postgres", "-D", self._folder / "data", *options]
        self._process = subprocess.Popen(command, **self._quiet)
        _wait(self)

    def kill(self) -> None:
        """Kill the server as a power cut would: the process that accepts connections, and its children."""
        # A child goes on with its query for a while after its parent has died, which a power cut does not allow.
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in [pid, *map(int, children)]:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()


@contextmanager
def started_postgres() -> Iterator[Killable]:
    """Start a PostgreSQL server from the installed programs for the time of the block."""
    found = programs("initdb")
    if found is None:
        absent("PostgreSQL's programs")
    assert found is not None
    with _folder("postgres") as folder:
        server = Killable(found, folder)
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def started_mariadb(*more: str) -> Iterator[MariaDb]:
    """Start a MariaDB server from the installed programs for the time of the block; ``more``: its options."""
    daemon, install = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    if daemon is None or install is None:
        absent("MariaDB")
    with _folder("mysql") as folder:
        data, port = folder / "data", free_port()
        quiet: dict[str, Any] = {
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
            "cwd": folder,
            **_as("mysql"),
        }
        subprocess.run(
            [
                str(install),
                "--no-defaults",
                f"--datadir={data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            check=True,
            **quiet,
        )
        options = [
            "--no-defaults",
            f"--datadir={data}",
            f"--socket={folder}/s",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            *more,
        ]
        with subprocess.Popen([str(daemon), *options], **quiet) as process:
            try:
                server = MariaDb("127.0.0.1", port, "root")
                _wait(server)
                yield server
            finally:
                process.terminate()


def _wait(server: Postgres | MariaDb) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            server.connected("postgres" if isinstance(server, Postgres) else "mysql").close()
        except (psycopg.OperationalError, pymysql.OperationalError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def authorities_read_once() -> Iterator[None]:
    """Keep this machine's certificates, which MariaDB's driver reads for each connection: that takes most of a test."""
    driver: Any = pymysql.connections.Connection
    made = driver._create_ssl_ctx
    usual = cache(lambda: made(None, {}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "_create_ssl_ctx", lambda self, given: usual() if given == {} else made(self, given))
        yield


@contextmanager
def owned(server: Postgres | MariaDb) -> Iterator[Any]:
    """Yield the server with a database of its own, and drop the database afterwards."""
    server.create()
    try:
        yield server
    finally:
        server.drop()


def _place_of(name: str, default_port: int, user: str) -> tuple[str, int, str] | None:
    """Return host, port and user of the server that the environment names or that answers here, or None."""
    url = os.environ.get(name)
    if url:
        from sqlalchemy.engine import make_url

        found = make_url(url)
        return found.host or "127.0.0.1", found.port or default_port, found.username or user
    return ("127.0.0.1", default_port, user) if answers(default_port) else None


@contextmanager
def postgres() -> Iterator[Postgres]:
    place = _place_of("SYNCD_TEST_POSTGRES", 5432, "postgres")
    if place:
        with owned(Postgres(*place)) as server:
            yield server
        return
    with started_postgres() as started, owned(started) as server:
        yield server


@contextmanager
def mariadb() -> Iterator[MariaDb]:
    place = _place_of("SYNCD_TEST_MARIADB", 3306, "root")
    if place:
        with owned(MariaDb(*place)) as server:
            yield server
        return
    with started_mariadb() as started, owned(started) as server:
        yield server
