"""One statement for many rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection

ROWS = 100
"""So many rows go into one statement; SQLite takes 32,766 values."""


def in_bulk(connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Carry out ``statement`` for ``rows``, all of one length, whose values take the place of ``{rows}`` in it.

    While SQLite is at work other threads are; with a call for each row they would have to take turns with it.
    """
    one = f"({', '.join('?' * len(rows[0]))})" if rows else ""
    for start in range(0, len(rows), ROWS):
        page = rows[start : start + ROWS]
        text = statement.replace("{rows}", ", ".join([one] * len(page)))
        connection.exec_driver_sql(text, tuple(chain.from_iterable(page)))
