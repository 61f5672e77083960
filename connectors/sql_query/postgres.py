"""Read PostgreSQL: the server writes the rows as CSV (COPY), and Polars parses whole pages of them.

No value becomes a Python object, and the text of each value is PostgreSQL's own.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import polars as pl

from connectors.sql_query.cursor_order import Family
from connectors.sql_query.query_text import quoted
from connectors.sql_query.snapshot import CANCEL_SECONDS, CONNECT_TIMEOUT, POLL_SECONDS, Access, Column, Page, Snapshot
from connectors.sql_query.statement import Statement
from connectors.sql_query.text import LIST_SEPARATOR

PAGE_BYTES = 16 << 20
"""Bytes of CSV after which a page ends even if it could have more rows."""

_FAMILIES: dict[int, Family] = {
    1184: "zoned",
    1114: "timestamp",
    1082: "date",
    **dict.fromkeys((20, 21, 23, 700, 701, 1700), "number"),
    **dict.fromkeys((19, 25, 1042, 1043), "text"),
    17: "binary",
}
"""What the types (oid) that can be a cursor are."""

_BOOLEAN, _BYTES, _JSON, _JSONB = 16, 17, 114, 3802

_LEVEL = {
    "snapshot": "REPEATABLE READ, READ ONLY",
    "serializable": "SERIALIZABLE, READ ONLY, DEFERRABLE",
    "read_committed": "READ COMMITTED, READ ONLY",
}

_NOT_UTF8 = "a text is not in UTF-8"


class Postgres(Snapshot):
    """A transaction on a PostgreSQL server."""

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._closed = threading.Event()

    def begin(self) -> None:
        self._connection = self.connect(
            connect_timeout=int(CONNECT_TIMEOUT),
            application_name=self.access.session,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            autocommit=True,
        )
        encoding = self._connection.info.parameter_status("server_encoding")
        settings = {
            # A SQL_ASCII database holds bytes of any encoding, and the server would refuse to send them as UTF-8.
            "client_encoding": encoding if encoding == "SQL_ASCII" else "UTF8",
            # A user or a database may have other defaults, which would change the text of the same value.
            "DateStyle": "ISO, YMD",
            "IntervalStyle": "postgres",
            "TimeZone": "UTC",
            "bytea_output": "hex",
            "extra_float_digits": "1",
            "default_transaction_read_only": "on",
            "statement_timeout": str(int(self.access.timeout * 1000)),
            "lock_timeout": str(int(self.access.timeout * 1000)),
        }
        with self.errors.translated():
            # The zone of the server is asked for before it is set to UTC; now() wants the time in both.
            zone = self._connection.info.parameter_status("TimeZone")
            for name, value in settings.items():
                self._connection.execute("SELECT set_config(%s, %s, false)", (name, value))
            self._connection.execute(f"BEGIN TRANSACTION ISOLATION LEVEL {_LEVEL[self.access.isolation]}")
            local = "to_char(now() AT TIME ZONE %s, 'YYYY-MM-DD HH24:MI:SS')"
            self._now: tuple[str, str] = self._connection.execute(f"SELECT {local}, {local}", ("UTC", zone)).fetchone()

    def now(self) -> tuple[str, str]:
        return self._now

    def columns(self, described: Statement, query: Statement | None = None) -> list[Column]:
        if query is not None:
            self._describe(query, name_lines=True)
        found = self._describe(described)
        categories = self._type_categories({oid for _, oid in found})
        return [_column(name, oid, categories.get(oid, "")) for name, oid in found]

    def _describe(self, statement: Statement, *, name_lines: bool = False) -> list[tuple[str, int]]:
        """Return the names and types (oid) of a statement's columns. Errors name their line if ``name_lines``."""
        query = self._literal(statement)
        with self.errors.translated(query if name_lines else ""):
            pg = self._connection.pgconn
            # A prepared statement is exactly one statement, so the server refuses several statements here.
            for result in (pg.prepare(b"", query.encode()), pg.describe_prepared(b"")):
                _require(result, "COMMAND_OK")
            return [(result.fname(place).decode(), result.ftype(place)) for place in range(result.nfields)]

    def _type_categories(self, oids: set[int]) -> dict[int, str]:
        return dict(
            self.rows(Statement("SELECT oid, typcategory FROM pg_type WHERE oid = ANY(:oids)", {"oids": [*oids]}))
        )

    def _literal(self, statement: Statement) -> str:
        from psycopg import ClientCursor

        # COPY takes no parameters, so the client writes the values into the text.
        text, values = self.compiled(statement)
        with self.errors.translated():
            return ClientCursor(self._connection).mogrify(text, values)

    def rows(self, statement: Statement) -> list[tuple[Any, ...]]:
        text, values = self.compiled(statement)
        with self.errors.translated():
            found: list[tuple[Any, ...]] = self._connection.execute(text, values).fetchall()
            return found

    def pages(self, statement: Statement, names: Sequence[str], rows: int) -> Iterator[Page]:
        # In a table of one column, NULL is an empty line, which a CSV parser may skip. So a second column is added.
        single = len(names) == 1
        names = [*names, "\0"] if single else names
        query = self._literal(statement)
        if single:
            query = f"SELECT *, 1 FROM (\n{query}\n) AS syncd_single"
        count = 0
        for lines in self._lines(f"COPY (\n{query}\n) TO STDOUT (FORMAT csv)", rows):
            page = _parsed(lines, names)
            count += page.height
            yield Page(page.frame.drop("\0"), page.malformed) if single else page
        # A broken connection may look like the end of the rows, so compare with the server's own number.
        if count != self._sent:
            raise self.errors.unavailable(f"the server sent {self._sent:,} rows and {count:,} arrived: try again later")

    def _lines(self, copy: str, rows: int) -> Iterator[list[memoryview]]:
        """Yield the lines of CSV, each of them a row, in lists of bounded size."""
        with self.errors.translated():
            pg = self._connection.pgconn
            pg.send_query(copy.encode())
            _require(self._result(pg), "COPY_OUT")
        ended = False
        while not ended:
            with self.errors.translated():
                lines, ended = self._page(pg, rows)
            if ended:
                self._sent = self._count_sent(pg)
            if lines:
                yield lines

    def _page(self, pg: Any, rows: int) -> tuple[list[memoryview], bool]:
        """Return the next lines, and whether they are the last ones."""
        lines: list[memoryview] = []
        # libpq's own calls, in local names: this loop runs once for each row.
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

    def _count_sent(self, pg: Any) -> int:
        """Return the server's number of rows, after the last of them."""
        with self.errors.translated():
            result = _require(self._result(pg), "COMMAND_OK")
            # The connection takes the next statement only after its results are read up to None.
            while pg.get_result() is not None:
                pass
            return int(result.command_tuples or 0)

    def _result(self, pg: Any) -> Any:
        while pg.flush() or pg.is_busy():
            self._wait(pg)
        return pg.get_result()

    def _wait(self, pg: Any) -> None:
        """Wait for the server's next bytes, a little longer than a statement may take."""
        # The server's own timeout comes first if the server is alive, and its error is clearer.
        until = time.monotonic() + self.access.timeout + CONNECT_TIMEOUT
        while not select.select([pg.socket], [], [], POLL_SECONDS)[0]:
            self.stop_if_cancelled()
            if time.monotonic() > until:
                raise self.errors.unavailable("the server does not answer any more: try again later")
        pg.consume_input()

    def scanned(self, statement: Statement) -> list[str]:
        explain = f"EXPLAIN (FORMAT JSON) {self._literal(statement)}"
        with self.errors.translated():
            # Without this a small table would be scanned although it has an index.
            self._connection.execute("SET LOCAL enable_seqscan = off")
            [[[plan]]] = self._connection.execute(explain).fetchall()
        return sorted(set(_scanned_tables(plan["Plan"])))

    def _ask_to_stop(self) -> None:
        # Again and again, since a request between two statements has no effect.
        until = time.monotonic() + CANCEL_SECONDS
        while (left := until - time.monotonic()) > 0 and not self._connection.closed:
            with suppress(Exception):
                self._connection.cancel_safe(timeout=left)
            self._closed.wait(POLL_SECONDS)

    def _descriptor(self) -> int | None:
        return int(self._connection.pgconn.socket)

    def close(self) -> None:
        self._closed.set()
        if self._connection is None:
            return
        from psycopg import pq

        # If rows are left, the server is still sending them, and closing alone would let it work on.
        is_active = self._connection.pgconn.transaction_status == pq.TransactionStatus.ACTIVE
        if is_active and not self.cancelled.is_set():
            with suppress(Exception):
                self._connection.cancel_safe(timeout=CANCEL_SECONDS)
        self._connection.close()


