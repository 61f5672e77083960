"""The statements of a delivery, in the words of each server. Every name is quoted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Table

from connectors.sql_query.query_text import quoted
from connectors.sql_query.url_options import Kind

STAGE, PLACE = "syncd_new", "syncd_place"
"""The temporary table that a batch is loaded into, and its first column, the number of a row."""


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
        return (
            f"CREATE TEMPORARY TABLE {STAGE} ON COMMIT DROP AS "
            f"SELECT 0 AS {PLACE}, {listed} FROM {self.name} WITH NO DATA"
        )

    def copy(self) -> str:
        """Load the temporary table of PostgreSQL."""
        return f"COPY {STAGE} ({', '.join([PLACE, *self.columns])}) FROM STDIN (FORMAT csv)"

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

    # All servers.

    def keys_of(self, width: int, parents: int) -> str:
        """Select the keys of the rows of so many activities; ``width``: columns of the key that name one."""
        return f"SELECT {', '.join(self.key)} FROM {self.name} WHERE {self._among(self.key[:width], parents)}"

    def delete_keys(self, width: int, count: int) -> str:
        """Delete the rows with so many keys, or parts of keys of so many columns."""
        return f"DELETE FROM {self.name} WHERE {self._among(self.key[:width], count)}"

    def _among(self, names: Sequence[str], count: int) -> str:
        # SQL Server has no comparison of rows, and MySQL uses an index for this form too.
        mark = "?" if self.kind == "sqlite" else "%s"
        one = " AND ".join(f"{name} = {mark}" for name in names)
        return " OR ".join([f"({one})"] * count)
