"""The options of a SQL source: what they refuse, in which words, and that no message shows a password."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.sql_query import url as sql_url
from connectors.sql_query.options import SqlOptions
from syncd.config import load
from syncd.errors import ConfigError

URL = "postgresql://reader@db.example.com/rent"
ALL = {"url": URL, "query": "SELECT id FROM people"}


def made(**options: Any) -> SqlOptions:
    return SqlOptions(**options)


def refused(**options: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        made(**{**ALL, **options})
    return caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("url", "title"),
    [
        ("postgresql://u@h/d", "PostgreSQL"),
        ("postgres://u@h/d", "PostgreSQL"),
        ("postgresql+psycopg://u@h/d", "PostgreSQL"),
        ("mariadb://u@h/d", "MariaDB"),
        ("mysql+pymysql://u@h/d", "MySQL"),
        ("sqlite:///rent.db", "SQLite"),
        ("jdbc:postgresql://u@h:5432/d?ssl=true", "PostgreSQL"),
        ("jdbc:mysql://h/d?user=u&password=p&useSSL=false&characterEncoding=utf8", "MySQL"),
        ("mssql://u@h/d", "SQL Server"),
    ],
)
def test_each_server_has_its_urls(url: str, title: str) -> None:
    assert made(url=url, query="SELECT 1").url.product.title == title


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("db.example.com/rent", "this is not the URL of a database"),
        ("oracle://u@h/d", "'oracle' is no database that syncd reads"),
        ("postgresql+asyncpg://u@h/d", r"reads PostgreSQL by psycopg only: leave out \+asyncpg"),
        ("postgresql://u@h", "names no database"),
        ("postgresql://u@h:port/d", "this is no URL; put the password into the option password"),
        ("postgresql://u:pa@ss/w@h/d", "put the password into the option password"),
        ("sqlite://", "an SQLite database is a file"),
        (7, "this is not the URL of a database"),
        ("postgresql://u@h/d?sslmode=bogus", "write sslmode=disable, prefer, require, verify-ca or verify-full"),
        ("postgresql://u@h/d?sslrotcert=x", r"no option sslrotcert \(did you mean 'sslrootcert'\?\)"),
        ("mariadb://u@h/d?ssl_caa=x", r"no option ssl_caa \(did you mean 'ssl_ca'\?\)"),
        ("mariadb://u@h/d?init_command=DELETE", "no option init_command"),
        ("mssql://u@h/d?trusted_connection=yes", "name a user of SQL Server"),
        ("sqlite:///rent.db?password=x", "SQLite has no option password"),
    ],
)
def test_a_wrong_url_is_told_with_the_remedy(url: object, said: str) -> None:
    import re

    assert re.search(said, refused(url=url))


def test_a_missing_driver_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_url, "find_spec", lambda _: None)
    assert "PostgreSQL needs its driver: pip install 'syncd[postgres]'" in refused()
    assert "pip install 'syncd[mysql]'" in refused(url="mariadb://u@h/d")
    assert "pip install 'syncd[mssql]'" in refused(url="mssql://u@h/d")


def test_the_password_is_never_shown() -> None:
    options = made(url="postgresql://reader:s3cret@db.example.com/rent", password="t0psecret", query="SELECT 1")
    for shown in (str(options), repr(options), str(options.url), options.url.place, repr(options.url)):
        assert "s3cret" not in shown
        assert "t0psecret" not in shown
    assert options.url.with_password("p@:/%ss").password == "p@:/%ss"
    assert "s3cret" not in refused(url="postgresql://reader:s3cret@db.example.com:x/rent")


def test_the_options_of_a_url_are_understood_and_show_no_password() -> None:
    url = made(
        url="mysql://h/d?user=reader&password=s3cret&useSSL=true&ssl-key-password=t0p&serverTimezone=UTC",
        query="SELECT 1",
    ).url
    assert (url.url.username, url.url.password) == ("reader", "s3cret")
    assert dict(url.url.query) == {"sslmode": "require", "ssl_key_password": "t0p"}
    assert "s3cret" not in str(url)
    assert "t0p" not in str(url)
    several = made(url="postgresql://u:p@one:5432,[::1]/d?currentSchema=rent&ssl=true", query="SELECT 1").url
    assert several.place == "PostgreSQL at one,::1"
    assert dict(several.url.query) == {
        "options": "-csearch_path=rent", "sslmode": "require", "host": "one,::1", "port": "5432,"
    }  # fmt: skip


def test_a_sqlite_file_is_beside_the_configuration() -> None:
    options = SqlOptions.model_validate(
        {"url": "sqlite:///rent.db", "table": "people"}, context={"folder": "/etc/syncd"}
    )
    assert options.url.url.database == "/etc/syncd/rent.db"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"query": None}, "write either query or table"),
        ({"table": "people"}, "write either query or table"),
        ({"columns": ["id"]}, "columns go with table"),
        ({"query": None, "table": "people", "columns": ["id", "id"]}, "names a column twice"),
        ({"query": "UPDATE people SET id = 1"}, "a query begins with SELECT"),
        ({"query": "-- nothing\n"}, "a query begins with SELECT"),
        ({"query": "SELECT 1; DELETE FROM people"}, "more than one statement"),
        ({"query": "SELECT 1) x; COMMIT; SELECT * FROM (SELECT 1"}, "a ) closes nothing"),
        ({"query": "SELECT (1"}, "a ( is not closed"),
        ({"query": "SELECT :branch"}, "parameter :branch is not in params"),
        ({"query": "SELECT :branch", "params": {"brnch": 7}}, r"(did you mean 'brnch'?)"),
        ({"params": {"branch": 7}}, "params has branch, which the query does not use"),
        ({"deleted": "gone) OR (1=1"}, "a ) closes nothing"),
        ({"fetch": 0}, "greater than or equal to 1"),
        ({"isolation": "dirty"}, "'snapshot', 'serializable' or 'read_committed'"),
        ({"cursor": {"column": "x", "type": "text"}}, "'timestamp', 'date', 'number', 'epoch' or 'epoch_ms'"),
        ({"timeout": "soon"}, "is not a duration: write 30s"),
    ],
)
def test_wrong_options_are_told_with_the_remedy(options: dict[str, Any], said: str) -> None:
    assert said in refused(**options)


def test_a_configuration_error_names_the_line_and_hides_the_password(tmp_path: Path) -> None:
    source = {
        "connector": "sql",
        "options": {"url": "postgresql://u:${DB_PASSWORD}@h:x/d", "query": "SELECT 1; SELECT 2"},
        "key": "id",
        "mapping": {"External ID": "id"},
    }
    path = tmp_path / "syncd.yaml"
    path.write_text(json.dumps({"target": {"api_key": "k"}, "state": "s.db", "sources": {"people": source}}, indent=1))
    with pytest.raises(ConfigError) as caught:
        load(path, {"DB_PASSWORD": "s3cret"})
    [problem] = caught.value.problems
    assert problem.startswith(f"{path}:10: sources.people.options.url: this is no URL")
    assert "s3cret" not in problem


def test_another_password_is_the_same_source_and_another_query_is_not(tmp_path: Path) -> None:
    def digest(**options: Any) -> str:
        source = {"connector": "sql", "options": {**ALL, **options}, "key": "id", "mapping": {"External ID": "id"}}
        path = tmp_path / "syncd.yaml"
        path.write_text(json.dumps({"target": {"api_key": "k"}, "state": "s.db", "sources": {"people": source}}))
        return load(path).sources["people"].digest

    assert digest(password="one") == digest(password="two")
    assert digest(password="one") != digest(password="one", query="SELECT id FROM others")