def _column(name: str, oid: int, category: str) -> Column:
    own = quoted(name, "postgresql")
    # Types of extensions, such as citext, have other numbers in each database.
    family = _FAMILIES.get(oid, "text" if category == "S" else "other")
    # COPY alone would write t for true, \x00ff for bytes and {a,b} for an array.
    if oid == _BOOLEAN:
        return Column(name, f"{own}::text AS {own}", family=family)
    if oid == _BYTES:
        return Column(name, f"encode({own}, 'hex') AS {own}", family=family)
    if category == "A":
        return Column(name, f"array_to_string({own}, '{LIST_SEPARATOR}') AS {own}", family=family)
    return Column(name, own, is_json=oid in {_JSON, _JSONB}, family=family)


def _parsed(lines: Sequence[bytes | memoryview], names: Sequence[str]) -> Page:
    """Return the rows of CSV lines: an empty field is null, a quoted empty field is an empty text."""
    malformed: list[tuple[int, str]] = []
    data = b"".join(lines)
    try:
        frame = _csv(data, names)
    # Polars refuses the whole page because of one bad line; only then each line is looked at.
    except pl.exceptions.PolarsError:
        malformed = [(place, _NOT_UTF8) for place, line in enumerate(lines) if not _is_utf8(line)]
        frame = _csv(b"".join(line for line in lines if _is_utf8(line)), names)
    return Page(frame, malformed)


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


def _require(result: Any, status: str) -> Any:
    """Return a result of libpq; raise psycopg's exception if its status is not ``status``."""
    from psycopg import errors, pq

    if result.status != pq.ExecStatus[status]:
        raise errors.error_from_result(result, encoding="utf-8")
    return result


def _scanned_tables(node: dict[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for inner in node.get("Plans", ()):
        yield from _scanned_tables(inner)
