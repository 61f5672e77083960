"""The query as the configuration writes it: that it is one SELECT, what parameters it has, and what is built of it.

The check here is the second line of defence and the first to speak: it turns what could be more than a SELECT into an
error of the configuration. What makes writing impossible is the transaction, which is read-only; SQL Server has no
such transactions, and there the check is what keeps a query from being more than a part of one SELECT.
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
"""What the query's result is called in the statements around it."""

CURSOR, DELETED, SINCE = "syncd_cursor", "syncd_deleted", "syncd_since"
"""The columns beside the query's own, and the parameter that incremental reads begin at."""

_FIRST = {"select", "with", "values", "table", "("}
_PLAIN_TEXT = r"'(?:[^']|'')*'"
_ESCAPED_TEXT = r"'(?:[^'\\]|''|\\.)*'"
_QUOTED = {
    "postgresql": rf"[eE]{_ESCAPED_TEXT}|{_PLAIN_TEXT}|\"[^\"]*\"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$",
    "mysql": rf"{_ESCAPED_TEXT}|\"(?:[^\"\\]|\\.)*\"|`[^`]*`",
    "sqlite": rf"{_PLAIN_TEXT}|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]",
    "mssql": rf"{_PLAIN_TEXT}|\"[^\"]*\"|\[[^\]]*\]",
}
_COMMENT = {"mysql": r"--[^\n]*|\#[^\n]*|/\*.*?\*/"}
_ANY_COMMENT = r"--[^\n]*|/\*.*?\*/"
_REST = r"(?<![:\w\\]):(?P<name>[A-Za-z_]\w*)|::|(?P<word>\w+)|."


class Unfit(ValueError):
    """The query is none that can be read with; the message says why, and what to write."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a query: ``kind`` is ``comment``, ``quoted``, ``name`` (a parameter, ``:name``) or ``text``."""

    kind: str
    text: str


def pieces(query: str, kind: Kind) -> Iterator[Piece]:
    """Fall a query into its parts, by the rules of the server for text and comments."""
    comment = _COMMENT.get(kind, _ANY_COMMENT)
    pattern = re.compile(rf"(?P<comment>{comment})|(?P<quoted>{_QUOTED[kind]})|{_REST}", re.DOTALL)
    for found in pattern.finditer(query):
        kinds = [name for name in ("comment", "quoted", "name") if found[name] is not None]
        yield Piece(kinds[0] if kinds else "text", found[0])


def checked(query: str, kind: Kind) -> str:
    """Return the query without a semicolon at its end.

    Raises:
        Unfit: it is not one SELECT.

    """
    query = re.sub(r"[;\s]+\Z", "", query)
    told = [piece.text for piece in pieces(query, kind) if piece.kind != "comment" and piece.text.strip()]
    if not told or told[0].lower() not in _FIRST:
        raise Unfit("a query begins with SELECT (or WITH, VALUES, TABLE)")
    depth = 0
    for text in told:
        depth += {"(": 1, ")": -1}.get(text, 0)
        if text == ";":
            raise Unfit("this is more than one statement: a query is one SELECT, without ;")
        if depth < 0:
            raise Unfit("a ) closes nothing")
    if depth:
        raise Unfit("a ( is not closed")
    if kind == "mssql" and told[0].lower() == "with":
        raise Unfit("SQL Server takes no WITH inside another SELECT: make the query a view, and read that by table")
    return query


