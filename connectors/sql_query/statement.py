"""Check the configured query and build SQL statements around it.

The check makes a query that is not one SELECT an error of the configuration. The read-only transaction is what makes
writing impossible. SQL Server has no read-only transactions: there, the check is what keeps the query inside a SELECT.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connectors.sql_query.url import Kind

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect

ROWS = "syncd_rows"
"""The name of the query's result in the statements around it."""

CURSOR, DELETED, SINCE = "syncd_cursor", "syncd_deleted", "syncd_since"
"""Two columns that are added to the query's own, and the parameter with which an incremental read begins."""

_FIRST_WORDS = {"select", "with", "values", "table", "("}
_PLAIN_TEXT = r"'(?:[^']|'')*'"
_ESCAPED_TEXT = r"'(?:[^'\\]|''|\\.)*'"
# A semicolon, bracket or colon inside a text or a quoted name has no meaning, and each server quotes in its own way.
_QUOTED = {
    "postgresql": rf"[eE]{_ESCAPED_TEXT}|{_PLAIN_TEXT}|\"[^\"]*\"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$",
    "mysql": rf"{_ESCAPED_TEXT}|\"(?:[^\"\\]|\\.)*\"|`[^`]*`",
    "sqlite": rf"{_PLAIN_TEXT}|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]",
    "mssql": rf"{_PLAIN_TEXT}|\"[^\"]*\"|\[[^\]]*\]",
}
_COMMENT = {"mysql": r"--[^\n]*|\#[^\n]*|/\*.*?\*/"}
_ANY_COMMENT = r"--[^\n]*|/\*.*?\*/"
# "::" is a cast of PostgreSQL, not a parameter, and neither is a colon behind a word or a backslash.
_OTHER = r"(?<![:\w\\]):(?P<name>[A-Za-z_]\w*)|::|(?P<word>\w+)|."


class UnusableQuery(ValueError):
    """The query cannot be used to read; the message says why, and what to write."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a query: ``kind`` is ``comment``, ``quoted``, ``name`` (a parameter, ``:name``) or ``text``."""

    kind: str
    text: str


def pieces(query: str, kind: Kind) -> Iterator[Piece]:
    """Split a query into its parts, by the server's rules for texts and comments."""
    comment = _COMMENT.get(kind, _ANY_COMMENT)
    pattern = re.compile(rf"(?P<comment>{comment})|(?P<quoted>{_QUOTED[kind]})|{_OTHER}", re.DOTALL)
    for found in pattern.finditer(query):
        kinds = [name for name in ("comment", "quoted", "name") if found[name] is not None]
        yield Piece(kinds[0] if kinds else "text", found[0])


def checked(query: str, kind: Kind) -> str:
    """Return the query without a semicolon at its end.

    Raises:
        UnusableQuery: the query is not one SELECT.

    """
    query = re.sub(r"[;\s]+\Z", "", query)
    texts = [piece.text for piece in pieces(query, kind) if piece.kind != "comment" and piece.text.strip()]
    if not texts or texts[0].lower() not in _FIRST_WORDS:
        raise UnusableQuery("a query begins with SELECT (or WITH, VALUES, TABLE)")
    depth = 0
    for text in texts:
        depth += {"(": 1, ")": -1}.get(text, 0)
        if text == ";":
            raise UnusableQuery("this is more than one statement: a query is one SELECT, without ;")
        # A bracket too many would close the bracket around the query, and the rest could be another statement.
        if depth < 0:
            raise UnusableQuery("a ) closes nothing")
    if depth:
        raise UnusableQuery("a ( is not closed")
    if kind == "mssql" and texts[0].lower() == "with":
        raise UnusableQuery("SQL Server takes no WITH inside another SELECT: make the query a view and set table to it")
    return query


