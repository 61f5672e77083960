"""Read SQL Server, which has no read-only transactions: a query is always part of one SELECT, without a commit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from connectors.sql_query.cursor_order import Family
from connectors.sql_query.rows import RowSnapshot
from connectors.sql_query.snapshot import CONNECT_TIMEOUT
from connectors.sql_query.statement import Statement

T = TypeVar("T")


class SqlServer(RowSnapshot):
    """A transaction on SQL Server, which ends without a commit."""

    def begin(self) -> None:
        # Autocommit, or pymssql would begin a transaction of its own, before the isolation level is set.
        timeouts = {"login_timeout": int(CONNECT_TIMEOUT), "timeout": int(self.access.timeout)}
        self._connection = self.connect(**timeouts, appname=self.access.session, autocommit=True)
        with self.errors.translated():
            for statement in opening_statements(self.access.isolation):
                self._call(partial(self._connection.cursor().execute, statement))

    def _cursor(self) -> Any:
        return self._connection.cursor()

    def _family_of(self, described: Any) -> Family:
        driver: Any = self.dialect.loaded_dbapi
        # The driver's names of types are few: it brings a date as a DATETIME or, from old servers, as a text.
        if any(described[1] == kind for kind in (driver.NUMBER, driver.DECIMAL)):
            return "number"
        return "binary" if described[1] == driver.BINARY else ""

    def now(self) -> tuple[str, str]:
        # Style 120 is ISO 8601; without a style the text would depend on the language of the login.
        style = "CONVERT(varchar(19), {}, 120)"
        clocks = ", ".join(style.format(clock) for clock in ("SYSUTCDATETIME()", "SYSDATETIME()"))
        [found] = self.rows(Statement(f"SELECT {clocks}"))
        return str(found[0]), str(found[1])

    def scanned(self, statement: Statement) -> list[str]:  # noqa: ARG002  (a plan needs SHOWPLAN, a mode of the session)
        return []

    def _call(self, work: Callable[[], T]) -> T:
        # The driver has no socket that could be cut, so a stop leaves it waiting in its own thread.
        return self.interruptible(work, self.access.timeout + CONNECT_TIMEOUT)

    def _arguments(self) -> dict[str, Any]:
        found = super()._arguments()
        return {**found, "read_only": True} if "read_only" in found else found

    def _ask_to_stop(self) -> None:
        with suppress(Exception):
            self._connection.cancel()

    def close(self) -> None:
        # After a stop another thread may still be in the driver, which would not survive this.
        if self._connection is not None and not self.cancelled.is_set():
            with suppress(Exception):
                self._connection.cursor().execute("ROLLBACK TRANSACTION")
            super().close()


def opening_statements(isolation: str) -> list[str]:
    """Return the statements that begin a read of SQL Server."""
    level = isolation.replace("_", " ").upper()
    return [f"SET TRANSACTION ISOLATION LEVEL {level}", "SET LOCK_TIMEOUT 30000", "BEGIN TRANSACTION"]
