"""PostgreSQL: the server writes the rows as CSV (COPY), and Polars parses whole pages of them.

No value becomes a Python object on its way, and the text is what PostgreSQL itself makes of each type.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from connectors.sql_query.snapshot import CONNECT, Column, Page, Snapshot
from connectors.sql_query.statement import Statement

PAGE_BYTES = 16 << 20
"""Bytes of CSV after which a page ends though it has fewer rows than it may."""

TICK = 0.1
"""Seconds after which a wait for the server looks whether the read was cancelled."""

_BOOLEAN, _BYTES, _JSON, _JSONB = 16, 17, 114, 3802

_LEVEL = {
    "snapshot": "REPEATABLE READ, READ ONLY",
    "serializable": "SERIALIZABLE, READ ONLY, DEFERRABLE",
    "read_committed": "READ COMMITTED, READ ONLY",
}

_NOT_UTF8 = "a text is not in UTF-8"


class Postgres(Snapshot):
    """A transaction on a PostgreSQL server."""

    _connection: Any = None

    def begin(self) -> None:
        self._connection = self.connected(
            connect_timeout=int(CONNECT),
            application_name=self.access.label,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            autocommit=True,
        )
        encoding = self._connection.info.parameter_status("server_encoding")
        settings = {
            # A database of SQL_ASCII holds bytes of any encoding; the server would refuse to send them as UTF-8.
            "client_encoding": encoding if encoding == "SQL_ASCII" else "UTF8",
            "DateStyle": "ISO, YMD",
            "IntervalStyle": "postgres",
            "TimeZone": "UTC",
            "bytea_output": "hex",
            "extra_float_digits": "1",
            "default_transaction_read_only": "on",
            "statement_timeout": str(int(self.access.timeout * 1000)),
            "lock_timeout": str(int(self.access.timeout * 1000)),
        }
        with self.told.of():
            zone = self._connection.info.parameter_status("TimeZone")
            for name, value in settings.items():
                self._connection.execute("SELECT set_config(%s, %s, false)", (name, value))
            self._connection.execute(f"BEGIN TRANSACTION ISOLATION LEVEL {_LEVEL[self.access.isolation]}")
            local = "to_char(now() AT TIME ZONE %s, 'YYYY-MM-DD HH24:MI:SS')"
            self._now = self._connection.execute(f"SELECT {local}, {local}", ("UTC", zone)).fetchone()

    def now(self) -> tuple[str, str]:
        utc, local = self._now
        return utc, local

    def columns(self, described: Statement, query: Statement | None = None) -> list[Column]:
        if query is not None:
            self._describe(query, as_it_is=True)
        found = self._describe(described)
        types = self._types({oid for _, oid in found})
        return [_column(name, oid, self._quoted(name), is_array=types.get(oid) == "A") for name, oid in found]

    def _describe(self, statement: Statement, *, as_it_is: bool = False) -> list[tuple[str, int]]:
        """The names and types of a statement's columns. Several statements, or half of one, are refused here."""
        from psycopg import errors, pq

        query = self._literal(statement)
        with self.told.of(query if as_it_is else ""):
            pg = self._connection.pgconn
            for result in (pg.prepare(b"", query.encode()), pg.describe_prepared(b"")):
                if result.status != pq.ExecStatus.COMMAND_OK:
                    raise _raised(errors, result)
            return [(result.fname(place).decode(), result.ftype(place)) for place in range(result.nfields)]

    def _types(self, oids: set[int]) -> dict[int, str]:
        return dict(
            self.rows(Statement("SELECT oid, typcategory FROM pg_type WHERE oid = ANY(:oids)", {"oids": [*oids]}))
        )

    def _quoted(self, name: str) -> str:
        return self.dialect.identifier_preparer.quote(name)

    def _literal(self, statement: Statement) -> str:
        """The statement with its values in it: COPY takes no parameters."""
        from psycopg import ClientCursor

        text, values = self.compiled(statement)
        return ClientCursor(self._connection).mogrify(text, values)

    def rows(self, statement: Statement) -> list[tuple[Any, ...]]:
        text, values = self.compiled(statement)
        with self.told.of():
            found: list[tuple[Any, ...]] = self._connection.execute(text, values).fetchall()
            return found

    def pages(self, statement: Statement, names: Sequence[str], rows: int) -> Iterator[Page]:
        single = len(names) == 1  # of one column, NULL would be a line without anything, which a parser skips
        names = [*names, "\0"] if single else names
        query = self._literal(statement)
        if single:
            query = f"SELECT *, 1 FROM (\n{query}\n) AS syncd_single"
        count = 0
        for lines in self._lines(f"COPY (\n{query}\n) TO STDOUT (FORMAT csv)", rows):
            page = _parsed(lines, names)
            count += page.height
            yield Page(page.frame.drop("\0"), page.bad) if single else page
        if count != self._sent:
            raise self.told.unavailable(f"the server sent {self._sent:,} rows and {count:,} arrived: try again later")

    def _lines(self, copy: str, rows: int) -> Iterator[list[memoryview]]:
        """Yield the rows' lines as they come, each one a row, in lists of bounded size."""
        from psycopg import errors, pq

        with self.told.of():
            pg = self._connection.pgconn
            pg.send_query(copy.encode())
            result = self._result(pg)
            if result.status != pq.ExecStatus.COPY_OUT:
                raise _raised(errors, result)
        ended = False
        while not ended:
            with self.told.of():
                lines, ended = self._page(pg, rows)
            if ended:
                self._sent = self._ended(pg)
            if lines:
                yield lines

    def _page(self, pg: Any, rows: int) -> tuple[list[memoryview], bool]:
        """The next lines, and whether they are the last ones."""
        lines: list[memoryview] = []
        size, get, keep = 0, pg.get_copy_data, lines.append
        while len(lines) < rows and size < PAGE_BYTES:
            got, data = get(1)
            if got > 0:
                keep(data)
                size += got
            elif got == 0:
                self._wait(pg)
            else:
                return lines, True
        return lines, False

    def _ended(self, pg: Any) -> int:
        """How many rows the server says it has sent, once it has sent all."""
        from psycopg import errors, pq

        with self.told.of():
            result = self._result(pg)
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise _raised(errors, result)
            while pg.get_result() is not None:
                pass
            return int(result.command_tuples or 0)

    def _result(self, pg: Any) -> Any:
        while pg.flush():
            self._wait(pg)
        while pg.is_busy():
            self._wait(pg)
        return pg.get_result()

    def _wait(self, pg: Any) -> None:
        """Wait for the server's next bytes, no longer than a statement may take."""
        until = time.monotonic() + self.access.timeout + CONNECT
        while not select.select([pg.socket], [], [], TICK)[0]:
            self.halt()
            if time.monotonic() > until:
                raise self.told.unavailable("the server does not answer any more: try again later")
        pg.consume_input()

    def scanned(self, statement: Statement) -> list[str]:
        explain = f"EXPLAIN (FORMAT JSON) {self._literal(statement)}"
        with self.told.of():
            self._connection.execute("SET LOCAL enable_seqscan = off")  # a small table is scanned all the same
            [[[plan]]] = self._connection.execute(explain).fetchall()
        return sorted(set(_sequential(plan["Plan"])))

    def cancel(self) -> None:
        self.cancelled.set()
        if self._connection is not None and not self._connection.closed:
            self._connection.cancel_safe(timeout=CONNECT)

    def close(self) -> None:
        if self._connection is None:
            return
        from psycopg import pq

        if self._connection.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
            self._connection.pgconn.get_cancel().cancel()
        self._connection.close()


