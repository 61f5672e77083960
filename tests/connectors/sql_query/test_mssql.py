"""The statements for SQL Server. No server runs here, so the tests look at the text."""

from __future__ import annotations

from connectors.sql_query.errors import DriverErrors
from connectors.sql_query.mssql import opening_statements
from connectors.sql_query.options import SqlOptions
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
    dialect=DATABASE.dialect(),
)


def test_a_read_begins_with_a_snapshot_that_waits_for_no_lock_for_ever() -> None:
    assert opening_statements("snapshot") == [
        "SET TRANSACTION ISOLATION LEVEL SNAPSHOT",
        "SET LOCK_TIMEOUT 30000",
        "BEGIN TRANSACTION",
    ]
    assert opening_statements("read_committed")[0] == "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"


def test_a_query_is_always_a_part_of_one_select() -> None:
    text, values = compiled(SELECTION.everything(), "mssql", SELECTION.dialect)
    assert text == (
        "SELECT syncd_rows.*, changed AS syncd_cursor, CASE WHEN (status = 'gone'\n) THEN 1 ELSE 0 END "
        "AS syncd_deleted FROM (\nSELECT p.id, p.name FROM people p WHERE branch = %(branch)s\n) AS syncd_rows"
    )
    assert values == {"branch": 7}


def test_changed_rows_are_asked_for_by_a_time_that_no_language_setting_turns_round() -> None:
    text, values = compiled(SELECTION.since(">=", "2026-01-31 10:00:00"), "mssql", SELECTION.dialect)
    assert text.endswith("WHERE changed >= CAST(%(syncd_since)s AS datetime2) OR changed IS NULL")
    assert values == {"branch": 7, "syncd_since": "2026-01-31 10:00:00"}


def test_names_are_quoted_as_the_server_does() -> None:
    table = Selection("dbo.People List", is_table=True, kind="mssql", columns=("Key", "order"), cursor=None,
                      deleted="Gone At", values={}, dialect=SELECTION.dialect)  # fmt: skip
    assert table.everything().text.startswith("SELECT [Key], [order]")
    assert table.everything().text.endswith("FROM dbo.[People List] AS syncd_rows")
    assert table.described().text.endswith("WHERE 1 = 0")


def test_its_errors_are_told_apart() -> None:
    told = DriverErrors(DATABASE, timeout=5, names=["x"])
    assert isinstance(told.error(Exception((18456, b"Login failed for user 'u'."))), SourceInvalid)
    assert "has no snapshots" in str(told.error(Exception(3952, b"Snapshot isolation failed")))
    assert "Invalid column name 'x'" in str(told.error(Exception(207, b"Invalid column name 'x'.")))
    lost = told.error(Exception(20009, b"Unable to connect: Adaptive Server is unavailable (Connection refused)"))
    assert isinstance(lost, SourceUnavailable)
    assert "check that it runs" in str(lost)