def parameters(query: str, kind: Kind) -> list[str]:
    """The names of the query's parameters, in order."""
    return list(dict.fromkeys(piece.text[1:] for piece in pieces(query, kind) if piece.kind == "name"))


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL whose parameters are ``:name``, and their values."""

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selection:
    """Builds the statements of one source. ``rows`` is the query, or the table's name if ``is_table``.

    ``columns``: those to select, () for all. ``cursor``: a column; ``deleted``: a column or a condition.
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
        """A column's name as the server takes it."""
        return self.dialect.identifier_preparer.quote(name)

    def source(self) -> str:
        """What stands behind FROM."""
        if self.is_table:
            table = ".".join(self.quoted(part) for part in self.rows.split("."))
            return f"{table} AS {ROWS}"
        return f"(\n{self.rows}\n) AS {ROWS}"

    def bare(self) -> Statement:
        """The query as it is written, by whose parts an error's line is told."""
        return Statement(f"SELECT {self._list()} FROM {self.source()}" if self.is_table else self.rows, self.values)

    def described(self) -> Statement:
        """A statement without a row, whose result has the columns."""
        return Statement(f"SELECT {self._list()} FROM {self.source()} WHERE 1 = 0", self.values)

    def everything(self, expressions: Mapping[str, str] | None = None) -> Statement:
        """All rows; ``expressions`` says for each column how it is selected.

        Without any, and when nothing is wanted beside the query's columns, it is the query itself, in its own order.
        """
        if expressions is None and not self.is_table and not self._marks() and self.kind != "mssql":
            return Statement(self.rows, self.values)
        return Statement(f"SELECT {self._list(expressions)} FROM {self.source()}", self.values)

    def since(self, condition: str, value: str | int, expressions: Mapping[str, str] | None = None) -> Statement:
        """The rows whose cursor is ``condition`` (``>`` or ``>=``) the value, or that have none."""
        column = self.quoted(self.cursor or "")
        bound = f"CAST(:{SINCE} AS datetime2)" if self.kind == "mssql" and isinstance(value, str) else f":{SINCE}"
        return Statement(
            f"SELECT {self._list(expressions)} FROM {self.source()} "
            f"WHERE {column} {condition} {bound} OR {column} IS NULL",
            {**self.values, SINCE: value},
        )

    def keys(self, key: tuple[str, ...], expressions: Mapping[str, str] | None = None) -> Statement:
        """The key of every row, and whether it is marked as deleted."""
        marks = [mark for mark in self._marks() if mark.endswith(DELETED)]
        listed = ", ".join([*self._each(key, expressions), *marks])
        return Statement(f"SELECT {listed} FROM {self.source()}", self.values)

    def twins(self, key: tuple[str, ...]) -> Statement:
        """How many rows there are, how many keys occur more than once, and how many rows lack a part of the key."""
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
        listed = self._each(names, expressions) if names else [f"{ROWS}.*"]
        return ", ".join([*listed, *self._marks()])

    def _each(self, names: tuple[str, ...], expressions: Mapping[str, str] | None) -> list[str]:
        return [(expressions or {}).get(name) or self.quoted(name) for name in names]

    def _marks(self) -> list[str]:
        marks = []
        if self.cursor:
            marks.append(f"{self.quoted(self.cursor)} AS {CURSOR}")
        if self.deleted:
            column = re.fullmatch(r"\w+", self.deleted)
            marks.append(
                f"{self.quoted(self.deleted)} AS {DELETED}"
                if column
                else f"CASE WHEN ({self.deleted}\n) THEN 1 ELSE 0 END AS {DELETED}"
            )
        return marks


def compiled(statement: Statement, kind: Kind, dialect: Dialect) -> tuple[str, Any]:
    """The statement and its values as the driver takes them."""
    from sqlalchemy import bindparam, text
    from sqlalchemy.types import NullType

    parts = [
        piece.text if piece.kind == "name" and piece.text[1:] in statement.values else piece.text.replace(":", r"\:")
        for piece in pieces(statement.text, kind)
    ]
    used = [piece.text[1:] for piece in pieces(statement.text, kind) if piece.kind == "name"]
    # Without a type, or it would be cast to one, and a text is no point in time.
    known = [bindparam(name, value, NullType()) for name, value in statement.values.items() if name in used]
    made = text("".join(parts)).bindparams(*known).compile(dialect=dialect)
    if made.positiontup is not None:
        return str(made), tuple(made.params[name] for name in made.positiontup)
    return str(made), dict(made.params)
