"""Makes and changes the tables of a database file, with Alembic, if it is not of the newest version.

Alembic and SQLAlchemy take half a second to import, longer than most commands work on a file that is up to date.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event, exc
from sqlalchemy.pool import StaticPool

ENVIRONMENT = Path(__file__).parent
"""Alembic's environment, of every kind of file."""


def upgrade(connection: sqlite3.Connection, versions: Path, version: str = "head") -> None:
    """Bring the tables to ``version``, in one transaction; ``versions`` is the folder of the migrations.

    Raises:
        sqlite3.Error: a statement fails, and nothing was changed.
    """
    config = Config()
    config.set_main_option("script_location", str(ENVIRONMENT))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "os")
    # The engine is not disposed of, since that would close the connection.
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool, hide_parameters=True)
    event.listen(engine, "begin", _begin)
    try:
        with engine.connect() as config.attributes["connection"]:
            command.upgrade(config, version)
            config.attributes["connection"].commit()
    except exc.DatabaseError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise error.orig from None
        raise


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
