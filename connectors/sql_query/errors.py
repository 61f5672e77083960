"""Turn a driver's errors into errors of syncd, which say who must act. No message holds a row's value or a password."""

from __future__ import annotations

import re
import ssl
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

_UNREACHED = "cannot be reached: check that it runs, and the host and the port of the URL"
_LOST = "the connection was lost: try again later"
_NO_ANSWER = "no connection is made: check that such a server listens on the port of the URL, or try again later"

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

_POSTGRES_TEMPORARY_REFUSALS = re.compile(
    # libpq's own words: nobody answers, or the connection broke.
    r"Connection refused|could not translate|failed to resolve|Name or service|timeout expired|timed? ?out|No route|"
    r"unreachable|on socket .*No such file|server closed the connection|reset by peer|Broken pipe|SYSCALL|"
    r"could not (?:receive|send)|hot standby|session is (?:not )?read-only|server is (?:not )?(?:a )?primary|"
    # The server's words, which it may say in another language: it is full, or starts, or stops.
    r"too many (?:clients|connections)|connection slots|starting up|shutting down|recovery mode|not yet accepting|"
    r"terminating|authentication timeout|out of memory|could not fork|"
    r"zu viele Verbindungen|Verbindungsslots|startet|hochgefahren|heruntergefahren|Wiederherstellungsmodus|"
    r"trop de clients|se lance|s'arrête|en cours de restauration|demasiad|iniciándose|apagándose|recuperación",
    re.IGNORECASE,
)

_POSTGRES_REFUSALS = {
    r"pg_hba": "lets no such connection in: the server's pg_hba.conf needs a line for the user, database and address",
    r"password authentication failed|no password supplied|fe_sendauth": _DENIED,
    r"role \".*\" does not exist|not permitted to log in": _DENIED,
    r"database \".*\" does not exist": _NO_DATABASE,
    r"permission denied for database": "the user may not connect to this database: GRANT CONNECT ON DATABASE to it",
    r"certificate|SSL|TLS|sslmode|key file": "the encrypted connection cannot be made: check sslmode, sslrootcert and "
    "the host in the URL",
    r"service": "check service in the URL",
}
"""The sentence for each text of a refused connection. libpq tells no SQLSTATE of it."""

_MYSQL_SENTENCES = {
    **dict.fromkeys((1044, 1045, 1698), _DENIED),
    **dict.fromkeys((1054, 1060, 1142, 1143, 1146, 1234, 1305), _SERVERS_OWN),
    1049: _NO_DATABASE,
    1064: _SYNTAX,
    1129: "the server has blocked this machine after many errors: an administrator runs FLUSH HOSTS",
    1130: "lets no user in from this machine: an administrator creates the user for its address",
    1251: "the account signs in in a way that the driver does not know: give it another plugin",
    1792: _WRITES,
    **dict.fromkeys((1820, 1862), "the password of the account has expired: set a new one"),
    2026: "the encrypted connection cannot be made, since the server has no TLS: set it up there, or leave sslmode out",
    2059: "the account signs in by a plugin that the driver does not know: give it another plugin",
    **dict.fromkeys((3118, 4151), "the account is locked: an administrator runs ALTER USER … ACCOUNT UNLOCK"),
    3159: "takes encrypted connections only: add ?sslmode=require to the URL",
}
_MYSQL_SLOW = {1969, 3024}
_MYSQL_TEMPORARY = {
    1020, 1021, 1037, 1038, 1040, 1041, 1053, *range(1077, 1081), 1135, *range(1152, 1162), 1180, 1184, 1203, 1205,
    1206, 1213, 1226, 1317, 1836, 1927, 3032, 3169, 4031,
}  # fmt: skip
"""The server is full, stops, or has ended the session."""

_MYSQL_UNUSABLE = {2026, 2049, 2054, 2058, 2059, 2060, 2061}
"""Of the client's own numbers (2000 to 2999), those that say that the driver and the server do not fit."""

