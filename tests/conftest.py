"""The database servers of the SQL tests, each with a database of this process's own."""

from collections.abc import Iterator

import pytest

from tests.connectors import sql_servers


@pytest.fixture(scope="session")
def postgres() -> Iterator[sql_servers.Postgres]:
    with sql_servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[sql_servers.MariaDb]:
    with sql_servers.mariadb() as server:
        yield server
