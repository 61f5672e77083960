"""Values of every database type become text without loss."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest

from connectors.sql_query.text import text_of, with_lists
from tests.contract.suite import drain
from tests.worlds.sql_servers import MariaDb, Postgres
from tests.worlds.sql_sources import read, source, values
from tests.worlds.sql_sqlite_file import SqliteFile


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("12345678901234567890.1230::numeric", "12345678901234567890.1230"),
        ("1e-7::float8", "1e-07"),
        ("0.1::float8 + 0.2", "0.30000000000000004"),
        ("'NaN'::float8", "NaN"),
        ("true", "true"),
        ("NULL::boolean", None),
        ("''", ""),
        ("NULL::text", None),
        ("'\\N'", "\\N"),
        ("'a,b\"c' || chr(10) || 'd'", 'a,b"c\nd'),
        ("'\\xdeadbeef'::bytea", "deadbeef"),
        ("timestamp '2026-03-08 02:30:00.5'", "2026-03-08 02:30:00.5"),
        ("timestamptz '2026-07-01 10:00:00-04'", "2026-07-01 14:00:00+00"),
        ("date '2026-01-31'", "2026-01-31"),
        ("date 'infinity'", "infinity"),
        ("time '10:00'", "10:00:00"),
        ("interval '1 day 2 hours'", "1 day 02:00:00"),
        ("'6f1a0bb4-0000-4000-8000-000000000001'::uuid", "6f1a0bb4-0000-4000-8000-000000000001"),
        ("'{\"a\": [1, 2]}'::jsonb", '{"a": [1, 2]}'),
        ('\'["212-555-0100", null, "x"]\'::json', "212-555-0100; x"),
        ("'[2125550100, 2125550101]'::jsonb", "2125550100; 2125550101"),
        ("ARRAY['2125550100', NULL, '2125550101']", "2125550100; 2125550101"),
        ("ARRAY[]::text[]", ""),
        ("ARRAY[1, 2]", "1; 2"),
        ("inet '192.0.2.1'", "192.0.2.1"),
    ],
)
def test_postgresql_types_are_text(postgres: Postgres, expression: str, text: str | None) -> None:
    assert values(postgres, f"{expression} AS x") == [text]
    assert values(postgres, f"1 AS id, {expression} AS x") == ["1", text]


def test_the_server_settings_of_a_user_do_not_change_the_text(postgres: Postgres) -> None:
    postgres.run(
        f"ALTER DATABASE {postgres.database} SET TimeZone = 'America/New_York'",
        f"ALTER DATABASE {postgres.database} SET DateStyle = 'German'",
        f"ALTER DATABASE {postgres.database} SET extra_float_digits = 0",
    )
    try:
        assert values(postgres, "timestamptz '2026-07-01 10:00+00' AS a, 0.1::float8 + 0.2 AS b") == [
            "2026-07-01 10:00:00+00",
            "0.30000000000000004",
        ]
    finally:
        postgres.run(f"ALTER DATABASE {postgres.database} RESET ALL")


@pytest.mark.parametrize(
    ("kind", "literal", "text"),
    [
        ("decimal(30,4)", "12345678901234567890.1230", "12345678901234567890.1230"),
        ("double", "0.1", "0.1"),
        ("tinyint(1)", "1", "1"),
        ("bit(10)", "1023", "1023"),
        ("datetime(3)", "'2026-01-01 10:00:00.5'", "2026-01-01 10:00:00.500"),
        ("datetime", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00"),
        ("date", "'2026-02-31'", "0000-00-00"),
        ("time", "'-25:00:00'", "-25:00:00"),
        ("year", "2026", "2026"),
        ("varbinary(4)", "x'00ff'", "00ff"),
        ("varchar(10) character set latin1", "'José'", "José"),
        ("varchar(10)", "'😀'", "😀"),
        ("text", "''", ""),
        ("text", "NULL", None),
        ("json", '\'["2125550100", "2125550101"]\'', "2125550100; 2125550101"),
        ("enum('x','y')", "'y'", "y"),
    ],
)
def test_mariadb_types_are_text(mariadb: MariaDb, kind: str, literal: str, text: str | None) -> None:
    mariadb.run("SET sql_mode = ''", "DROP TABLE IF EXISTS kinds", f"CREATE TABLE kinds (x {kind})",
                f"INSERT INTO kinds VALUES ({literal})")  # fmt: skip
    assert read(source(mariadb, table="kinds", key=()))[0] == [{"x": text}]


def test_a_mariadb_timestamp_is_in_utc(mariadb: MariaDb) -> None:
    mariadb.run("DROP TABLE IF EXISTS kinds", "CREATE TABLE kinds (x timestamp)", "SET time_zone = '-04:00'",
                "INSERT INTO kinds VALUES ('2026-07-01 10:00:00')")  # fmt: skip
    assert read(source(mariadb, table="kinds", key=()))[0] == [{"x": "2026-07-01 14:00:00"}]


def test_numbers_joined_by_mariadb_are_not_cut(mariadb: MariaDb) -> None:
    mariadb.run("SET GLOBAL group_concat_max_len = 20")
    try:
        [text] = values(mariadb, "GROUP_CONCAT(seq SEPARATOR ';') AS x FROM seq_1_to_1000")
    finally:
        mariadb.run("SET GLOBAL group_concat_max_len = DEFAULT")
    assert text is not None
    assert text.split(";")[-1] == "1000"


def test_a_text_that_mariadb_has_to_cut_is_an_error_and_no_value(mariadb: MariaDb) -> None:
    with pytest.raises(Exception, match="GROUP_CONCAT has cut a text"):
        values(mariadb, "GROUP_CONCAT(REPEAT('x', 900) SEPARATOR ';') AS x FROM seq_1_to_2000")


@pytest.fixture
def sqlite(tmp_path: Path) -> SqliteFile:
    return SqliteFile(tmp_path / "people.db")


@pytest.mark.parametrize(
    ("expression", "text"),
    [("1", "1"), ("1.0", "1"), ("0.1 + 0.2", "0.30000000000000004"), ("'x'", "x"), ("''", ""), ("NULL", None),
     ("x'00ff'", "00ff"), ("9223372036854775807", "9223372036854775807"), ("'[\"a\", \"b\"]'", "a; b"),
     ("'[1] see below'", "[1] see below")],
)  # fmt: skip
def test_sqlite_values_are_text(sqlite: SqliteFile, expression: str, text: str | None) -> None:
    sqlite.run("CREATE TABLE x (y)")
    assert values(sqlite, f"{expression} AS x") == [text]


def test_a_text_of_sqlite_that_is_not_utf8_is_a_malformed_row_with_its_number(sqlite: SqliteFile) -> None:
    sqlite.run(
        "CREATE TABLE people (id, name)", "INSERT INTO people VALUES (1, 'Ann'), (2, CAST(x'ff' AS text)), (3, 'Cy')"
    )
    [page], end = drain(source(sqlite, table="people"))
    assert page.frame.rows() == [("1", "Ann"), ("3", "Cy")]
    assert list(page.lines) == [1, 3]
    assert [(bad.line, bad.reason) for bad in page.malformed] == [(2, "name: the text is not in UTF-8")]
    assert end.proof == "complete"


def test_a_text_of_postgresql_that_is_not_utf8_is_a_malformed_row_with_its_number(postgres: Postgres) -> None:
    name = f"{postgres.database}_ascii"
    postgres.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
    whole, postgres.database = postgres.database, name
    try:
        postgres.run("CREATE TABLE people (id int, name text)",
                     "INSERT INTO people VALUES (1, 'Ann'), (2, E'\\xe9'), (3, 'Cy')")  # fmt: skip
        [page], _ = drain(source(postgres, table="people"))
    finally:
        postgres.drop()
        postgres.database = whole
    assert page.frame.rows() == [("1", "Ann"), ("3", "Cy")]
    assert [(bad.line, bad.reason) for bad in page.malformed] == [(2, "a text is not in UTF-8")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (1.5, "1.5"),
        (1e300, "1e+300"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+2"), "100"),
        (datetime(2026, 7, 1, 10, 0), "2026-07-01 10:00:00"),  # noqa: DTZ001  (a database's time without a zone)
        (datetime(2026, 7, 1, 10, 0, tzinfo=timezone(timedelta(hours=-4))), "2026-07-01 14:00:00+00"),
        (datetime(2026, 7, 1, 10, 0, 0, 500000, tzinfo=UTC), "2026-07-01 10:00:00.500000+00"),
        (date(2026, 1, 31), "2026-01-31"),
        (time(10, 30), "10:30:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"\x00\xff", "00ff"),
        (["a", None, 1], "a; 1"),
        ([["a"]], '[["a"]]'),
        ({"a": "é"}, '{"a": "é"}'),
    ],
)
def test_what_drivers_bring_is_text(value: Any, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("text", "typed", "untyped"),
    [
        ('["a", "b"]', "a; b", "a; b"),
        ("[null]", "", ""),
        ("[]", "", ""),
        ("[1, 2.50]", "1; 2.50", "[1, 2.50]"),
        ('[{"a": 1}]', '[{"a": 1}]', '[{"a": 1}]'),
        ('["a', '["a', '["a'),
        ("[sic]", "[sic]", "[sic]"),
        ("x", "x", "x"),
        (None, None, None),
    ],
)
def test_a_list_of_texts_is_one_text(text: str | None, typed: str | None, untyped: str | None) -> None:
    frame = pl.DataFrame(
        {"typed": [text, "z"], "untyped": [text, None]}, schema={"typed": pl.String, "untyped": pl.String}
    )
    assert with_lists(frame, {"typed": True}).row(0) == (typed, untyped)
