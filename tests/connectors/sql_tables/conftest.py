"""The servers of these tests, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.worlds.sql_sqlite_file import SqliteFile
from tests.worlds.sql_tables import emptied


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A database without the sink's tables, before and after a test: it may change them."""
    found: Any = (
        SqliteFile(tmp_path / "phone.db") if request.param == "sqlite" else request.getfixturevalue(request.param)
    )
    emptied(found)
    yield found
    emptied(found)


@pytest.fixture
def pg(postgres: Any) -> Iterator[Any]:
    """A database of PostgreSQL without the sink's tables, before and after a test."""
    emptied(postgres)
    yield postgres
    emptied(postgres)
