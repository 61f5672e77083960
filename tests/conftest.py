"""What all tests share: compiled modules, and the database servers of the SQL tests.

Each test process has a database of its own on those servers.
"""

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.worlds import sql_servers

# Compiled modules are kept, whatever the shell says: to compile syncd takes each process that a test starts as long
# as all that it does then.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A busy machine is no defect: how long an example takes proves nothing.
settings.register_profile("syncd", deadline=None)
settings.load_profile("syncd")


@pytest.fixture(scope="session")
def postgres() -> Iterator[sql_servers.Postgres]:
    with sql_servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[sql_servers.MariaDb]:
    with sql_servers.mariadb() as server:
        yield server
