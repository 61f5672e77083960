"""The statements for SQL Server. No server runs here, so the tests look at the text."""

from __future__ import annotations

from connectors.sql_query.errors import DriverErrors
from connectors.sql_query.mssql import SqlServer, opening_statements
from connectors.sql_query.options import SqlOptions
from connectors.sql_query.snapshot import Access
from connectors.sql_query.statement import Selection, compiled
from syncd.errors import SourceInvalid, SourceUnavailable

DATABASE = SqlOptions.model_validate({"url": "mssql://u@db.example.com/rent", "query": "SELECT 1"}).url

SELECTION = Selection(
    rows="SELECT p.id, p.name FROM people p WHERE branch = :branch",
    is_table=False,
    kind="mssql",
    columns=(),
    cursor="changed",
    deleted="status = 'gone'",
    values={"branch": 7},
)


def test_a_read_begins_with_a_snapshot_that_waits_for_no_lock_for_ever() -> None:
    assert opening_statements("snapshot") == [
        "SET TRANSACTION ISOLATION LEVEL SNAPSHOT",
        "SET LOCK_TIMEOUT 30000",
        "BEGIN TRANSACTION",
    ]
    assert opening_statements("read_committed")[0] == "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"


def test_a_query_is_always_a_part_of_one_select() -> None:
    text, values = compiled(SELECTION.everything(), "mssql")
    assert text == (
        "SELECT syncd_rows.*, [changed] AS syncd_cursor, CASE WHEN (status = 'gone'\n) THEN 1 ELSE 0 END "
        "AS syncd_deleted FROM (\nSELECT p.id, p.name FROM people p WHERE branch = %(branch)s\n) AS syncd_rows"
    )
    assert values == {"branch": 7}


def test_changed_rows_are_asked_for_by_a_time_that_no_language_setting_turns_round() -> None:
    text, values = compiled(SELECTION.since(">=", "2026-01-31 10:00:00"), "mssql")
    assert text.endswith("WHERE [changed] >= CAST(%(syncd_since)s AS datetime2) OR [changed] IS NULL")
    assert values == {"branch": 7, "syncd_since": "2026-01-31 10:00:00"}


def test_names_are_quoted_as_the_server_does() -> None:
    table = Selection("dbo.People List", is_table=True, kind="mssql", columns=("Key", "order"), cursor=None,
                      deleted="Gone At", values={})  # fmt: skip
    assert table.everything().text.startswith("SELECT [Key], [order]")
    assert table.everything().text.endswith("FROM [dbo].[People List] AS syncd_rows")
    assert table.described().text.endswith("WHERE 1 = 0")


def test_the_driver_tells_numbers_from_bytes_and_says_nothing_of_other_types() -> None:
    import pymssql

    options = SqlOptions.model_validate({"url": "mssql://u@db.example.com/rent", "table": "people"})
    server = SqlServer(Access(DATABASE, options.url.url, "snapshot", 5, "test"))
    kinds = [pymssql.NUMBER, pymssql.DECIMAL, pymssql.BINARY, pymssql.DATETIME, pymssql.STRING]
    assert [server._family_of(("changed", kind)) for kind in kinds] == ["number", "number", "binary", "", ""]


def test_the_options_of_odbc_become_the_drivers() -> None:
    url = "mssql://u@h:1433/d?driver=ODBC+Driver+18&Encrypt=yes&TrustServerCertificate=yes&ApplicationIntent=ReadOnly"
    options = SqlOptions.model_validate({"url": url, "table": "people"})
    server = SqlServer(Access(options.url, options.url.url, "snapshot", 5, "test"))
    assert server._arguments() == {
        "host": "h:1433", "database": "d", "user": "u", "encryption": "require", "read_only": True
    }  # fmt: skip


def test_its_errors_are_told_apart() -> None:
    told = DriverErrors(DATABASE, timeout=5, names=["x"])
    assert isinstance(told.error(Exception((18456, b"Login failed for user 'u'."))), SourceInvalid)
    assert "has no snapshots" in str(told.error(Exception(3952, b"Snapshot isolation failed")))
    assert "Invalid column name 'x'" in str(told.error(Exception(207, b"Invalid column name 'x'.")))
    masked = told.error(Exception(245, b"Conversion failed when converting the varchar value 'Ann' to data type int."))
    assert isinstance(masked, SourceInvalid)
    assert "Conversion failed" in str(masked)
    assert "Ann" not in str(masked)
    assert isinstance(told.error(Exception(1205, b"deadlock victim")), SourceUnavailable)
    lost = told.error(Exception(20009, b"Unable to connect: Adaptive Server is unavailable (Connection refused)"))
    assert isinstance(lost, SourceUnavailable)
    assert "check that it runs" in str(lost)
