"""What a query is made of, by the rules of each server: texts, names, comments and parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.sql_query.query_text import UnusableQuery, checked, parameters, quoted, table_name, unquoted
from connectors.sql_query.statement import Statement, compiled
from connectors.sql_query.url_options import Kind
from tests.worlds.sql_servers import MariaDb, Postgres
from tests.worlds.sql_sources import read, source
from tests.worlds.sql_sqlite_file import SqliteFile


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1;\n",
        "  select ';' AS a -- ; (\n",
        "WITH a AS (SELECT 1) SELECT * FROM a /* ; */",
        "(SELECT 1) UNION (SELECT 2)",
        "SELECT $x$ ; ) $x$, E'\\'; )', \"a;b\"",
        "VALUES (1)",
    ],
)
def test_a_semicolon_in_a_text_or_comment_is_none(query: str) -> None:
    assert checked(query, "postgresql").strip() == query.strip().removesuffix(";").strip()


def test_what_is_a_text_depends_on_the_server() -> None:
    assert checked("SELECT 'it\\'s; (' # ;", "mysql")
    assert checked("SELECT [a;b)] FROM x", "mssql")
    with pytest.raises(UnusableQuery):
        checked("SELECT 'it\\'s; ('", "postgresql")
    with pytest.raises(UnusableQuery, match="make the query a view"):
        checked("WITH a AS (SELECT 1 AS b) SELECT * FROM a", "mssql")


def test_parameters_are_bound_and_other_colons_are_left() -> None:
    query = "SELECT ':x', a::text, '10:30', \"b:c\" FROM people WHERE branch = :branch AND n LIKE '5%' -- :y"
    assert parameters(query, "postgresql") == ["branch"]
    text, values = compiled(Statement(query, {"branch": 7}), "postgresql")
    assert values == {"branch": 7}
    assert text == query.replace(":branch", "%(branch)s").replace("'5%'", "'5%%'")


@pytest.mark.parametrize(
    ("kind", "query", "kept"),
    [
        ("postgresql", "SELECT 1; -- done", "SELECT 1  -- done"),
        ("postgresql", "SELECT 1 ;; /* done; */ ;\n", "SELECT 1    /* done; */"),
        ("postgresql", "/* a /* b */ c */ SELECT 1", "/* a /* b */ c */ SELECT 1"),
        ("postgresql", "SELECT a$b, $q$ ; $q$, U&'d\\0061;' FROM x", "SELECT a$b, $q$ ; $q$, U&'d\\0061;' FROM x"),
        ("postgresql", "SELECT note'x' -- ;", "SELECT note'x' -- ;"),
        ("mssql", "/* a /* ; */ c */ SELECT 1", "/* a /* ; */ c */ SELECT 1"),
        ("mssql", "SELECT [a]];b] FROM x", "SELECT [a]];b] FROM x"),
        ("mysql", "/* a /* b */ SELECT 1", "/* a /* b */ SELECT 1"),
        ("mysql", "SELECT 5--1 AS id", "SELECT 5--1 AS id"),
        ("mysql", "SELECT 1 # ; (\n", "SELECT 1 # ; ("),
        ("mysql", 'SELECT "a""b;", `c``d;`', 'SELECT "a""b;", `c``d;`'),
        ("sqlite", "/* a /* b */ SELECT 1 --;", "/* a /* b */ SELECT 1 --;"),
    ],
)
def test_one_select_keeps_its_comments_and_loses_the_semicolons_behind_it(kind: Kind, query: str, kept: str) -> None:
    assert checked(query, kind) == kept


@pytest.mark.parametrize(
    ("kind", "query", "said"),
    [
        ("mysql", "SELECT 1 --; DELETE FROM x", "more than one statement"),
        ("mysql", "SELECT 1 /*! ; DELETE FROM x */", "more than one statement"),
        ("mysql", "SELECT 1 /*!50000 ) */", "a ) closes nothing"),
        ("mysql", "/* a /* b */ c */ SELECT 1", "begins with SELECT"),
        ("sqlite", "/* a /* b */ c */ SELECT 1", "begins with SELECT"),
        ("postgresql", "SELECT 1 /* a /* b */", "a /* is not closed"),
        ("postgresql", "SELECT 1 /*/", "a /* is not closed"),
        ("postgresql", "SELECT 'a", "a ' is not closed"),
        ("postgresql", "SELECT 1 # ; DELETE", "more than one statement"),
        ("postgresql", "SELECT a$b$ ; c$b$", "more than one statement"),
        ("mysql", "SELECT `a", "a ` is not closed"),
        ("postgresql", "; -- nothing", "begins with SELECT"),
        ("postgresql", "EXPLAIN SELECT 1", "begins with SELECT"),
    ],
)
def test_everything_else_is_refused(kind: Kind, query: str, said: str) -> None:
    with pytest.raises(UnusableQuery, match=said.replace("(", r"\(").replace(")", r"\)").replace("*", r"\*")):
        checked(query, kind)


@pytest.mark.parametrize(
    ("kind", "query", "names"),
    [
        ("postgresql", "a[1:2], b[ :n ], x::int, j->>':k', '{1}'::int[], :m::text", ["n", "m"]),
        ("postgresql", "E'\\':a', :b, $$:c$$, $t$:d$t$, \":e\", /* :f /* :g */ :h */ :i -- :j", ["b", "i"]),
        ("mysql", "@v:=:a, ':b', \":c\", `:d`, 5--:e\n, 1 -- :f\n, # :g\n :h", ["a", "e", "h"]),
        ("sqlite", "[:a], `:b`, \":c\", ':d', :e", ["e"]),
    ],
)
def test_a_colon_is_a_parameter_only_where_the_server_would_expect_a_value(
    kind: Kind, query: str, names: list[str]
) -> None:
    assert parameters(f"SELECT {query}", kind) == names


NAMES = ["lateral", "collation", "offset", "returning", "current_role", "group", "a%b", "a b", "a.b", 'a"b', "a`b",
         "a[b]", "a:b", "a'b", "a\\b", "Ä€", "ID", "%s", "%(x)s", ":x", "a--b"]  # fmt: skip


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return SqliteFile(tmp_path / "people.db") if request.param == "sqlite" else request.getfixturevalue(request.param)


def test_every_name_of_a_column_works_in_every_statement(server: Any) -> None:
    own = [quoted(name, server.kind) for name in NAMES]
    server.run("DROP TABLE IF EXISTS named", f"CREATE TABLE named ({', '.join(f'{name} int' for name in own)})",
               f"INSERT INTO named VALUES ({', '.join('7' for _ in own)})")  # fmt: skip
    assert source(server, table="named", key=tuple(NAMES)).check() == NAMES
    assert read(source(server, table="named", columns=NAMES, key=()))[0] == [dict.fromkeys(NAMES, "7")]
    for name, column in zip(NAMES, own, strict=True):
        numbered: dict[str, Any] = {"key": (name,), "cursor": {"column": name, "type": "number"}, "sweep": 0}
        connector = source(server, table="named", **numbered)
        assert connector.notes()
        _, end = read(connector)
        _, end = read(connector, end.cursor)
        assert end.present is not None
        assert end.present.rows() == [("7",)]
        assert read(source(server, f"SELECT {column} FROM named", deleted=column, **numbered))[0] == []


@pytest.mark.parametrize("name", ["of people", "of.people", "People", "order", "50%", "ö:x"])
def test_every_name_of_a_table_works(server: Any, name: str) -> None:
    own = quoted(name, server.kind)
    server.run(f"DROP TABLE IF EXISTS {own}", f"CREATE TABLE {own} (id int)", f"INSERT INTO {own} VALUES (7)")
    written = own if "." in name else name
    try:
        assert read(source(server, table=written))[0] == [{"id": "7"}]
        space = {"postgresql": "public", "sqlite": "main"}.get(server.kind) or server.database
        assert read(source(server, table=f"{space}.{written}"))[0] == [{"id": "7"}]
    finally:
        server.run(f"DROP TABLE {own}")


def test_the_parts_of_a_tables_name_may_be_quoted() -> None:
    assert table_name('rent."my.people"', "postgresql") == '"rent"."my.people"'
    assert table_name("dbo.[my]]people]", "mssql") == "[dbo].[my]]people]"
    assert unquoted("a b", "mysql") is None
    assert unquoted("'a'", "mysql") is None
    assert unquoted("`a` OR 1", "mysql") is None


def test_a_column_that_sqlite_does_not_have_is_no_text(tmp_path: Path) -> None:
    server = SqliteFile(tmp_path / "people.db")
    server.run("CREATE TABLE people (id int)", "INSERT INTO people VALUES (1)")
    with pytest.raises(Exception, match="no such column"):
        read(source(server, table="people", columns=["nme"]))


def test_pymssql_alone_takes_a_percent_sign_as_it_is() -> None:
    statement = Statement("SELECT [a%b] WHERE x = :x", {"x": 1})
    assert compiled(statement, "mssql") == ("SELECT [a%b] WHERE x = %(x)s", {"x": 1})


@pytest.mark.parametrize("query", ["SELECT 1 AS id; -- done", "SELECT 1 AS id /* ; */ ;"])
def test_a_comment_behind_the_semicolon_does_no_harm(server: Any, query: str) -> None:
    server.run("DROP TABLE IF EXISTS named", "CREATE TABLE named (nr int)")
    for cursor in (None, {"column": "id", "type": "number"}):
        assert read(source(server, query, cursor=cursor))[0] == [{"id": "1"}]


def test_a_parameter_may_be_null(server: Any) -> None:
    server.run("DROP TABLE IF EXISTS named", "CREATE TABLE named (nr varchar(9))", "INSERT INTO named VALUES ('x')")
    query = "SELECT nr, :n AS note FROM named WHERE :n IS NULL OR nr = :n"
    assert read(source(server, query, key=("nr",), params={"n": None}))[0] == [{"nr": "x", "note": None}]


def test_comments_within_comments_are_read_by_postgresql(postgres: Postgres) -> None:
    assert read(source(postgres, "/* a /* b */ c */ SELECT 1 AS id"))[0] == [{"id": "1"}]


@pytest.mark.parametrize(
    ("query", "found"),
    [("SELECT 5--1 AS id", "6"), ("SELECT STRAIGHT_JOIN 7 AS id", "7"), ("SELECT /*! 8 + */ 1 AS id", "9")],
)
def test_mariadbs_own_ways_to_write_are_read(mariadb: MariaDb, query: str, found: str) -> None:
    assert read(source(mariadb, query))[0] == [{"id": found}]
