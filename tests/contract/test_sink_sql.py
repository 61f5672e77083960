"""The contract over the tables of PostgreSQL, MariaDB and SQLite."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from syncd.sink import Sink
from tests.contract.sinks import Fields, SinkContract, SinkWorld
from tests.worlds.frozen_server import FrozenServer
from tests.worlds.sql_servers import MariaDb, Postgres
from tests.worlds.sql_sqlite_file import SqliteFile
from tests.worlds.sql_tables import TABLES, cleared, records_in, sink_on


class ServerPlace:
    """A server behind a proxy that can freeze and go away."""

    def __init__(self, server: Postgres | MariaDb, proxy: FrozenServer) -> None:
        self.server, self.proxy = server, proxy
        self.url = server.url.replace(f":{server.port}", f":{proxy.port}") + "?sslmode=disable"
        cleared(server)

    def sink(self) -> Sink:
        return sink_on(self.url)

    def records(self) -> Sequence[tuple[str, Fields]]:
        return records_in(self.server)

    def contacts_of(self, identity: str) -> Sequence[str]:
        raise NotImplementedError

    def contact(self) -> str:
        raise NotImplementedError

    def break_down(self) -> None:
        self.proxy.__exit__(None, None, None)

    @contextmanager
    def _frozen(self) -> Iterator[threading.Event]:
        self.proxy.freeze_at(b"FROM STDIN" if self.server.kind == "postgresql" else b"ON DUPLICATE")
        yield self.proxy.frozen

    def stalled(self) -> AbstractContextManager[threading.Event] | None:
        return self._frozen()


class FilePlace:
    """A SQLite file in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.file = SqliteFile(folder / "phone.db")

    def sink(self) -> Sink:
        return sink_on(self.file.url)

    def records(self) -> Sequence[tuple[str, Fields]]:
        return records_in(self.file) if self.file.path.exists() else []

    def contacts_of(self, identity: str) -> Sequence[str]:
        raise NotImplementedError

    def contact(self) -> str:
        raise NotImplementedError

    def break_down(self) -> None:
        shutil.rmtree(self.folder)

    @contextmanager
    def _locked(self) -> Iterator[threading.Event]:
        waiting = threading.Event()
        with closing(sqlite3.connect(self.file.path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            # A cancel ends the delivery also if it has not come to the lock yet.
            waiting.set()
            yield waiting

    def stalled(self) -> AbstractContextManager[threading.Event] | None:
        return self._locked()


class TestOnPostgres(SinkContract):
    @pytest.fixture
    def world(self, postgres: Postgres) -> Iterator[SinkWorld]:
        with FrozenServer(postgres.port, b"\0 nobody sends this") as proxy:
            yield ServerPlace(postgres, proxy)


class TestOnMariaDb(SinkContract):
    @pytest.fixture
    def world(self, mariadb: MariaDb) -> Iterator[SinkWorld]:
        with FrozenServer(mariadb.port, b"\0 nobody sends this") as proxy:
            yield ServerPlace(mariadb, proxy)


class TestOnSqlite(SinkContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> SinkWorld:
        return FilePlace(tmp_path / "disk")


def test_the_tables_of_the_contract_are_those_of_the_sink() -> None:
    assert len(TABLES) == 5
