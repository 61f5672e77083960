"""Read MariaDB and MySQL: the values are the texts that the server sends."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from connectors.sql_query.cursor_order import Family
from connectors.sql_query.rows import RowSnapshot
from connectors.sql_query.snapshot import CANCEL_SECONDS, CONNECT_TIMEOUT
from connectors.sql_query.statement import Statement

TLS_FILES = ("ssl_ca", "ssl_cert", "ssl_key", "ssl_key_password")
"""The options of the URL that name certificates and keys."""

KILL_SECONDS = 5
"""Seconds that a server has to end the query of a reader who wants no more rows."""

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
        cursor.execute("SELECT VERSION(), UTC_TIMESTAMP(), NOW()")
        version, utc, local = cursor.fetchone()
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
        if not self.cancelled.is_set():
            self._kill("QUERY", KILL_SECONDS)
        try:
            cursor.close()
        except Exception:  # noqa: BLE001  (the connection is lost, and the garbage collector must not read on either)
            result.unbuffered_active = False
            cursor.connection = None

    def _kill(self, what: str, seconds: float) -> None:
        from pymysql import connect

        # A second connection, since the first one is busy with its statement.
        with suppress(Exception):
            other = connect(**self._arguments(), connect_timeout=seconds, read_timeout=seconds)
            with other.cursor() as cursor:
                cursor.execute(f"KILL {what} {int(self._connection.thread_id())}")
            other.close()

    def scanned(self, statement: Statement) -> list[str]:
        # These are the columns of MariaDB. MySQL 5.7 and newer have two more, so that nothing is found there.
        found = self.rows(Statement(f"EXPLAIN {statement.text}", statement.values))
        named = [(str(row[2]), row[-7], row[-6]) for row in found]
        return sorted(
            {table for table, how, keys in named if how in {"ALL", "index"} and keys is None and table[0] != "<"}
        )

    def _ask_to_stop(self) -> None:
        # Not the query alone: between two statements there is none, and the next one would go on for ever.
        self._kill("CONNECTION", CANCEL_SECONDS)

    def _descriptor(self) -> int | None:
        return int(self._connection._sock.fileno())  # noqa: SLF001  (the driver has no other way to it)

    def _arguments(self) -> dict[str, Any]:
        url = self.access.url
        options = {name: str(value) for name, value in url.query.items()}
        files = {name: options.pop(name) for name in TLS_FILES if name in options}
        return {
            "host": url.host,
            "port": url.port or 0,
            "user": url.username,
            # The driver would write a text in Latin-1, and the server compares UTF-8.
            "password": (url.password or "").encode(),
            "database": url.database,
            "charset": "utf8mb4",
            **self._encryption(options.pop("sslmode", None), files),
            **options,
        }

    def _encryption(self, mode: str | None, files: Mapping[str, str]) -> dict[str, Any]:
        """Return the driver's arguments for a mode of TLS_MODES; ``files``: the values of TLS_FILES."""
        # Who names a certificate wants it to be used.
        mode = mode or ("verify-full" if "ssl_ca" in files else "require" if files else "prefer")
        if mode in {"disable", "prefer"}:
            return {"ssl_disabled": True} if mode == "disable" else {}
        if mode == "require" and "ssl_ca" in files:
            mode = "verify-ca"
        authority, own = files.get("ssl_ca"), files.get("ssl_cert")
        for name, path in (("ssl_ca", authority), ("ssl_cert", own), ("ssl_key", files.get("ssl_key"))):
            if path and not os.access(path, os.R_OK):
                raise self.errors.invalid(f"{name}: the file {path} cannot be read: check the path")
        try:
            context = ssl.create_default_context(cafile=authority)
            if own:
                context.load_cert_chain(own, files.get("ssl_key"), files.get("ssl_key_password"))
        except OSError:
            raise self.errors.invalid("ssl_ca, ssl_cert or ssl_key: the file holds no certificate, or no key") from None
        # The certificates that MariaDB and MySQL make for themselves are not that strict.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = mode == "verify-full"
        context.verify_mode = ssl.CERT_REQUIRED if mode.startswith("verify") else ssl.CERT_NONE
        return {"ssl": context}


def _bits(value: bytes) -> str:
    return str(int.from_bytes(value, "big"))
