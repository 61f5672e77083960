"""Turn a driver's errors into errors of syncd, which say who must act. No message holds a row's value or a password."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from connectors.sql_query.url import POSTGRES, SQL_SERVER, SQLITE, Database
from syncd.errors import SourceError, SourceInvalid, SourceUnavailable
from syncd.source import quoted

_DENIED = "refuses the user: check the user and the password"
_NO_DATABASE = "has no such database: check the end of the URL"
_WRITES = "refuses the query: it tries to write, and syncd only reads"
_SYNTAX = "the query cannot be understood"

_SERVERS_OWN = ""
"""Stands for the server's own sentence, if it holds no values of rows."""

_POSTGRES_SENTENCES = {
    **dict.fromkeys(("0A", "3F", "42"), _SERVERS_OWN),
    "22": "the query fails on a value of a row: convert or leave out such values in the query",
    "25006": _WRITES,
    "28": _DENIED,
    "3D": _NO_DATABASE,
}
"""The sentence for each beginning of a SQLSTATE."""

_POSTGRES_SLOW = "57014"
"""The SQLSTATE of a statement that was cancelled, such as by the timeout."""

_POSTGRES_TEMPORARY = ("08", "40", "53", "55", "57P", "58", "XX")
"""The beginnings of SQLSTATEs that pass: lost connections, conflicts, full servers, shutdowns."""

_POSTGRES_LOGIN = {
    r"password authentication failed|no password supplied|no pg_hba.conf entry|role \".*\" does not exist|"
    r"fe_sendauth": _DENIED,
    r"database \".*\" does not exist": _NO_DATABASE,
}

_MYSQL_SENTENCES = {
    **dict.fromkeys((1044, 1045, 1698), _DENIED),
    **dict.fromkeys((1054, 1060, 1142, 1143, 1146, 1305), _SERVERS_OWN),
    1049: _NO_DATABASE,
    1064: _SYNTAX,
    1792: _WRITES,
}
_MYSQL_SLOW = {1969, 3024}

_SQL_SERVER_SENTENCES = {
    **dict.fromkeys((102, 156), _SYNTAX),
    **dict.fromkeys((207, 208, 209, 229, 230), _SERVERS_OWN),
    1033: "an ORDER BY is not allowed here: leave it out",
    3952: "has no snapshots for this database: run ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON, or set "
    "isolation: serializable, which locks the tables during a read",
    4060: _NO_DATABASE,
    18456: _DENIED,
}

_SQLITE_INVALID = re.compile(r"no such|syntax error|ambiguous|not authorized|wrong number|misuse|incomplete input")


