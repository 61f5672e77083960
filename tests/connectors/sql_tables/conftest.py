"""The servers of these tests, one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.worlds.sql_sqlite_file import SqliteFile
from tests.worlds.sql_tables import emptied


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A database without the sink's tables."""
    found: Any = (
        SqliteFile(tmp_path / "phone.db") if request.param == "sqlite" else request.getfixturevalue(request.param)
    )
    emptied(found)
    return found


@pytest.fixture
def pg(postgres: Any) -> Any:
    """A database of PostgreSQL without the sink's tables."""
    emptied(postgres)
    return postgres
