"""SQL sources on the test servers, and how a test reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors.sql_query.connector import SqlQuery
from connectors.sql_query.options import SqlOptions
from syncd.source import End, Needs
from tests.contract.suite import drain, rows_of

NOW = 1_800_000_000.0


def source(
    server: Any,
    query: str | None = None,
    *,
    key: tuple[str, ...] = ("id",),
    clock: Callable[[], float] | None = None,
    **more: Any,
) -> SqlQuery:
    """Return a connector of the server: of a query, or of other options; without a server, these name a URL."""
    options = {**({"url": server.url} if server else {}), **({"query": query} if query else {}), **more}
    return SqlQuery("people", SqlOptions(**options), Needs(key), clock=clock or (lambda: NOW))


def read(connector: SqlQuery, cursor: str | None = None) -> tuple[list[dict[str, str]], End]:
    """Read everything; return all rows and the end of the read."""
    pages, end = drain(connector, cursor)
    return rows_of(pages), end


def values(server: Any, expressions: str, **more: Any) -> list[str | None]:
    """Return the texts of one row with these SQL expressions."""
    [row], _ = read(source(server, f"SELECT {expressions}", key=(), **more))
    return list(row.values())
