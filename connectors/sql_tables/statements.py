"""The statements of a delivery, in the words of each server. Every name is quoted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Table

from connectors.sql_query.query_text import quoted
from connectors.sql_query.url_options import Kind

STAGE = "syncd_new"
"""The temporary table that a batch is loaded into."""


@dataclass(frozen=True, slots=True)
class Statements:
    """Writes the statements for one table of one server."""

    table: Table
    kind: Kind

    def quoted(self, name: str) -> str:
        """Return a name in the server's quotes."""
        return quoted(name, self.kind)

    @property
    def name(self) -> str:
        """The name of the table."""
        parts = [self.table.schema, self.table.name] if self.table.schema else [self.table.name]
        return ".".join(map(self.quoted, parts))

    @property
    def columns(self) -> list[str]:
        """The names of the columns, quoted."""
        return [self.quoted(column.name) for column in self.table.columns]

    @property
    def key(self) -> list[str]:
        """The columns of the primary key, quoted."""
        return [self.quoted(column.name) for column in self.table.primary_key]

    @property
    def others(self) -> list[str]:
        """The columns behind the key, quoted."""
        return self.columns[len(self.key) :]

    def _all(self, form: str, names: Sequence[str], between: str) -> str:
        return between.join(form.format(name) for name in names)

    # PostgreSQL and SQL Server take a batch into a temporary table first.

    def stage(self) -> str:
        """Make the temporary table, with the types of the table and without its constraints."""
        listed = ", ".join(self.columns)
        if self.kind == "mssql":
            return (
                f"SELECT TOP 0 {listed} INTO #{STAGE} FROM {self.name} UNION ALL SELECT TOP 0 {listed} FROM {self.name}"
            )
        return f"CREATE TEMPORARY TABLE {STAGE} ON COMMIT DROP AS SELECT {listed} FROM {self.name} WITH NO DATA"

    def copy_staged(self) -> str:
        """Load the temporary table of PostgreSQL."""
        return f"COPY {STAGE} ({', '.join(self.columns)}) FROM STDIN (FORMAT csv)"

    def copy(self) -> str:
        """Load the table of PostgreSQL itself."""
        return f"COPY {self.name} ({', '.join(self.columns)}) FROM STDIN (FORMAT csv)"

    def fill(self, rows: int) -> str:
        """Load so many rows into the temporary table of SQL Server."""
        row = f"({', '.join(['%s'] * len(self.columns))})"
        return f"INSERT INTO #{STAGE} ({', '.join(self.columns)}) VALUES {', '.join([row] * rows)}"

    def drop_stage(self) -> str:
        """Drop the temporary table."""
        return f"DROP TABLE {'#' if self.kind == 'mssql' else ''}{STAGE}"

    def upsert_staged(self) -> str:
        """Insert the rows of the temporary table that are new, and update those that differ; no other is touched."""
        listed, key = ", ".join(self.columns), ", ".join(self.key)
        if self.kind == "mssql":
            new, old = (self._all(f"{side}.{{}}", self.others, ", ") for side in ("s", "t"))
            return (
                f"MERGE INTO {self.name} WITH (HOLDLOCK) AS t USING #{STAGE} AS s "
                f"ON {self._all('t.{0} = s.{0}', self.key, ' AND ')} "
                f"WHEN MATCHED AND EXISTS (SELECT {new} EXCEPT SELECT {old}) "
                f"THEN UPDATE SET {self._all('{0} = s.{0}', self.others, ', ')} "
                f"WHEN NOT MATCHED THEN INSERT ({listed}) VALUES ({self._all('s.{}', self.columns, ', ')});"
            )
        # ON CONFLICT alone would lock, and so write, also the rows that do not differ.
        same = self._all("t.{0} IS NOT DISTINCT FROM s.{0}", self.others, " AND ")
        return (
            f"INSERT INTO {self.name} ({listed}) SELECT {listed} FROM {STAGE} AS s WHERE NOT EXISTS "
            f"(SELECT 1 FROM {self.name} AS t WHERE {self._all('t.{0} = s.{0}', self.key, ' AND ')} AND {same}) "
            f"ORDER BY {key} ON CONFLICT ({key}) DO UPDATE SET {self._all('{0} = excluded.{0}', self.others, ', ')}"
        )

    # MariaDB, MySQL and SQLite take many rows in one statement, or one statement many times.

    def upsert(self) -> str:
        """Insert one row, or update it if it differs."""
        listed, key = ", ".join(self.columns), ", ".join(self.key)
        if self.kind == "mysql":
            # The server itself leaves alone what does not differ.
            return (
                f"INSERT INTO {self.name} ({listed}) VALUES ({', '.join(['%s'] * len(self.columns))}) "
                f"ON DUPLICATE KEY UPDATE {self._all('{0} = VALUES({0})', self.others, ', ')}"
            )
        differs = self._all("t.{0} IS NOT excluded.{0}", self.others, " OR ")
        return (
            f"INSERT INTO {self.name} AS t ({listed}) VALUES ({', '.join(['?'] * len(self.columns))}) "
            f"ON CONFLICT ({key}) DO UPDATE SET {self._all('{0} = excluded.{0}', self.others, ', ')} WHERE {differs}"
        )

    def keys_among(self, count: int = 0) -> str:
        """Select those of some keys that are there; PostgreSQL takes a list for each column of the key."""
        if self.kind == "postgresql":
            given, same = self._unnested(self.key)
            listed = ", ".join(f"t.{name}" for name in self.key)
            return f"SELECT {listed} FROM {self.name} AS t, {given}) WHERE {same}"
        return f"SELECT {', '.join(self.key)} FROM {self.name} WHERE {self._one_of(self.key, count)}"

    # What an activity no longer has: rows whose place in their list is beyond its end.

    def delete_beyond(self) -> str:
        """Delete them (PostgreSQL); takes a list for each column of an activity's key, and one of lengths."""
        *begin, place = self.key
        given, same = self._unnested(begin, ", %s::int[]")
        return f"DELETE FROM {self.name} AS t USING {given}, length) WHERE {same} AND t.{place} > p.length"

    def _unnested(self, key: Sequence[str], more: str = "") -> tuple[str, str]:
        names = [f"k{number}" for number in range(len(key))]
        same = " AND ".join(f"t.{column} = p.{name}" for column, name in zip(key, names, strict=True))
        return f"unnest({', '.join(['%s::text[]'] * len(key))}{more}) AS p ({', '.join(names)}", same

    def keys_beyond(self, activities: int) -> str:
        """Select their keys; takes the key and the length of each activity."""
        *begin, place = self.key
        one = " AND ".join([*(f"{name} = {self._mark}" for name in begin), f"{place} > {self._mark}"])
        return f"SELECT {', '.join(self.key)} FROM {self.name} WHERE {' OR '.join([f'({one})'] * activities)}"

    def delete_keys(self, width: int, count: int) -> str:
        """Delete the rows with so many keys, or parts of keys of so many columns."""
        return f"DELETE FROM {self.name} WHERE {self._one_of(self.key[:width], count)}"

    def _one_of(self, names: Sequence[str], count: int) -> str:
        # SQL Server has no comparison of rows, and MySQL uses an index for this form too.
        one = " AND ".join(f"{name} = {self._mark}" for name in names)
        return " OR ".join([f"({one})"] * count)

    @property
    def _mark(self) -> str:
        return "?" if self.kind == "sqlite" else "%s"
