"""SQL Server, which knows no read-only transactions: a query is always a part of one SELECT, without a commit."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from connectors.sql_query.rows import RowSnapshot
from connectors.sql_query.snapshot import CONNECT
from connectors.sql_query.statement import Statement


class SqlServer(RowSnapshot):
    """A transaction on SQL Server, which ends without a commit."""

    def begin(self) -> None:
        self._connection = self.connected(
            login_timeout=int(CONNECT), timeout=int(self.access.timeout), appname=self.access.label, autocommit=True
        )
        with self.told.of():
            for statement in opening(self.access.isolation):
                self._connection.cursor().execute(statement)

    def _cursor(self) -> Any:
        return self._connection.cursor()

    def now(self) -> tuple[str, str]:
        style = "CONVERT(varchar(19), {}, 120)"
        clocks = ", ".join(style.format(clock) for clock in ("SYSUTCDATETIME()", "SYSDATETIME()"))
        [found] = self.rows(Statement(f"SELECT {clocks}"))
        return str(found[0]), str(found[1])

    def scanned(self, statement: Statement) -> list[str]:  # noqa: ARG002  (its plans are told on a channel of their own)
        return []

    def cancel(self) -> None:
        self.cancelled.set()
        with suppress(Exception):
            self._connection.cancel()

    def close(self) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.cursor().execute("ROLLBACK TRANSACTION")
        super().close()


def opening(isolation: str) -> list[str]:
    """The statements by which a read of SQL Server begins."""
    level = isolation.replace("_", " ").upper()
    return [f"SET TRANSACTION ISOLATION LEVEL {level}", "SET LOCK_TIMEOUT 30000", "BEGIN TRANSACTION"]