_SQL_SERVER_SENTENCES = {
    **dict.fromkeys((102, 156), _SYNTAX),
    **dict.fromkeys((207, 208, 209, 229, 230), _SERVERS_OWN),
    1033: "an ORDER BY is not allowed here: leave it out",
    3952: "has no snapshots for this database: run ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON, or set "
    "isolation: serializable, which locks the tables during a read",
    4060: _NO_DATABASE,
    18456: _DENIED,
}

_SQL_SERVER_TEMPORARY = {
    0, 53, 64, 121, 233, 596, 601, 701, 802, 921, 922, 924, 927, 976, 978, 983, 1204, 1205, 1222, 3960, 3961, 4221,
    6002, 6005, 8645, 8651, 10053, 10054, 10060, 10928, 10929, 17142, 17187, 17197, 17810, 18401, *range(20000, 20100),
    40143, 40197, 40501, 40540, 40613, 49918, 49919, 49920,
}  # fmt: skip
"""Conflicts, full or starting servers, and the numbers of DB-Library, which speak of the connection."""

_SQLITE_TEMPORARY = {
    "unable to open": "the file cannot be opened: check the path, and that syncd's user may read it",
    "disk I/O error": "the file cannot be read: check that the path names a file, and its disk",
    "locked": "another program has locked the file: try again later",
}
_SQLITE_SENTENCES = {
    "not a database|image is malformed": "this is no SQLite database, or a damaged one",
    "readonly|read-only": _WRITES,
}
_SQLITE_INVALID = re.compile(
    r"no such|syntax error|ambiguous|not authorized|wrong number|misuse|incomplete input|binding", re.IGNORECASE
)


