"""Whether the tables are there and syncd's own; making them, and columns that they lack. Nothing is ever dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Table, inspect, select, text
from sqlalchemy.schema import CreateColumn, CreateSchema, CreateTable

from connectors.sql_tables.errors import WriteErrors
from connectors.sql_tables.statements import Statements
from connectors.sql_tables.tables import SHAPES, Shape, Tables


@dataclass(frozen=True, slots=True)
class Found:
    """What a database has. ``lacks``: the columns that each table lacks, by role; None: there is no such table.

    ``schema_missing``: the schema is not there.
    """

    lacks: Mapping[str, tuple[str, ...] | None]
    schema_missing: bool = False

    @property
    def absent(self) -> list[str]:
        """The roles of the tables that are not there."""
        return [role for role, lacking in self.lacks.items() if lacking is None]

    @property
    def incomplete(self) -> dict[str, tuple[str, ...]]:
        """The columns that tables lack, by role."""
        return {role: lacking for role, lacking in self.lacks.items() if lacking}


def look(connection: Connection, tables: Tables, errors: WriteErrors) -> Found:
    """Say what is there of the tables.

    Raises:
        SinkInvalid: a table, or a view, of that name is somebody else's.
    """
    inspector = inspect(connection)
    schema = tables["calls"].schema
    # A schema of MySQL is a database, which only an administrator makes.
    has_schemas = connection.dialect.name in {"postgresql", "mssql"}
    if schema is not None and has_schemas and schema not in inspector.get_schema_names():
        return Found(dict.fromkeys(SHAPES), schema_missing=True)
    names = {*inspector.get_table_names(schema), *inspector.get_view_names(schema)}
    # MySQL on some systems, and SQL Server, take Calls for calls.
    folds = connection.dialect.name != "postgresql"
    known = {name.casefold() if folds else name: name for name in names}
    lacks: dict[str, tuple[str, ...] | None] = {}
    for role, table in tables:
        there = known.get(table.name.casefold() if folds else table.name)
        lacks[role] = None
        if there is not None:
            columns = {column["name"]: column for column in inspector.get_columns(there, schema)}
            key = inspector.get_pk_constraint(there, schema)["constrained_columns"]
            _require_ours(table, SHAPES[role], columns, key, errors)
            lacks[role] = tuple(name for name in SHAPES[role].columns if name not in columns)
    return Found(lacks)


def _require_ours(
    table: Table, shape: Shape, columns: Mapping[str, object], key: list[str], errors: WriteErrors
) -> None:
    if set(key) == set(shape.key) and columns.keys() >= set(shape.marks):
        return
    lacking = next((name for name in shape.marks if name not in columns), None)
    why = f"it has no column {lacking}" if lacking else f"its primary key is not {', '.join(shape.key)}"
    raise errors.invalid(f"the table {table.name} is another program's ({why}): give syncd another name in tables")


def complete(connection: Connection, tables: Tables, found: Found, *, columns: bool) -> list[str]:
    """Make what is missing, and say what was made; ``columns``: also the columns that a table lacks."""
    made: list[str] = []
    schema = tables["calls"].schema
    if found.schema_missing and schema is not None:
        connection.execute(CreateSchema(schema))
        made.append(f"schema {schema}")
    for role in found.absent:
        # Another process may make it now. SQL Server has no such words.
        connection.execute(CreateTable(tables[role], if_not_exists=connection.dialect.name != "mssql"))
        made.append(f"table {tables[role].name}")
    for role, lacking in found.incomplete.items() if columns else ():
        table = tables[role]
        for name in lacking:
            connection.execute(text(_add_column(connection, table, name)))
            made.append(f"column {table.name}.{name}")
    return made


def _add_column(connection: Connection, table: Table, name: str) -> str:
    dialect = connection.dialect
    column = CreateColumn(table.columns[name]).compile(dialect=dialect)
    return f"ALTER TABLE {dialect.identifier_preparer.format_table(table)} ADD {column}"


def prove_rights(connection: Connection, tables: Tables, found: Found) -> None:
    """Run every statement of a delivery for no rows; the server refuses those that the user may not run.

    Tables that are not there are made; the caller must roll the transaction back.
    """
    # MySQL would commit. There the first delivery finds out.
    if found.absent and connection.dialect.name not in {"mysql", "mariadb"}:
        complete(connection, tables, found, columns=False)
    for role, table in tables:
        if found.lacks[role] is None:
            continue
        there = [column for column in table.columns if column.name not in (found.lacks[role] or ())]
        none = select(*there).where(text("1 = 0"))
        connection.execute(table.insert().from_select([column.name for column in there], none))
        connection.execute(table.update().values({there[-1]: there[-1]}).where(text("1 = 0")))
        connection.execute(table.delete().where(text("1 = 0")))
    if connection.dialect.name == "postgresql" and found.lacks["calls"] == ():
        connection.exec_driver_sql(Statements(tables["calls"], "postgresql").stage())
