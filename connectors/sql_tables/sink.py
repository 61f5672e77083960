"""The sink ``sql``: tables of PostgreSQL, MariaDB, MySQL, SQLite or SQL Server."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.pool import StaticPool

from connectors.sql_tables.errors import RefusedValue, WriteErrors
from connectors.sql_tables.options import SqlTablesOptions
from connectors.sql_tables.preparing import Found, complete, look, prove_rights
from connectors.sql_tables.records import CHILDREN, PARENTS, Row, Rows, key_of, parent_key, rows_of, too_wide
from connectors.sql_tables.sessions import Session, session_of
from connectors.sql_tables.tables import tables_of
from connectors.sql_tables.writing import Batch, Writer, writer_of
from syncd.errors import SinkError, SinkUnavailable
from syncd.sink import Item, Note, Options, Outcome, Sink, SinkRules, Wants, record_of
from syncd.sink import Row as Activity

BATCH = 5_000

_KEYS = {"call": 1, "message": 2}
"""How many parts the key of an activity has."""


Written = tuple[Item, Rows]
"""An item, and its rows with their tables."""


class SqlTables(Sink):
    """Writes each batch in one transaction. What does not differ is not touched."""

    OPTIONS = SqlTablesOptions

    def __init__(self, name: str, options: Options, rules: SinkRules) -> None:
        super().__init__(name, options, rules)
        self._options = cast(SqlTablesOptions, options)
        self._tables = tables_of(self._options.tables, self._options.in_schema)
        self._errors = WriteErrors(self._options.url, self._options.timeout)
        self._session: Session | None = None
        self._engine: Engine | None = None
        self._is_prepared = False

    def wants(self) -> Wants:
        return Wants(batch=BATCH, erases=True, compares=False)

    def check(self) -> list[Note]:
        if self._is_new_file():
            return [Note(f"{self._place}: this file is not there yet; the first delivery makes it", good=True)]
        with self._errors.about_no_value(), self._transaction(keep=False) as (connection, _):
            found = look(connection, self._tables, self._errors)
            prove_rights(connection, self._tables, found)
            notes = [Note(f"{self._place}: {text}") for text in self._encoding(connection)]
        for role, lacking in found.incomplete.items():
            notes.append(Note(f"{self._place}: {self._lacking(role, lacking)}"))
        if found.absent:
            names = ", ".join(self._tables[role].name for role in found.absent)
            notes.append(Note(f"{self._place}: the first delivery makes the tables {names}", good=True))
        return notes or [Note(f"{self._place}: the tables can be written", good=True)]

    def prepare(self) -> list[Note]:
        with self._errors.about_no_value(), self._transaction() as (connection, _):
            made = complete(connection, self._tables, look(connection, self._tables, self._errors), columns=True)
        return [Note(f"{self._place}: made the {each}", good=True) for each in made]

    def render(self, row: Activity) -> Mapping[str, Any]:
        return record_of(row, self.rules.calls)

    def deliver(self, items: Sequence[Item]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        fitting: dict[str, Written] = {}
        # Programs that write in one order do not wait for each other. The last item of an activity counts.
        for item in sorted(items, key=lambda item: item.identity):
            rows = rows_of(item.fields)
            if reason := too_wide(rows):
                outcomes.append(Outcome(item.identity, "rejected", reason=reason))
            else:
                fitting[item.identity] = item, rows
        return [*outcomes, *self._write(list(fitting.values()))]

    def erase(self, remote_ids: Sequence[str]) -> Sequence[str]:
        keys: dict[str, list[Row]] = defaultdict(list)
        named = [each for each in remote_ids if _key_in(each) is not None]
        for each in named:
            keys[each.partition(":")[0]].append(_key_in(each) or ())
        if not named or self._is_new_file():
            return named
        with self._errors.about_no_value(), self._transaction(tables=True) as (_, writer):
            for kind, gone in keys.items():
                for role in [role for _, role in CHILDREN[kind]]:
                    writer.delete(role, [parent_key(role, key) for key in gone])
                writer.delete(PARENTS[kind], gone)
        return named

    def close(self) -> None:
        session, engine = self._session, self._engine
        self._session = self._engine = None
        self._is_prepared = False
        if session is not None:
            session.close()
        if engine is not None:
            # The session has closed the connection, and the engine would ask it to roll back.
            engine.dispose(close=False)

    def cancel(self) -> None:
        self._errors.cancelled = True
        # Another thread may close the session between the question and the call, so it is taken once.
        session = self._session
        if session is not None:
            session.cancel()

    @property
    def _place(self) -> str:
        return self._options.url.place

    def _is_new_file(self) -> bool:
        url = self._options.url
        path = Path(url.url.database or "")
        return url.product.kind == "sqlite" and not path.exists() and path.parent.is_dir()

    def _write(self, items: Sequence[Written]) -> list[Outcome]:
        if not items:
            return []
        batch = Batch()
        for item, rows in items:
            batch.add(item.fields, rows)
        try:
            with self._transaction(tables=True) as (_, writer):
                writer.write(batch)
        except RefusedValue as refused:
            if len(items) == 1:
                return [Outcome(items[0][0].identity, "rejected", reason=str(refused))]
            # The server does not say which row it is.
            middle = len(items) // 2
            return [*self._write(items[:middle]), *self._write(items[middle:])]
        return [
            Outcome(item.identity, "accepted", item.identity, was_there=key_of(item.fields) in batch.known)
            for item, _ in items
        ]

    @contextmanager
    def _transaction(self, *, tables: bool = False, keep: bool = True) -> Iterator[tuple[Connection, Writer]]:
        """Begin a transaction. ``tables``: make the tables first, if they are not there. ``keep``: commit at its end.

        Raises:
            SinkError: the database cannot be used.
            RefusedValue: it refuses a value.
        """
        try:
            with self._errors.translated():
                engine, session = self._opened()
                with engine.connect() as connection:
                    cursor = connection.connection.cursor()
                    session.open_transaction(cursor)
                    if tables and not self._is_prepared:
                        with self._errors.about_no_value():
                            self._require_tables(connection)
                    yield connection, writer_of(session, self._options.url.product.kind, self._tables, cursor)
                    if keep:
                        session.call(session.raw.commit)
                self._is_prepared = self._is_prepared or tables
        except SinkError:
            # The connection may be lost, and the tables may have changed.
            self.close()
            raise

    def _opened(self) -> tuple[Engine, Session]:
        if self._errors.cancelled:
            raise self._errors.stopped()
        if self._engine is None or self._session is None:
            options = self._options
            password = options.password.get_secret_value() if options.password else None
            session = session_of(options.url, password, options.timeout, self.name)
            self._session = session
            try:
                with self._errors.translated():
                    session.begin()
            except SinkUnavailable as error:
                raise SinkUnavailable(str(error), in_doubt=False) from None
            # The name of the driver alone: the session has connected.
            url = URL.create(options.url.product.driver)
            self._engine = create_engine(url, creator=lambda: session.raw, poolclass=StaticPool)
        return self._engine, self._session

    def _require_tables(self, connection: Connection) -> None:
        found: Found = look(connection, self._tables, self._errors)
        for role, lacking in found.incomplete.items():
            raise self._errors.invalid(self._lacking(role, lacking))
        complete(connection, self._tables, found, columns=False)

    def _lacking(self, role: str, columns: Sequence[str]) -> str:
        table = self._tables[role].name
        return f"the table {table} lacks the column {', '.join(columns)}: run syncd activity prepare {self.name}"

    def _encoding(self, connection: Connection) -> Iterator[str]:
        if connection.dialect.name == "postgresql":
            found = str(connection.exec_driver_sql("SHOW server_encoding").scalar())
            if found != "UTF8":
                yield f"the database is in {found}, and takes no emoji: activities with such characters are rejected"


def _key_in(remote_id: str) -> Row | None:
    """Return the key of an activity from its remote id, which is its identity; None if it is no such id."""
    kind, *key = remote_id.split(":", _KEYS.get(remote_id.partition(":")[0], 1))
    return tuple(key) if kind in _KEYS and len(key) == _KEYS[kind] and all(key) else None