class DriverErrors:
    """Turns the errors of one database's driver into errors of syncd.

    ``timeout``: seconds of a statement. ``names``: texts of the configuration, whose words the server may repeat.
    """

    def __init__(self, database: Database, timeout: float, names: Collection[str] = ()) -> None:
        self._names = names
        self._database = database
        self._timeout = timeout

    @contextmanager
    def translated(self, query: str = "") -> Iterator[None]:
        """Turn an error that the driver raises in the block into a SourceError.

        ``query``: the query of the configuration, if the block runs it unchanged; the message then names its line.

        Raises:
            SourceUnavailable: a later try may succeed.
            SourceInvalid: a person must act.

        """
        try:
            yield
        except SourceError:
            raise
        except Exception as error:
            # Everything else is a defect of syncd, and must not look like a failure of the database.
            if not _is_of_a_driver(error):
                raise
            # "from None": the driver's own exception may hold the values of rows or the URL.
            raise self.error(error, query) from None

    def error(self, error: BaseException, query: str = "") -> SourceError:
        """Return the error of syncd for ``error``."""
        product = self._database.product
        if product is POSTGRES:
            return self._postgres(error, query)
        if product is SQLITE:
            return self._sqlite(str(error), query)
        return self._numbered(error, query)

    def unavailable(self, sentence: str) -> SourceUnavailable:
        return SourceUnavailable(f"{self._database.place}: {sentence}")

    def invalid(self, sentence: str) -> SourceInvalid:
        return SourceInvalid(f"{self._database.place}: {sentence}")

    def _slow(self) -> SourceUnavailable:
        limit = f"{self._timeout / 60:g} min" if self._timeout >= 60 else f"{self._timeout:g} s"
        return self.unavailable(f"the query took longer than {limit}: raise timeout, or make the query faster")

    def _postgres(self, error: Any, query: str) -> SourceError:
        state = getattr(error, "sqlstate", None)
        # Without a SQLSTATE the connection failed, and libpq gives only a text.
        if state is None:
            return self._postgres_connection(str(error))
        if state == _POSTGRES_SLOW:
            return self._slow()
        if state.startswith(_POSTGRES_TEMPORARY):
            return self.unavailable(f"the server ended the query ({state}): try again later")
        sentence = next((text for start, text in _POSTGRES_SENTENCES.items() if state.startswith(start)), None)
        if sentence is None:
            return self.invalid(f"the query cannot be run ({state})")
        diag = error.diag
        place = _line(query, int(diag.statement_position)) if diag.statement_position else ""
        return self.invalid(f"{place}{sentence or self._quoted(diag.message_primary or '', query)} ({state})")

    def _postgres_connection(self, text: str) -> SourceError:
        for pattern, sentence in _POSTGRES_LOGIN.items():
            if re.search(pattern, text):
                return self.invalid(sentence)
        return self.unavailable(_lost_connection(text))

    def _numbered(self, error: BaseException, query: str) -> SourceError:
        number, text = _number_and_text(error)
        if number in _MYSQL_SLOW:
            return self._slow()
        sentences = _SQL_SERVER_SENTENCES if self._database.product is SQL_SERVER else _MYSQL_SENTENCES
        # An unknown number may be anything, so try again later rather than ask a person.
        if number not in sentences:
            return self.unavailable(f"{_lost_connection(text)} ({number})" if number else _lost_connection(text))
        line = re.search(r"at line (\d+)", text)
        # The statement around the query adds one line before it.
        place = f"line {int(line[1]) - 1} of the query: " if query and line and number == 1064 else ""
        return self.invalid(f"{place}{sentences[number] or self._quoted(text, query)} ({number})")

    def _quoted(self, text: str, query: str) -> str:
        return quoted(text, [*self._names, query]) or "the query cannot be run"

    def _sqlite(self, text: str, query: str) -> SourceError:
        # The sqlite3 module has few classes of errors, and the text says more than they do.
        if "unable to open" in text:
            return self.unavailable("the file cannot be opened: check the path, and that syncd's user may read it")
        if "interrupted" in text:
            return self._slow()
        if "locked" in text:
            return self.unavailable("another program has locked the file: try again later")
        if "not a database" in text or "malformed" in text:
            return self.invalid("this is no SQLite database, or a damaged one")
        if "readonly" in text or "read-only" in text:
            return self.invalid(_WRITES)
        known = _SQLITE_INVALID.search(text)
        return self.invalid(self._quoted(text, query) if known else "the query fails on a value of a row")


def _is_of_a_driver(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in {"psycopg", "pymysql", "sqlite3", "pymssql"} or isinstance(
        error, OSError
    )


def _number_and_text(error: BaseException) -> tuple[int, str]:
    """Return the server's number of the error and its text."""
    # PyMySQL raises with two arguments; pymssql mostly with one tuple of both, whose text is bytes.
    arguments = error.args[0] if len(error.args) == 1 and isinstance(error.args[0], tuple) else error.args
    number = arguments[0] if arguments and isinstance(arguments[0], int) else 0
    text = arguments[1] if len(arguments) > 1 else ""
    return number, text.decode(errors="replace") if isinstance(text, bytes) else str(text)


def _lost_connection(text: str) -> str:
    if re.search(r"refused|could not translate|Name or service|getaddrinfo|timed? ?out|No route|Can't connect", text):
        return "cannot be reached: check that it runs, and the host and the port of the URL"
    return "the connection was lost: try again later"


def _line(query: str, position: int) -> str:
    """Return ``line 3 of the query: `` for a position (1-based) in the query."""
    return f"line {query.count(chr(10), 0, position - 1) + 1} of the query: " if query else ""
