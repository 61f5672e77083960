"""Read MariaDB and MySQL: the values are the texts that the server sends."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from connectors.sql_query.cursor_type import Family
from connectors.sql_query.rows import RowSnapshot
from connectors.sql_query.snapshot import CONNECT_TIMEOUT
from connectors.sql_query.statement import Statement

TEXT_WAS_CUT = 1260
"""The number of the server's warning that GROUP_CONCAT has cut a text."""


class MySql(RowSnapshot):
    """A transaction on a MariaDB or MySQL server."""

    def begin(self) -> None:
        from pymysql.constants import FIELD_TYPE
        from pymysql.converters import conversions

        # PyMySQL's converters for reading are left out: the text of their Python objects is not the server's text.
        writing = {kind: convert for kind, convert in conversions.items() if isinstance(kind, type)}
        reading = {FIELD_TYPE.BIT: _bits}
        self._connection = self.connect(
            charset="utf8mb4",
            conv={**writing, **reading},
            connect_timeout=int(CONNECT_TIMEOUT),
            # Longer than the server's own timeout, whose error is clearer than a lost connection.
            read_timeout=self.access.timeout + CONNECT_TIMEOUT,
            write_timeout=CONNECT_TIMEOUT,
            program_name=self.access.session,
        )
        with self.errors.translated(), self._connection.cursor() as cursor:
            self._set_up(cursor)

    def _set_up(self, cursor: Any) -> None:
        cursor.execute("SELECT VERSION(), CONNECTION_ID(), UTC_TIMESTAMP(), NOW()")
        version, self._thread, utc, local = cursor.fetchone()
        self._now = str(utc), str(local)
        slow = "max_statement_time = %s" if "MariaDB" in version else "max_execution_time = %s * 1000"
        level = {"snapshot": "REPEATABLE READ"}.get(self.access.isolation, self.access.isolation.replace("_", " "))
        snapshot = "WITH CONSISTENT SNAPSHOT, " if self.access.isolation == "snapshot" else ""
        cursor.execute(f"SET SESSION {slow}", (self.access.timeout,))
        # GROUP_CONCAT cuts longer texts with a mere warning; MySQL's default is 1,024 bytes.
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

    def _family_of(self, described: Any) -> Family:
        from pymysql.constants import FIELD_TYPE as OF

        kind = described[1]
        # The session's zone is UTC, and so is the text of a TIMESTAMP; a DATETIME is what somebody wrote.
        families: dict[int, Family] = {OF.TIMESTAMP: "zoned", OF.DATETIME: "timestamp", OF.DATE: "date"}
        numbers = (OF.TINY, OF.SHORT, OF.INT24, OF.LONG, OF.LONGLONG, OF.FLOAT, OF.DOUBLE, OF.DECIMAL, OF.NEWDECIMAL)
        texts = (OF.VARCHAR, OF.VAR_STRING, OF.STRING, OF.TINY_BLOB, OF.BLOB, OF.MEDIUM_BLOB, OF.LONG_BLOB)
        if kind in numbers:
            return "number"
        return "text" if kind in texts else families.get(kind, "other")

    def now(self) -> tuple[str, str]:
        return self._now

    def _check_warnings(self, cursor: Any) -> None:
        if cursor.warning_count:
            with self._connection.cursor() as warnings:
                warnings.execute("SHOW WARNINGS")
                was_cut = any(int(row[1]) == TEXT_WAS_CUT for row in warnings.fetchall())
            if was_cut:
                raise self.errors.invalid("GROUP_CONCAT has cut a text of more than 1 MiB: let it join less text")

    def _end(self, cursor: Any) -> None:
        result = self._connection._result  # noqa: SLF001  (the only place that tells whether rows are left)
        if result is None or not result.unbuffered_active:
            cursor.close()
            return
        # Closing the cursor reads all rows that are left, so ask the server first to stop sending them.
        self._kill_query()
        try:
            cursor.close()
        except Exception:  # noqa: BLE001  (the connection is lost, and the garbage collector must not read on either)
            result.unbuffered_active = False
            cursor.connection = None

    def _kill_query(self) -> None:
        # A second connection, since the first one is busy with its statement.
        with suppress(Exception):
            other = self.connect(connect_timeout=int(CONNECT_TIMEOUT), read_timeout=CONNECT_TIMEOUT)
            with other.cursor() as cursor:
                cursor.execute(f"KILL QUERY {int(self._thread)}")
            other.close()

    def scanned(self, statement: Statement) -> list[str]:
        # These are the columns of MariaDB. MySQL 5.7 and newer have two more, so that nothing is found there.
        found = self.rows(Statement(f"EXPLAIN {statement.text}", statement.values))
        named = [(str(row[2]), row[-7], row[-6]) for row in found]
        return sorted(
            {table for table, how, keys in named if how in {"ALL", "index"} and keys is None and table[0] != "<"}
        )

    def cancel(self) -> None:
        super().cancel()
        if self._connection is not None and self._connection.open:
            self._kill_query()


def _bits(value: bytes) -> str:
    return str(int.from_bytes(value, "big"))
