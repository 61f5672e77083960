"""The options name a database and tables; what could be meant in two ways is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.sql_tables.options import SqlTablesOptions

URL = "postgresql://syncd@db.example.com/phone"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "oracle://u@h/d"}, "no database that syncd"),
        ({"url": "sqlite:///phone.db", "schema": "phone"}, "has no schemas"),
        ({"url": "mssql://u@h/d?ApplicationIntent=ReadOnly"}, "only reads"),
        ({"url": URL, "schema": ""}, "no name"),
        ({"url": URL, "schema": "a\0b"}, "no name"),
        ({"url": URL, "tables": {"calls": "a%b"}}, "no name"),
        ({"url": URL, "tables": {"calls": "x" * 61}}, "too long"),
        ({"url": URL, "tables": {"calls": "phone", "messages": "Phone"}}, "two tables have one name"),
        ({"url": URL, "tables": {"cals": "x"}}, "cals"),
        ({"url": URL, "timeout": "0s"}, "greater than 0"),
        ({"url": URL, "query": "SELECT 1"}, "query"),
    ],
)
def test_what_means_nothing_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SqlTablesOptions.model_validate(options)


def test_the_password_is_not_shown() -> None:
    options = SqlTablesOptions.model_validate({"url": "postgresql://u:hunter2@h/d", "password": "hunter3"})
    assert "hunter" not in f"{options!r} {options}"


def test_the_schema_is_called_so_in_the_file() -> None:
    assert SqlTablesOptions.model_validate({"url": URL, "schema": "phone"}).in_schema == "phone"
    assert "schema" in SqlTablesOptions.model_json_schema()["properties"]
