"""MariaDB and MySQL: the values come as the text that the server makes of them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from connectors.sql_query.rows import RowSnapshot
from connectors.sql_query.snapshot import CONNECT
from connectors.sql_query.statement import Statement

CUT = 1260
"""MySQL's warning that GROUP_CONCAT has cut a text."""


class MySql(RowSnapshot):
    """A transaction on a MariaDB or MySQL server."""

    def begin(self) -> None:
        from pymysql.constants import FIELD_TYPE
        from pymysql.converters import conversions

        writing = {kind: convert for kind, convert in conversions.items() if isinstance(kind, type)}
        reading = {FIELD_TYPE.BIT: _bits}
        self._connection = self.connected(
            charset="utf8mb4",
            conv={**writing, **reading},
            connect_timeout=int(CONNECT),
            read_timeout=self.access.timeout + CONNECT,
            write_timeout=CONNECT,
            program_name=self.access.label,
        )
        with self.told.of(), self._connection.cursor() as cursor:
            self._set_up(cursor)

    def _set_up(self, cursor: Any) -> None:
        cursor.execute("SELECT VERSION(), CONNECTION_ID(), UTC_TIMESTAMP(), NOW()")
        version, self._thread, utc, local = cursor.fetchone()
        self._now = str(utc), str(local)
        slow = "max_statement_time = %s" if "MariaDB" in version else "max_execution_time = %s * 1000"
        level = {"snapshot": "REPEATABLE READ"}.get(self.access.isolation, self.access.isolation.replace("_", " "))
        snapshot = "WITH CONSISTENT SNAPSHOT, " if self.access.isolation == "snapshot" else ""
        cursor.execute(f"SET SESSION {slow}", (self.access.timeout,))
        # GROUP_CONCAT cuts what is longer, with a mere warning; MySQL's default is 1,024 bytes.
        cursor.execute(
            "SET SESSION group_concat_max_len = 1048576, time_zone = '+00:00', lock_wait_timeout = %s", (30,)
        )
        cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
        cursor.execute(f"START TRANSACTION {snapshot}READ ONLY")

    def _cursor(self) -> Any:
        from pymysql.cursors import SSCursor

        return SSCursor(self._connection)

    def _is_json(self, type_code: Any) -> bool:
        from pymysql.constants import FIELD_TYPE

        return bool(type_code == FIELD_TYPE.JSON)

    def now(self) -> tuple[str, str]:
        return self._now

    def _finished(self, cursor: Any) -> None:
        if cursor.warning_count:
            with self._connection.cursor() as warnings:
                warnings.execute("SHOW WARNINGS")
                cut = any(int(row[1]) == CUT for row in warnings.fetchall())
            if cut:
                raise self.told.invalid("GROUP_CONCAT has cut a text of more than 1 MiB: have it join less")

    def _end(self, cursor: Any) -> None:
        """Closing a cursor reads all its rows, so the server is asked first to send no more of them."""
        result = self._connection._result  # noqa: SLF001  (what tells whether rows are left)
        if result is None or not result.unbuffered_active:
            cursor.close()
            return
        self._kill()
        try:
            cursor.close()
        except Exception:  # noqa: BLE001  (the connection is lost, and what is left of it must not be read on either)
            result.unbuffered_active = False
            cursor.connection = None

    def _kill(self) -> None:
        with suppress(Exception):
            other = self.connected(connect_timeout=int(CONNECT), read_timeout=CONNECT)
            with other.cursor() as cursor:
                cursor.execute(f"KILL QUERY {int(self._thread)}")
            other.close()

    def scanned(self, statement: Statement) -> list[str]:
        found = self.rows(Statement(f"EXPLAIN {statement.text}", statement.values))
        named = [(str(row[2]), row[-7], row[-6]) for row in found]
        return sorted(
            {table for table, how, keys in named if how in {"ALL", "index"} and keys is None and table[0] != "<"}
        )

    def cancel(self) -> None:
        self.cancelled.set()
        if self._connection is not None and self._connection.open:
            self._kill()


def _bits(value: bytes) -> str:
    return str(int.from_bytes(value, "big"))
