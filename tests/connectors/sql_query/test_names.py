"""The names that syncd writes into statements are never taken for names of the user's columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from syncd.source import End
from tests.examples import SOAKING
from tests.worlds.commands import Command
from tests.worlds.sql_sources import read, source
from tests.worlds.sql_sqlite_file import SqliteFile
from tests.worlds.world import World

CURSOR = {"column": "changed", "type": "number", "overlap": 0}
OWN = ["syncd_cursor", "SYNCD_CURSOR", "syncd_deleted", "Syncd_Deleted", "syncd_rows", "syncd_since", "syncd_keys",
       "syncd_single", "n", "lacking", "rows", "@key", "@row", "@line", "_", "cursor", "deleted"]  # fmt: skip
SOME = OWN if SOAKING else ["SYNCD_CURSOR", "syncd_rows", "n", "rows", "@key"]
"""Names that are tried with a server too: those of each kind."""
EACH = [*(("sqlite", own) for own in OWN), *((server, own) for server in ("postgres", "mariadb") for own in SOME)]


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return SqliteFile(tmp_path / "people.db") if request.param == "sqlite" else request.getfixturevalue(request.param)


def quoted(server: Any, name: str) -> str:
    return f"`{name}`" if server.kind == "mysql" else f'"{name}"'


def table(server: Any, own: str) -> None:
    """Make a table whose column ``own`` is a text that is unlike the cursor and the mark."""
    server.run("DROP TABLE IF EXISTS people",
               f"CREATE TABLE people (id varchar(9), {quoted(server, own)} varchar(9), changed int, gone int)",
               "INSERT INTO people VALUES ('1', 'Ann', 1, 0), ('2', 'Bob', 1, 0), ('3', 'Cy', 1, 1)")  # fmt: skip


def present(end: End) -> list[str]:
    assert isinstance(end.present, pl.DataFrame)
    return end.present.to_series().to_list()


@pytest.mark.parametrize(("server", "own"), EACH, indirect=["server"])
@pytest.mark.parametrize("by", ["table", "query"])
def test_a_column_may_have_any_name(server: Any, own: str, by: str) -> None:
    table(server, own)
    what: dict[str, Any] = {"table": "people"} if by == "table" else {"query": "SELECT * FROM people"}
    connector = source(server, **what, cursor=CURSOR, deleted="gone", sweep=0)
    assert connector.check() == ["id", own, "changed", "gone"]
    rows, end = read(connector)
    assert [row[own] for row in rows] == ["Ann", "Bob"]
    server.run(f"UPDATE people SET changed = 2, {quoted(server, own)} = 'Anna' WHERE id = '1'",
               "UPDATE people SET changed = 2, gone = 1 WHERE id = '2'")  # fmt: skip
    rows, end = read(connector, end.cursor)
    assert [row[own] for row in rows] == ["Anna"]
    assert end.deleted == {"2"}
    assert present(end) == ["1"]


@pytest.mark.parametrize(("server", "own"), EACH, indirect=["server"])
def test_such_a_column_may_be_the_key(server: Any, own: str) -> None:
    table(server, own)
    connector = source(server, table="people", key=(own,), cursor=CURSOR, deleted="gone", sweep=0)
    assert f"the key {own}: unique in 3 rows" in [note.text for note in connector.notes()]
    _, end = read(connector)
    server.run("UPDATE people SET changed = 2, gone = 1 WHERE id = '2'")
    _, end = read(connector, end.cursor)
    assert end.deleted == {"Bob"}
    assert present(end) == ["Ann"]


@pytest.mark.parametrize("own", ["syncd_cursor", "syncd_deleted"])
def test_such_a_column_may_be_the_cursor_and_the_mark(server: Any, own: str) -> None:
    server.run("DROP TABLE IF EXISTS people", f"CREATE TABLE people (id varchar(9), {own} int)",
               "INSERT INTO people VALUES ('1', 0), ('2', 1)")  # fmt: skip
    cursor = {**CURSOR, "column": own}
    connector = source(server, table="people", cursor=cursor, deleted=own)
    rows, end = read(connector)
    assert [row["id"] for row in rows] == ["1"]
    server.run(f"UPDATE people SET {own} = 2 WHERE id = '1'")
    assert read(connector, end.cursor)[1].deleted == {"1"}


@pytest.mark.parametrize("name", ["syncd_since", "syncd_key_0_0", "syncd_other"])
def test_a_parameter_with_a_name_of_syncds_own_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=f"params: {name}: names that begin with syncd_ are syncd's own"):
        source(None, f"SELECT * FROM people WHERE a = :{name}", url="sqlite:///x.db", params={name: 1})


def test_a_mark_that_is_no_utf8_is_named_as_the_option(tmp_path: Path) -> None:
    server = SqliteFile(tmp_path / "people.db")
    server.run("CREATE TABLE people (id text, gone text)",
               "INSERT INTO people VALUES ('1', 'no'), ('2', CAST(x'ff' AS text))")  # fmt: skip
    [page] = source(server, table="people", columns=["id"], deleted="gone").read(None)
    assert [row.reason for row in page.malformed] == ["deleted: the text is not in UTF-8"]


@pytest.mark.parametrize("own", ["syncd_cursor", "syncd_deleted", "@key"])
def test_a_run_reads_a_table_with_such_a_column(company: World, syncd: Command, server: Any, own: str) -> None:
    table(server, own)
    options = {"url": server.url, "table": "people", "cursor": CURSOR, "deleted": "gone", "sweep": 0}
    company.sources["tenants"] = {"connector": "sql", "options": options, "key": "id",
                                  "mapping": {"External ID": "id", "Name": own}}  # fmt: skip
    company.settings()
    assert syncd("check")[0] == 0
    for name in ("Ann", "Anna"):
        server.run(f"UPDATE people SET changed = changed + 1, {quoted(server, own)} = '{name}' WHERE id = '1'")
        code, out, err = syncd("run")
        assert code == 0, out + err
        assert {key: each["Name"] for key, each in company.there().items()} == {"1": name, "2": "Bob"}