def _column(name: str, oid: int, quoted: str, *, is_array: bool) -> Column:
    if oid == _BOOLEAN:
        return Column(name, f"{quoted}::text AS {quoted}")
    if oid == _BYTES:
        return Column(name, f"encode({quoted}, 'hex') AS {quoted}")
    if is_array:
        return Column(name, f"array_to_string({quoted}, '; ') AS {quoted}")
    return Column(name, quoted, is_json=oid in {_JSON, _JSONB})


def _parsed(lines: Sequence[bytes | memoryview], names: Sequence[str]) -> Page:
    """The rows of CSV lines: an empty field is null, a quoted empty one is an empty text."""
    bad: list[tuple[int, str]] = []
    data = b"".join(lines)
    try:
        frame = _csv(data, names)
    except pl.exceptions.PolarsError:
        bad = [(place, _NOT_UTF8) for place, line in enumerate(lines) if not _is_utf8(line)]
        wrong = {place for place, _ in bad}
        frame = _csv(b"".join(line for place, line in enumerate(lines) if place not in wrong), names)
    return Page(frame, bad)


def _csv(data: bytes, names: Sequence[str]) -> pl.DataFrame:
    schema = dict.fromkeys(names, pl.String)
    if not data:
        return pl.DataFrame(schema=schema)
    return pl.read_csv(data, has_header=False, schema=schema)


def _is_utf8(line: bytes | memoryview) -> bool:
    try:
        bytes(line).decode()
    except UnicodeDecodeError:
        return False
    return True


def _raised(errors: Any, result: Any) -> Exception:
    """The exception that psycopg has for a result."""
    found: Exception = errors.error_from_result(result, encoding="utf-8")
    return found


def _sequential(node: dict[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for inner in node.get("Plans", ()):
        yield from _sequential(inner)
