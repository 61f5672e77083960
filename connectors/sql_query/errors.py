"""What a driver's error means: who must act, and what is said of it. Never a value of a row, never the password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connectors.sql_query.url import POSTGRES, SQL_SERVER, SQLITE, Database
from syncd.errors import SourceError, SourceInvalid, SourceUnavailable

_ACCESS = "check the user and the password"
_TIME = "raise timeout, or make the query faster"

_POSTGRES_SAYS = {
    "0A": "",
    "28": f"refuses the user: {_ACCESS}",
    "3D": "has no such database: check the end of the URL",
    "25006": "refuses it: the query tries to write, and syncd only reads",
    "42501": "",
    "42": "",
    "3F": "",
    "22": "the query fails on a value of a row: have it converted or left out there",
    "57014": f"the query took longer than {{timeout}}: {_TIME}",
}
"""By SQLSTATE, the longest beginning counts: what is said, "" for the server's own sentence, which holds no values."""

_POSTGRES_PASSES = ("08", "40", "53", "55", "57P", "58", "XX")
"""The beginnings of SQLSTATEs of what passes: lost connections, conflicts, full servers, shutdowns."""

_POSTGRES_LOGIN = {
    r"password authentication failed|no password supplied|no pg_hba.conf entry|role \".*\" does not exist|"
    r"fe_sendauth": f"refuses the user: {_ACCESS}",
    r"database \".*\" does not exist": "has no such database: check the end of the URL",
}

_MYSQL_SAYS = {
    1044: f"refuses the user: {_ACCESS}",
    1045: f"refuses the user: {_ACCESS}",
    1698: f"refuses the user: {_ACCESS}",
    1049: "has no such database: check the end of the URL",
    1054: "",
    1060: "",
    1064: "the query cannot be understood",
    1142: "",
    1143: "",
    1146: "",
    1305: "",
    1792: "refuses it: the query tries to write, and syncd only reads",
}
_MYSQL_SLOW = {1969, 3024}

_SQL_SERVER_SAYS = {
    18456: f"refuses the user: {_ACCESS}",
    4060: "has no such database: check the end of the URL",
    102: "the query cannot be understood",
    156: "the query cannot be understood",
    207: "",
    208: "",
    209: "",
    229: "",
    230: "",
    1033: "an ORDER BY is of no use here: leave it out",
    3952: "has no snapshots for this database: ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON, or, locking the "
    "tables while they are read, isolation: serializable",
}

_SQLITE_WRONG = re.compile(
    r"no such|syntax error|ambiguous|readonly|not authorized|wrong number|misuse|incomplete input"
)


class Told:
    """Turns the errors of one database's driver into those of syncd. ``timeout``: seconds of a statement."""

    def __init__(self, database: Database, timeout: float) -> None:
        self._database = database
        self._timeout = timeout

    @contextmanager
    def of(self, what: str = "") -> Iterator[None]:
        """Whatever the driver raises in the block becomes a SourceError; ``what`` is the query, if it is run as it is.

        Raises:
            SourceUnavailable: later it may work.
            SourceInvalid: a person must look.

        """
        try:
            yield
        except SourceError:
            raise
        except Exception as error:
            if not _of_a_driver(error):
                raise
            raise self.error(error, what) from None

    def error(self, error: BaseException, query: str = "") -> SourceError:
        """What ``error`` means."""
        product = self._database.product
        if product is POSTGRES:
            return self._postgres(error, query)
        if product is SQLITE:
            return self._sqlite(str(error))
        return self._numbered(error, query)

    def unavailable(self, what: str) -> SourceUnavailable:
        return SourceUnavailable(f"{self._database.place}: {what}")

    def invalid(self, what: str) -> SourceInvalid:
        return SourceInvalid(f"{self._database.place}: {what}")

    def _postgres(self, error: Any, query: str) -> SourceError:
        state = getattr(error, "sqlstate", None)
        if state is None:
            return self._postgres_connection(str(error))
        known = max((start for start in _POSTGRES_SAYS if state.startswith(start)), key=len, default=None)
        if state.startswith(_POSTGRES_PASSES):
            return self.unavailable(f"the server broke off ({state}): try again later")
        if known is None:
            return self.invalid(f"the query cannot be run ({state})")
        said = _POSTGRES_SAYS[known].format(timeout=_duration(self._timeout))
        if known == "57014":
            return self.unavailable(said)
        diag = error.diag
        place = _line(query, int(diag.statement_position)) if diag.statement_position else ""
        return self.invalid(f"{place}{said or diag.message_primary} ({state})")

    def _postgres_connection(self, said: str) -> SourceError:
        for pattern, sentence in _POSTGRES_LOGIN.items():
            if re.search(pattern, said):
                return self.invalid(sentence)
        return self.unavailable(_lost(said))

    def _numbered(self, error: BaseException, query: str) -> SourceError:
        number, said = _number_and_text(error)
        if number in _MYSQL_SLOW:
            return self.unavailable(f"the query took longer than {_duration(self._timeout)}: {_TIME}")
        says = _SQL_SERVER_SAYS if self._database.product is SQL_SERVER else _MYSQL_SAYS
        if number not in says:
            return self.unavailable(f"{_lost(said)} ({number})" if number else _lost(said))
        line = re.search(r"at line (\d+)", said)
        # In the statement the query begins in the second line.
        place = f"line {int(line[1]) - 1} of the query: " if query and line and number == 1064 else ""
        return self.invalid(f"{place}{says[number] or said} ({number})")

    def _sqlite(self, said: str) -> SourceError:
        if "unable to open" in said:
            return self.unavailable("the file cannot be opened: check the path, and that syncd's user may read it")
        if "interrupted" in said:
            return self.unavailable(f"the query took longer than {_duration(self._timeout)}: {_TIME}")
        if "locked" in said:
            return self.unavailable("another program has locked the file: try again later")
        if "not a database" in said or "malformed" in said:
            return self.invalid("this is no SQLite database, or a damaged one")
        if "readonly" in said or "read-only" in said:
            return self.invalid("refuses it: the query tries to write, and syncd only reads")
        return self.invalid(said) if _SQLITE_WRONG.search(said) else self.invalid("the query fails on a value of a row")


def _of_a_driver(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in {"psycopg", "pymysql", "sqlite3", "pymssql"} or isinstance(
        error, OSError
    )


def _number_and_text(error: BaseException) -> tuple[int, str]:
    """The server's number of the error and its sentence, as PyMySQL and pymssql carry them."""
    arguments = error.args[0] if len(error.args) == 1 and isinstance(error.args[0], tuple) else error.args
    number = arguments[0] if arguments and isinstance(arguments[0], int) else 0
    said = arguments[1] if len(arguments) > 1 else ""
    return number, said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _lost(said: str) -> str:
    if re.search(r"refused|could not translate|Name or service|getaddrinfo|timed? ?out|No route|Can't connect", said):
        return "cannot be reached: check that it runs, and the host and the port of the URL"
    return "the connection was lost: try again later"


def _line(query: str, position: int) -> str:
    """``line 3 of the query: `` for a position (1-based) in it."""
    return f"line {query.count(chr(10), 0, position - 1) + 1} of the query: " if query else ""


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
