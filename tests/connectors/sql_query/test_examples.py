"""The example configurations of SQL sources load, and each query runs on its server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.sql_query.connector import SqlQuery
from connectors.sql_query.options import SqlOptions
from syncd.config import Source, load
from syncd.core.schema import Field, Schema
from syncd.read.contact_mapping import contact_mapping
from tests.worlds.sql_sources import read
from tests.worlds.sql_sqlite_file import SqliteFile

EXAMPLES = Path(__file__).parents[3] / "config" / "sources" / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("people_*.yaml"))
PERSON = (
    "person_id int, first_name varchar(20), last_name varchar(20), email varchar(40), "
    "branch varchar(9), left_on date, updated_at timestamp"
)
TABLES = [
    "DROP TABLE IF EXISTS people",
    "DROP TABLE IF EXISTS phones",
    f"CREATE TABLE people ({PERSON})",
    "CREATE TABLE phones (person_id int, number varchar(20), position int)",
    "INSERT INTO people VALUES (1, 'Ann', 'Ames', NULL, 'north', NULL, '2026-01-01 10:00:00')",
    "INSERT INTO phones VALUES (1, '(212) 555-0100', 1), (1, '(212) 555-0101', 2)",
]


def example(name: str, folder: Path) -> Source:
    path = folder / "syncd.yaml"
    include = [str(EXAMPLES / f"{name}.yaml")]
    path.write_text(json.dumps({"target": {"api_key": "k"}, "state": "s.db", "include": include}))
    return load(path, {"RENT_DB_PASSWORD": "p@ss"}).sources[name]


def test_there_is_one_for_each_server() -> None:
    assert NAMES == ["people_mariadb", "people_postgresql", "people_sqlite", "people_sqlserver"]


@pytest.mark.parametrize("name", NAMES)
def test_it_loads(name: str, tmp_path: Path) -> None:
    assert example(name, tmp_path).rules.key == ("person_id",)


@pytest.mark.parametrize("name", ["postgresql", "mariadb", "sqlite"])
def test_its_query_runs(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    server: Any = SqliteFile(tmp_path / "rent.db")
    if name != "sqlite":
        server = request.getfixturevalue({"postgresql": "postgres"}.get(name, name))
    server.run(*TABLES)
    configured = example(f"people_{name}", tmp_path)
    options = configured.options.model_copy(
        update={"url": SqlOptions.model_validate({"url": server.url, "table": "x"}).url, "password": None}
    )
    connector = SqlQuery("people", options, configured.connect().needs)
    columns = connector.check()
    fields = [
        Field(id=number, name=name, is_phone=name == "Phone") for number, name in enumerate(configured.rules.mapping, 1)
    ]
    assert contact_mapping(configured, columns, Schema(tuple(fields))).fields
    [row], end = read(connector)
    assert row["phones"].replace("; ", ";") == "(212) 555-0100;(212) 555-0101"
    assert end.proof == "complete"