def parameters(query: str, kind: Kind) -> list[str]:
    """Return the names of the query's parameters, in order."""
    return list(dict.fromkeys(piece.text[1:] for piece in pieces(query, kind) if piece.kind == "name"))


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL whose parameters are ``:name``, and their values."""

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selection:
    """Builds the statements of one source. ``rows`` is the query, or the table's name if ``is_table``.

    ``columns``: the columns to select, () for all. ``cursor``: a column; ``deleted``: a column or a condition.
    """

    rows: str
    is_table: bool
    kind: Kind
    columns: tuple[str, ...]
    cursor: str | None
    deleted: str | None
    values: Mapping[str, Any]
    dialect: Dialect

    def quoted(self, name: str) -> str:
        """Return the name of a column, quoted if the server needs it."""
        return self.dialect.identifier_preparer.quote(name)

    def source(self) -> str:
        """Return the text after FROM."""
        if self.is_table:
            table = ".".join(self.quoted(part) for part in self.rows.split("."))
            return f"{table} AS {ROWS}"
        # On lines of its own: a comment at the end of the query would hide the bracket.
        return f"(\n{self.rows}\n) AS {ROWS}"

    def bare(self) -> Statement:
        """Return the query as it is configured, so that errors name its lines."""
        return Statement(f"SELECT {self._list()} FROM {self.source()}" if self.is_table else self.rows, self.values)

    def described(self) -> Statement:
        """Return a statement with the columns and without rows."""
        return Statement(f"SELECT {self._list()} FROM {self.source()} WHERE 1 = 0", self.values)

    def everything(self, expressions: Mapping[str, str] | None = None) -> Statement:
        """Return the statement for all rows; ``expressions``: the SQL that selects each column."""
        # The query alone keeps its own ORDER BY. SQL Server needs the SELECT around it, which keeps it from writing.
        if expressions is None and not self.is_table and not self._added_columns() and self.kind != "mssql":
            return Statement(self.rows, self.values)
        return Statement(f"SELECT {self._list(expressions)} FROM {self.source()}", self.values)

    def since(self, condition: str, value: str | int, expressions: Mapping[str, str] | None = None) -> Statement:
        """Return the statement for rows whose cursor is ``condition`` (``>`` or ``>=``) the value, or NULL."""
        column = self.quoted(self.cursor or "")
        # SQL Server reads the text of a time by the language setting of the login, except as datetime2.
        bound = f"CAST(:{SINCE} AS datetime2)" if self.kind == "mssql" and isinstance(value, str) else f":{SINCE}"
        return Statement(
            f"SELECT {self._list(expressions)} FROM {self.source()} "
            f"WHERE {column} {condition} {bound} OR {column} IS NULL",
            {**self.values, SINCE: value},
        )

    def keys(self, key: tuple[str, ...], expressions: Mapping[str, str] | None = None) -> Statement:
        """Return the statement for the key of every row, and whether the row is marked as deleted."""
        added = [column for column in self._added_columns() if column.endswith(DELETED)]
        listed = ", ".join([*self._selected(key, expressions), *added])
        return Statement(f"SELECT {listed} FROM {self.source()}", self.values)

    def key_counts(self, key: tuple[str, ...]) -> Statement:
        """Return the statement that counts rows, keys that occur more than once, and rows without a part of the key."""
        names = [self.quoted(name) for name in key]
        lacking = " OR ".join(f"{name} IS NULL" for name in names)
        return Statement(
            f"SELECT COALESCE(SUM(n), 0), COALESCE(SUM(CASE WHEN n > 1 AND lacking = 0 THEN 1 ELSE 0 END), 0), "
            f"COALESCE(SUM(CASE WHEN lacking = 1 THEN n ELSE 0 END), 0) FROM (SELECT {', '.join(names)}, "
            f"COUNT(*) AS n, MAX(CASE WHEN {lacking} THEN 1 ELSE 0 END) AS lacking "
            f"FROM {self.source()} GROUP BY {', '.join(names)}) AS syncd_keys",
            self.values,
        )

    def _list(self, expressions: Mapping[str, str] | None = None) -> str:
        names = tuple(expressions) if expressions and not self.columns else self.columns
        listed = self._selected(names, expressions) if names else [f"{ROWS}.*"]
        return ", ".join([*listed, *self._added_columns()])

    def _selected(self, names: tuple[str, ...], expressions: Mapping[str, str] | None) -> list[str]:
        return [(expressions or {}).get(name) or self.quoted(name) for name in names]

    def _added_columns(self) -> list[str]:
        added = []
        if self.cursor:
            added.append(f"{self.quoted(self.cursor)} AS {CURSOR}")
        if self.deleted:
            is_column = re.fullmatch(r"\w+", self.deleted)
            added.append(
                f"{self.quoted(self.deleted)} AS {DELETED}"
                if is_column
                else f"CASE WHEN ({self.deleted}\n) THEN 1 ELSE 0 END AS {DELETED}"
            )
        return added


def compiled(statement: Statement, kind: Kind, dialect: Dialect) -> tuple[str, Any]:
    """Return the statement and its values as the driver takes them."""
    from sqlalchemy import bindparam, text
    from sqlalchemy.types import NullType

    # SQLAlchemy would take any colon of a text or a comment for a parameter, so all other colons are escaped.
    parts = [
        piece.text if piece.kind == "name" and piece.text[1:] in statement.values else piece.text.replace(":", r"\:")
        for piece in pieces(statement.text, kind)
    ]
    used = parameters(statement.text, kind)
    # With a type, SQLAlchemy would cast the value to it, and a text is no point in time.
    known = [bindparam(name, value, NullType()) for name, value in statement.values.items() if name in used]
    made = text("".join(parts)).bindparams(*known).compile(dialect=dialect)
    if made.positiontup is not None:
        return str(made), tuple(made.params[name] for name in made.positiontup)
    return str(made), dict(made.params)
