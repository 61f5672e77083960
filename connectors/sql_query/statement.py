"""Build SQL statements around the configured query, and write them as the drivers take them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.sql_query.query_text import pieces, quoted, table_name, unquoted
from connectors.sql_query.url_options import Kind

ROWS = "syncd_rows"
"""The name of the query's result in the statements around it."""

CURSOR, DELETED = "\0cursor", "\0deleted"
"""The names under which the values of two added columns are read. No database lets a column have such a name."""

OWN_PARAMETERS = "syncd_"
"""How the parameters begin that are added to the query's own."""

SINCE = f"{OWN_PARAMETERS}since"
"""The parameter with which an incremental read begins."""


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

    def quoted(self, name: str) -> str:
        """Return the name of a column in the server's quotes."""
        return quoted(name, self.kind)

    def source(self) -> str:
        """Return the text after FROM."""
        if self.is_table:
            return f"{table_name(self.rows, self.kind)} AS {ROWS}"
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
        listed = ", ".join([*self._selected(key, expressions), *self._deleted_column()])
        return Statement(f"SELECT {listed} FROM {self.source()}", self.values)

    def cursor_sample(self) -> Statement:
        """Return the statement for some values of the cursor, as SQLite takes it."""
        column = self.quoted(self.cursor or "")
        return Statement(f"SELECT {column} FROM {self.source()} WHERE {column} IS NOT NULL LIMIT 100", self.values)

    def cursors_between(self, low: int, high: int) -> Statement:
        """Return the statement that counts the rows whose cursor is a number between these two."""
        column = self.quoted(self.cursor or "")
        return Statement(f"SELECT COUNT(*) FROM {self.source()} WHERE {column} BETWEEN {low} AND {high}", self.values)

    def key_counts(self, key: tuple[str, ...]) -> Statement:
        """Return the statement that counts rows, keys that occur more than once, and rows without a part of the key."""
        names = [self.quoted(name) for name in key]
        lacking = " OR ".join(f"{name} IS NULL" for name in names)
        # The inner result lacks the columns of the key, whose names could be n and lacking.
        return Statement(
            f"SELECT COALESCE(SUM(n), 0), COALESCE(SUM(CASE WHEN n > 1 AND lacking = 0 THEN 1 ELSE 0 END), 0), "
            f"COALESCE(SUM(CASE WHEN lacking = 1 THEN n ELSE 0 END), 0) FROM (SELECT "
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
        # Columns of the query may have these names too. The values are told apart by their places.
        added = [f"{self.quoted(self.cursor)} AS syncd_cursor"] if self.cursor else []
        return [*added, *self._deleted_column()]

    def _deleted_column(self) -> list[str]:
        if not self.deleted:
            return []
        column = deleted_column(self.deleted, self.kind)
        value = f"CASE WHEN ({self.deleted}\n) THEN 1 ELSE 0 END" if column is None else self.quoted(column)
        return [f"{value} AS syncd_deleted"]


def deleted_column(deleted: str, kind: Kind) -> str | None:
    """Return the column that the option ``deleted`` names, in quotes or without; None if it is a condition."""
    return deleted if re.fullmatch(r"\w+", deleted) else unquoted(deleted, kind)


def compiled(statement: Statement, kind: Kind) -> tuple[str, dict[str, Any]]:
    """Return the statement and its values as the driver takes them."""
    if kind == "sqlite":
        return statement.text, dict(statement.values)
    written = []
    for piece in pieces(statement.text, kind):
        if piece.kind == "name" and piece.text[1:] in statement.values:
            written.append(f"%({piece.text[1:]})s")
        else:
            # pymssql alone does not take %% for a percent sign.
            written.append(piece.text if kind == "mssql" else piece.text.replace("%", "%%"))
    return "".join(written), dict(statement.values)
