"""Read SQL Server, which has no read-only transactions: a query is always part of one SELECT, without a commit."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from connectors.sql_query.cursor_type import Family
from connectors.sql_query.rows import RowSnapshot
from connectors.sql_query.snapshot import CONNECT_TIMEOUT
from connectors.sql_query.statement import Statement


class SqlServer(RowSnapshot):
    """A transaction on SQL Server, which ends without a commit."""

    def begin(self) -> None:
        # Autocommit, or pymssql would begin a transaction of its own, before the isolation level is set.
        timeouts = {"login_timeout": int(CONNECT_TIMEOUT), "timeout": int(self.access.timeout)}
        self._connection = self.connect(**timeouts, appname=self.access.session, autocommit=True)
        with self.errors.translated():
            for statement in opening_statements(self.access.isolation):
                self._connection.cursor().execute(statement)

    def _cursor(self) -> Any:
        return self._connection.cursor()

    def _family_of(self, described: Any) -> Family:
        import pymssql

        # The driver's names of types are few: it brings a date as a DATETIME or, from old servers, as a text.
        if described[1] == pymssql.NUMBER or described[1] == pymssql.DECIMAL:
            return "number"
        return "binary" if described[1] == pymssql.BINARY else ""

    def now(self) -> tuple[str, str]:
        # Style 120 is ISO 8601; without a style the text would depend on the language of the login.
        style = "CONVERT(varchar(19), {}, 120)"
        clocks = ", ".join(style.format(clock) for clock in ("SYSUTCDATETIME()", "SYSDATETIME()"))
        [found] = self.rows(Statement(f"SELECT {clocks}"))
        return str(found[0]), str(found[1])

    def scanned(self, statement: Statement) -> list[str]:  # noqa: ARG002  (a plan needs SHOWPLAN, a mode of the session)
        return []

    def cancel(self) -> None:
        super().cancel()
        with suppress(Exception):
            self._connection.cancel()

    def close(self) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.cursor().execute("ROLLBACK TRANSACTION")
        super().close()


def opening_statements(isolation: str) -> list[str]:
    """Return the statements that begin a read of SQL Server."""
    level = isolation.replace("_", " ").upper()
    return [f"SET TRANSACTION ISOLATION LEVEL {level}", "SET LOCK_TIMEOUT 30000", "BEGIN TRANSACTION"]