_BROKEN_TLS = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


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

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Turn any error of the block, which connects, into a SourceError; only what may pass is for a later try.

        Raises:
            SourceUnavailable: the server cannot be reached, is full, starts or stops.
            SourceInvalid: the driver, or the server, refuses the connection.

        """
        try:
            yield
        except SourceError:
            raise
        except Exception as error:  # noqa: BLE001  (a driver meets wrong options with errors of any class)
            raise self._refusal(error) from None

    def _refusal(self, error: Exception) -> SourceError:
        product = self._database.product
        package = re.search(r"'([\w-]+)' package is required", str(error)) if isinstance(error, RuntimeError) else None
        if package:
            return self.invalid(f"this account's way to sign in needs a package: pip install {package[1]}")
        cause = getattr(error, "original_exception", error)
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, _BROKEN_TLS):
            reason = getattr(cause, "verify_message", "") or (cause.reason or "").replace("_", " ").lower()
            return self.invalid(
                f"the encrypted connection cannot be made ({reason}): check ssl_ca and the host in the URL"
            )
        if product is POSTGRES and _is_of_a_driver(error):
            return self._postgres_refusal(str(error))
        number, _ = _number_and_text(error)
        if _is_of_a_driver(error) and (number or isinstance(error, OSError)):
            return self._numbered(error, "", _NO_ANSWER)
        return self.invalid("the driver cannot connect: check the host, the port and the options of the URL")

    @contextmanager
    def refused(self) -> Iterator[None]:
        """Turn a ValueError of the block, whose message holds no row's value, into a SourceInvalid."""
        try:
            yield
        except ValueError as error:
            raise self.invalid(str(error)) from None

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
        # Without a SQLSTATE the driver could not send the query, or the connection was lost.
        if state is None:
            is_ours = type(error).__name__ in {"ProgrammingError", "DataError", "NotSupportedError"}
            return (
                self.invalid("the driver cannot send the query: check its params")
                if is_ours
                else self.unavailable(_LOST)
            )
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

    def _postgres_refusal(self, text: str) -> SourceError:
        # The URL may name several hosts; one that may answer later is enough.
        for attempt in re.split(r"\n- host: ", text)[1:] or [text]:
            if _POSTGRES_TEMPORARY_REFUSALS.search(attempt):
                return self.unavailable(_not_reached(attempt, _NO_ANSWER))
        reason = re.split(r"(?:failed|is bad): ", text.strip().splitlines()[0])[-1]
        reason = re.sub(r"^[A-Z]+:\s+", "", reason)
        found = (sentence for pattern, sentence in _POSTGRES_REFUSALS.items() if re.search(pattern, text))
        return self.invalid(f"{next(found, 'the connection is refused: check the URL and its options')} ({reason})")

    def _numbered(self, error: BaseException, query: str, otherwise: str = _LOST) -> SourceError:
        number, text = _number_and_text(error)
        is_sql_server = self._database.product is SQL_SERVER
        if number in _MYSQL_SLOW and not is_sql_server:
            return self._slow()
        if number in _SQL_SERVER_TEMPORARY if is_sql_server else _is_lost_mysql(number):
            reason = _not_reached(text, otherwise)
            return self.unavailable(f"{reason} ({number})" if number else reason)
        sentence = (_SQL_SERVER_SENTENCES if is_sql_server else _MYSQL_SENTENCES).get(number)
        if sentence is None:
            # A quoted part may be a value of a row.
            masked = re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"", "'…'", text)
            sentence = f"the server refuses the query: {self._quoted(_own_words(masked), query)}"
        line = re.search(r"at line (\d+)", text)
        # The statement around the query adds one line before it.
        place = _line_number(query, int(line[1]) - 1) if query and line and number == 1064 else ""
        return self.invalid(f"{place}{sentence or self._quoted(_own_words(text), query)} ({number})")

    def _quoted(self, text: str, query: str) -> str:
        return quoted(text, [*self._names, query]) or "the query cannot be run"

    def _sqlite(self, text: str, query: str) -> SourceError:
        # The sqlite3 module has few classes of errors, and the text says more than they do.
        if "interrupted" in text:
            return self._slow()
        for words, sentence in _SQLITE_TEMPORARY.items():
            if words in text:
                return self.unavailable(sentence)
        for pattern, sentence in _SQLITE_SENTENCES.items():
            if re.search(pattern, text):
                return self.invalid(sentence)
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


def _own_words(text: str) -> str:
    """Return the server's text without what pymssql adds to it."""
    return text.split("DB-Lib", maxsplit=1)[0].strip()


def _is_lost_mysql(number: int) -> bool:
    """Return whether a number says that the server cannot be reached, is full, or has ended the connection."""
    return number < 1000 or number in _MYSQL_TEMPORARY or (2000 <= number < 3000 and number not in _MYSQL_UNUSABLE)


def _not_reached(text: str, otherwise: str) -> str:
    if re.search(r"hot standby|session is (?:not )?read-only|server is (?:not )?(?:a )?primary", text):
        return "no server of the URL is in the state that target_session_attrs asks for: try again later"
    if re.search(r"resolve|translate|Name or service|getaddrinfo|timed? ?out|No route|unreachable|No such file", text):
        return _UNREACHED
    if re.search(r"refused|Can't connect|Unable to connect", text):
        return _UNREACHED
    if re.search(r"(?i)too many|connection slots|max_user_connections|zu viele|trop de|demasiad", text):
        return "the server takes no more connections now: try again later"
    if re.search(r"(?i)starting up|shut ?down|shutting down|recovery mode", text):
        return "the server starts or stops: try again later"
    return otherwise


def _line(query: str, position: int) -> str:
    """Return ``line 3 of the query: `` for a position (1-based) in the query."""
    return _line_number(query, query.count("\n", 0, position - 1) + 1) if query else ""


def _line_number(query: str, line: int) -> str:
    # What a query leaves open, the server finds only behind its end.
    return f"line {max(1, min(line, query.count(chr(10)) + 1))} of the query: "
