"""A connection that the driver or the server refuses is for a person to mend; what may pass is tried again later."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.sql_query import snapshot
from connectors.sql_query.errors import DriverErrors
from connectors.sql_query.options import SqlOptions
from syncd.errors import SourceError, SourceInvalid, SourceUnavailable
from tests.worlds import sql_servers
from tests.worlds.certificates import Certificates, certificates
from tests.worlds.sql_servers import Killable, MariaDb, Postgres
from tests.worlds.sql_sources import read, source

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to the server's user")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # The server's user cannot look into pytest's own folders.
    with tempfile.TemporaryDirectory(prefix="syncdtest") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[tuple[Killable, Certificates]]:
    """A PostgreSQL server with TLS that lets only some users in."""
    with sql_servers.started_postgres() as server, sql_servers.owned(server):
        made = certificates(folder / "postgres", "postgres")
        server.run("CREATE ROLE sleeper NOLOGIN", "CREATE ROLE outsider LOGIN", "CREATE ROLE stranger LOGIN",
                   "CREATE ROLE known LOGIN PASSWORD 'Zażółć€'", "CREATE DATABASE closed",
                   "REVOKE CONNECT ON DATABASE closed FROM PUBLIC", "ALTER SYSTEM SET ssl = on",
                   f"ALTER SYSTEM SET ssl_cert_file = '{made.certificate}'",
                   f"ALTER SYSTEM SET ssl_key_file = '{made.key}'")  # fmt: skip
        lines = [
            "local all all trust",
            "host all stranger 127.0.0.1/32 reject",
            "host all known 127.0.0.1/32 scram-sha-256",
        ]
        lines += ["host all postgres,sleeper,outsider 127.0.0.1/32 trust"]
        (server.data / "pg_hba.conf").write_text("\n".join([*lines, ""]))
        server.run("SELECT pg_reload_conf()")
        yield server, made


def failure(url: str, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source(None, "SELECT 1 AS id", url=url, **options).check()
    return caught.value


@pytest.mark.parametrize(
    ("user", "end", "said"),
    [
        ("sleeper", "", r"refuses the user.*\(role .* is not permitted to log in\)"),
        ("nobody", "", "pg_hba.conf needs a line"),
        ("stranger", "", r"pg_hba.conf needs a line for the user, database and address \(pg_hba.conf rejects"),
        ("postgres", "_not", "has no such database"),
        ("outsider", "closed", "GRANT CONNECT ON DATABASE"),
        ("known", "", "refuses the user"),
        ("postgres", "?sslmode=verify-full", "check sslmode, sslrootcert and the host"),
        ("postgres", "?sslmode=verify-ca&sslrootcert=/nowhere.pem", r'\(root certificate file "/nowhere.pem"'),
        ("postgres", "?sslmode=verify-full&sslrootcert={ca}", "does not match host name"),
        ("postgres", "?sslmode=verify-ca&sslrootcert={other}", "certificate verify failed"),
        ("postgres", "?service=nowhere", r'check service in the URL \(definition of service "nowhere" not found\)'),
        ("postgres", "?options=-c%20nonsense%3D1", r"is refused.*\(unrecognized configuration parameter"),
        ("postgres", "?target_session_attrs=bogus", "is refused"),
        ("postgres", "?channel_binding=require&sslmode=disable", "channel binding"),
    ],
)  # fmt: skip
def test_what_postgresql_or_its_driver_refuses_names_the_setting(
    guarded: tuple[Killable, Certificates], folder: Path, user: str, end: str, said: str
) -> None:
    server, made = guarded
    other = folder / "other.pem"
    if not other.exists():
        shutil.copy(certificates(folder / "other", "postgres").authority, other)
    database = end if end.isalpha() else server.database
    end = "" if end.isalpha() else end.format(ca=made.authority, other=other)
    error = failure(f"postgresql://{user}@127.0.0.1:{server.port}/{database}{end}")
    assert isinstance(error, SourceInvalid), error
    with pytest.raises(SourceError, match=said):
        raise error


def test_a_trusted_certificate_and_a_password_of_any_alphabet_are_let_in(
    guarded: tuple[Killable, Certificates],
) -> None:
    server, made = guarded
    options = f"?sslmode=verify-ca&sslrootcert={made.authority}"
    url = f"postgresql://known@127.0.0.1:{server.port}/{server.database}{options}"
    assert source(None, "SELECT 1 AS id", url=url, password="Zażółć€").check() == ["id"]
    assert "refuses the user" in str(failure(url, password="Müller"))


@pytest.mark.parametrize("form", ["postgresql://{user}@{socket}:{port}/{db}", "postgresql://{user}@/{db}?host={socket}&port={port}",
                                  "postgresql://{user}@127.0.0.1:1,127.0.0.1:{port}/{db}",
                                  "postgresql:///?dbname={db}&host={socket}&port={port}&user={user}"])  # fmt: skip
def test_sockets_and_several_hosts_are_reached(guarded: tuple[Killable, Certificates], form: str) -> None:
    server, _ = guarded
    socket = str(server.data.parent).replace("/", "%2F")
    url = form.format(user="postgres", socket=socket, port=server.port, db=server.database)
    connector = source(None, "SELECT 1 AS id", url=url)
    assert connector.check() == ["id"]


@pytest.mark.parametrize(
    "url",
    ["postgresql://u@127.0.0.1:1,127.0.0.1:2/d", "postgresql://u@no-host.invalid/d", "postgresql://u@%2Fnowhere/d",
     "mariadb://u@no-host.invalid/d", "mssql://u@127.0.0.1:1/d"],
)  # fmt: skip
def test_what_does_not_answer_is_tried_again_later(url: str) -> None:
    error = failure(url)
    assert isinstance(error, SourceUnavailable), error
    assert "check that it runs" in str(error)


def test_a_full_server_is_tried_again_later(guarded: tuple[Killable, Certificates]) -> None:
    server, _ = guarded
    server.run("ALTER ROLE outsider CONNECTION LIMIT 0")
    try:
        error = failure(f"postgresql://outsider@127.0.0.1:{server.port}/{server.database}")
    finally:
        server.run("ALTER ROLE outsider CONNECTION LIMIT -1")
    assert isinstance(error, SourceUnavailable)
    assert "takes no more connections now" in str(error)


@pytest.mark.parametrize(
    "text",
    ["FATAL:  the database system is starting up", "FATAL:  the database system is shutting down",
     "FATAL:  sorry, too many clients already", "FATAL:  schon zu viele Verbindungen", "timeout expired",
     "server closed the connection unexpectedly", "SSL SYSCALL error: EOF detected", "session is read-only"],
)  # fmt: skip
def test_postgresqls_passing_troubles_are_tried_again_later(text: str) -> None:
    errors = DriverErrors(SqlOptions.model_validate({"url": "postgresql://u@h/d", "table": "x"}).url, 5)
    found = errors._postgres_refusal(f'connection failed: connection to server at "10.0.0.1", port 5432 failed: {text}')
    assert isinstance(found, SourceUnavailable), found


@pytest.fixture(scope="module")
def secured(folder: Path) -> Iterator[tuple[MariaDb, Certificates]]:
    made = certificates(folder / "mariadb", "mysql")
    options = [f"--ssl-cert={made.certificate}", f"--ssl-key={made.key}", f"--ssl-ca={made.authority}"]
    with sql_servers.started_mariadb(*options) as server, sql_servers.owned(server):
        yield server, made


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("ssl_ca=/nowhere.pem", "ssl_ca: the file /nowhere.pem cannot be read"),
        ("ssl_ca={ca}", "certificate is not valid for"),
        ("sslMode=VERIFY_CA", r"encrypted connection cannot be made \(.*certificate"),
        ("sslmode=verify-ca&ssl_ca={other}", r"encrypted connection cannot be made \(.*certificate"),
        ("sslca={key}", "holds no certificate"),
    ],
)
def test_a_certificate_that_mariadb_is_not_trusted_with_names_the_setting(
    secured: tuple[MariaDb, Certificates], folder: Path, end: str, said: str
) -> None:
    server, made = secured
    other = folder / "another" / "ca.pem"
    if not other.exists():
        certificates(folder / "another", "mysql")
    error = failure(f"{server.url}?{end.format(ca=made.authority, other=other, key=made.key)}")
    assert isinstance(error, SourceInvalid), error
    with pytest.raises(SourceError, match=said):
        raise error


@pytest.mark.parametrize("end", ["ssl=true", "sslmode=require", "useSSL=true&trustServerCertificate=true",
                                 "sslMode=REQUIRED", "ssl-mode=verify_ca&ssl-ca={ca}",
                                 "ssl_ca={ca}&ssl_check_hostname=false"])  # fmt: skip
def test_the_options_of_other_drivers_encrypt(secured: tuple[MariaDb, Certificates], end: str) -> None:
    server, made = secured
    url = f"{server.url}?{end.format(ca=made.authority)}"
    status = "information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'SSL_CIPHER'"
    query = f"SELECT VARIABLE_NAME AS id, VARIABLE_VALUE AS v FROM {status}"
    [row], _ = read(source(server, query, url=url))
    assert row["v"]


@pytest.mark.parametrize("end", ["useSSL=false", "ssl_disabled=true", "useUnicode=true&characterEncoding=utf8",
                                 "autoReconnect=true&serverTimezone=UTC&allowPublicKeyRetrieval=true"])  # fmt: skip
def test_the_options_of_other_drivers_do_no_harm(mariadb: MariaDb, end: str) -> None:
    assert source(mariadb, "SELECT 1 AS id", url=f"{mariadb.url}?{end}").check() == ["id"]


def test_a_server_without_tls_is_named(mariadb: MariaDb) -> None:
    error = failure(f"{mariadb.url}?ssl=true")
    assert isinstance(error, SourceInvalid)
    assert "the server has no TLS" in str(error)


@pytest.mark.parametrize("password", ["Müller", "Zażółć€", "пароль", "😀", "plain/@:%"])
def test_a_password_of_mariadb_may_hold_any_character(mariadb: MariaDb, password: str) -> None:
    name = f"r{os.getpid()}"
    mariadb.run(f"CREATE OR REPLACE USER {name}@'%' IDENTIFIED BY '{password}'")
    try:
        url = mariadb.url.replace("root@", f"{name}@").replace(f"/{mariadb.database}", "/information_schema")
        assert source(mariadb, "SELECT 1 AS id", url=url, password=password).check() == ["id"]
        assert "refuses the user" in str(failure(url, password=password + "x"))
        mariadb.run(f"ALTER USER {name}@'%' ACCOUNT LOCK")
        assert "the account is locked" in str(failure(url, password=password))
    finally:
        mariadb.run(f"DROP USER {name}@'%'")


def test_a_missing_package_for_a_way_to_sign_in_is_named(secured: tuple[MariaDb, Certificates]) -> None:
    server, _ = secured
    server.run(
        "INSTALL SONAME 'auth_ed25519'", "CREATE USER modern@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret')"
    )
    url = server.url.replace("root@", "modern@").replace(f"/{server.database}", "/information_schema")
    error = failure(url, password="secret")
    assert isinstance(error, SourceInvalid)
    assert "pip install pynacl" in str(error)


@pytest.mark.parametrize(
    ("number", "is_temporary"),
    [
        (1234, False),
        (1292, False),
        (1690, False),
        (4078, False),
        (1205, True),
        (1040, True),
        (2013, True),
        (1927, True),
    ],
)
def test_an_error_of_the_server_is_the_querys_unless_it_is_the_connections(number: int, is_temporary: bool) -> None:
    import pymysql

    errors = DriverErrors(SqlOptions.model_validate({"url": "mariadb://u@h/d", "table": "x"}).url, 5)
    found = errors.error(pymysql.err.OperationalError(number, "Incorrect value: 'Ann' for column"))
    assert isinstance(found, SourceUnavailable if is_temporary else SourceInvalid)
    assert str(number) in str(found)
    assert number == 1234 or "Ann" not in str(found)


def test_another_service_on_the_port_is_no_database(
    postgres: Postgres, mariadb: MariaDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "CONNECT_TIMEOUT", 1)  # PostgreSQL waits for the client's first word
    for url in (postgres.url.replace("postgresql", "mariadb"), mariadb.url.replace("mariadb", "postgresql")):
        assert isinstance(failure(url.replace("root@", "u@")), SourceError)
