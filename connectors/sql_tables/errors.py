"""What a driver says of a delivery, as an error of a sink. No message holds a value of a row, or a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from connectors.sql_query.errors import DriverErrors
from connectors.sql_query.url import POSTGRES, SQL_SERVER, SQLITE, Database
from syncd.errors import SinkDenied, SinkError, SinkInvalid, SinkUnavailable, SourceDenied, SourceError, SourceInvalid

_LOCKED = "another program holds the rows or the tables: try again later"
_FULL = "the server has no room left: make room on its disk, then try again"
_READ_ONLY = "takes no changes: name the server that is written to, and check its default for read-only transactions"
_RIGHTS = (
    "the user may not do this: grant it SELECT, INSERT, UPDATE and DELETE on the tables, or the right to make them"
)
_CHANGED = "the tables are not as syncd made them: run syncd check"
_NO_DATABASE = "there is no such database: check the end of the URL, and schema"
_REFUSED = "the server refuses a statement: run syncd check"
_MEANWHILE = "another program changes the same now: try again later"
_VALUE = "the server does not take a value of it"
_SLOW = "a statement took longer than {limit}: raise timeout, or find out what slows the server down"

_POSTGRES: dict[str, str] = {
    **dict.fromkeys(("40001", "40P01", "55P03"), _LOCKED),
    **dict.fromkeys(("53100", "53200"), _FULL),
    "57014": _SLOW,
    "25006": _READ_ONLY,
    "42501": _RIGHTS,
    **dict.fromkeys(("3F", "42P", "427", "428"), _CHANGED),
    **dict.fromkeys(("22", "23", "54"), _VALUE),
}
"""The sentence for the beginning of a SQLSTATE."""

_NUMBERS: dict[bool, dict[int, str]] = {
    # MariaDB and MySQL.
    False: {
        **dict.fromkeys((1205, 1206, 1213), _LOCKED),
        **dict.fromkeys((1021, 1114), _FULL),
        **dict.fromkeys((1969, 3024), _SLOW),
        **dict.fromkeys((1290, 1792, 1836), _READ_ONLY),
        **dict.fromkeys((1044, 1142, 1143, 1227, 1370), _RIGHTS),
        1049: _NO_DATABASE,
        **dict.fromkeys((1054, 1072, 1136, 1146, 1364), _CHANGED),
        **dict.fromkeys((1048, 1118, 1153, 1264, 1265, 1292, 1366, 1406, 3988, 4025), _VALUE),
    },
    # SQL Server.
    True: {
        **dict.fromkeys((1204, 1205, 1222), _LOCKED),
        **dict.fromkeys((1101, 1105, 9002), _FULL),
        **dict.fromkeys((3906, 3908), _READ_ONLY),
        **dict.fromkeys((229, 230, 262, 297, 2760, 15247), _RIGHTS),
        **dict.fromkeys((207, 208, 213, 515), _CHANGED),
        **dict.fromkeys((220, 241, 242, 245, 248, 295, 1946, 2628, 8114, 8115, 8152, 8170), _VALUE),
    },
}
_SQLITE = {
    "locked|busy": _LOCKED,
    "disk is full|full": _FULL,
    "readonly|read-only|attempt to write": _READ_ONLY,
    "no such|has no column|no column named|has [0-9]+ columns": _CHANGED,
    "too big|constraint|datatype mismatch": _VALUE,
}

_FOR_LATER = {_LOCKED, _FULL, _SLOW}


class RefusedValue(Exception):
    """The server refuses a value of one of the rows; the text says why, without the value."""


class WriteErrors:
    """Turns the errors of one database's driver into errors of a sink. ``timeout``: seconds of a statement."""

    def __init__(self, database: Database, timeout: float) -> None:
        self._database, self._timeout = database, timeout
        self._reading = DriverErrors(database, timeout)
        self.cancelled = False

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn an error of the block, which asks the server, into one of a sink.

        Raises:
            SinkUnavailable: a later try may do.
            SinkInvalid: a person must act.
            RefusedValue: the rows hold a value that the server does not take.
        """
        try:
            yield
        except SourceError as error:
            raise self._of_a_sink(error) from None
        except DBAPIError as error:
            # "from None": the driver's own exception may hold the values of rows or the URL.
            raise self._told(error.orig or error) from None
        except Exception as error:
            if isinstance(error, OverflowError):
                raise RefusedValue(_VALUE) from None
            # Everything else is a defect of syncd, and must not look like a failure of the database.
            if not _is_of_a_driver(error):
                raise
            raise self._told(error) from None

    @contextmanager
    def about_no_value(self) -> Iterator[None]:
        """Turn a refused value in the block, which writes no rows, into an error of the place.

        Raises:
            SinkUnavailable: another process makes the same tables at this moment.
        """
        try:
            with self.translated():
                yield
        except RefusedValue as refused:
            raise self.unavailable(f"{_MEANWHILE} ({refused})", in_doubt=False) from None

    def invalid(self, sentence: str) -> SinkInvalid:
        """Return the error of a place that a person must mend."""
        return SinkInvalid(f"{self._database.place}: {sentence}")

    def unavailable(self, sentence: str, *, in_doubt: bool = True) -> SinkUnavailable:
        """Return the error of a place that a later try may find in order."""
        return SinkUnavailable(f"{self._database.place}: {sentence}", in_doubt=in_doubt)

    def stopped(self) -> SinkUnavailable:
        """Return the error of a delivery that was asked to stop."""
        return self.unavailable("the delivery was stopped")

    def _told(self, error: BaseException) -> SinkError | RefusedValue:
        if self.cancelled:
            return self.stopped()
        code, sentence = self._known(error)
        if sentence is None:
            return self._of_a_sink(self._reading.error(error), code)
        shown = f" ({code})" if code else ""
        if sentence is _VALUE:
            return RefusedValue(f"{sentence}{shown}")
        limit = f"{self._timeout / 60:g} min" if self._timeout >= 60 else f"{self._timeout:g} s"
        make = self.unavailable if sentence in _FOR_LATER else self.invalid
        return make(f"{sentence.format(limit=limit)}{shown}")

    def _known(self, error: BaseException) -> tuple[str, str | None]:
        """Return the server's code of an error, and the sentence for it, if it is one of writing."""
        product = self._database.product
        if product is POSTGRES:
            state = getattr(error, "sqlstate", None) or ""
            starts = (state[:length] for length in (5, 3, 2))
            return state, next((_POSTGRES[start] for start in starts if start in _POSTGRES), None)
        if product is SQLITE:
            return "", next((told for words, told in _SQLITE.items() if re.search(words, str(error))), None)
        number = _number(error)
        return str(number or ""), _NUMBERS[product is SQL_SERVER].get(number)

    def _of_a_sink(self, error: SourceError, code: str = "") -> SinkError:
        """Return an error of reading as one of a sink; what is said of a query there is of a statement here."""
        if self.cancelled:
            return self.stopped()
        if isinstance(error, SourceInvalid):
            # With a code it is an answer to a statement of ours, of which a sentence on queries says nothing.
            return (
                self.invalid(f"the server refuses a statement ({code}): run syncd check")
                if code
                else SinkInvalid(str(error))
            )
        if isinstance(error, SourceDenied):
            return SinkDenied(str(error))
        return SinkUnavailable(str(error).replace("the query", "a statement"))


def _is_of_a_driver(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in {"psycopg", "pymysql", "sqlite3", "pymssql"} or isinstance(
        error, OSError
    )


def _number(error: BaseException) -> int:
    arguments = error.args[0] if len(error.args) == 1 and isinstance(error.args[0], tuple) else error.args
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0
