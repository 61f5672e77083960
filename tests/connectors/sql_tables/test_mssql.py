"""The statements for SQL Server. No server runs here, so the tests look at the text, and at what a driver is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateTable

from connectors.sql_tables.options import TableNames
from connectors.sql_tables.records import rows_of
from connectors.sql_tables.sessions import SQL_SERVER_SETTINGS
from connectors.sql_tables.statements import Statements
from connectors.sql_tables.tables import SHAPES, tables_of
from connectors.sql_tables.writing import Batch, writer_of
from syncd.sink import record_of
from tests.contract.sink_rows import call, segment

T = TypeVar("T")

TABLES = tables_of(TableNames(attachments="Files]; DROP TABLE x"), "phone")


class Noting:
    """A session and a cursor that note what they are given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, tuple[Any, ...]]] = []

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        self.given.append((statement, values))

    def fetchall(self) -> list[tuple[Any, ...]]:
        return [("c1", 3)] if self.given[-1][0].startswith("SELECT [call_id]") else []

    def call(self, work: Callable[[], T]) -> T:
        return work()

    def stop_if_cancelled(self) -> None:
        return


def test_a_table_tells_all_texts_apart_and_takes_any_text() -> None:
    made = str(CreateTable(TABLES["calls"]).compile(dialect=mssql.dialect()))  # type: ignore[no-untyped-call]
    assert "CREATE TABLE [phone].[calls]" in made
    assert "[id] NVARCHAR(191) COLLATE Latin1_General_100_BIN2 NOT NULL" in made
    assert "[summary] NVARCHAR(max) COLLATE Latin1_General_100_BIN2 NULL" in made
    assert "[start_time] DATETIME2(3) NULL" in made
    assert "[settled] BIT NULL" in made


def test_every_key_fits_an_index() -> None:
    widths = {"word": 191 * 2, "tag": 40 * 2, "place": 4}
    for shape in SHAPES.values():
        assert sum(widths[shape.columns[name]] for name in shape.key) <= 900


def test_a_row_is_updated_only_if_it_differs() -> None:
    text = Statements(TABLES["attachments"], "mssql").upsert_staged()
    assert text == (
        "MERGE INTO [phone].[Files]]; DROP TABLE x] WITH (HOLDLOCK) AS t USING #syncd_new AS s "
        "ON t.[channel] = s.[channel] AND t.[message_id] = s.[message_id] AND t.[n] = s.[n] "
        "WHEN MATCHED AND EXISTS (SELECT s.[media_id], s.[filename], s.[content_type], s.[size], s.[path] EXCEPT "
        "SELECT t.[media_id], t.[filename], t.[content_type], t.[size], t.[path]) "
        "THEN UPDATE SET [media_id] = s.[media_id], [filename] = s.[filename], [content_type] = s.[content_type], "
        "[size] = s.[size], [path] = s.[path] "
        "WHEN NOT MATCHED THEN INSERT ([channel], [message_id], [n], [media_id], [filename], [content_type], [size], "
        "[path]) VALUES (s.[channel], s.[message_id], s.[n], s.[media_id], s.[filename], s.[content_type], s.[size], "
        "s.[path]);"
    )


def test_a_batch_is_loaded_merged_and_cut() -> None:
    noting: Any = Noting()
    fields = record_of(call(contacts=[], segments=[segment(1), segment(2)]))
    batch = Batch()
    batch.add(fields, rows_of(fields))
    writer_of(noting, "mssql", TABLES, noting).write(batch)
    words = [statement.split(" FROM ")[0][:40] for statement, _ in noting.given]
    one = ["SELECT TOP 0", "INSERT INTO #syncd_new", "MERGE INTO [phone].[{}]", "DROP TABLE #syncd_new"]
    expected = ["SELECT [id]", *(each.format("calls") for each in one), *(each.format("call_segments") for each in one),
                "SELECT [call_id], [n]", "DELETE", "SELECT [kind], [channel]"]  # fmt: skip
    assert all(word.startswith(begin) for word, begin in zip(words, expected, strict=True)), words
    _, values = noting.given[2]
    assert (values[0], values[9], values[17]) == ("c1", "2026-03-10T14:30:00.000", True)
    assert noting.given[-2] == (
        "DELETE FROM [phone].[call_segments] WHERE ([call_id] = %s AND [n] = %s)", ("c1", 3)
    )  # fmt: skip


def test_nothing_waits_for_a_lock_for_ever_and_no_text_is_cut() -> None:
    assert "SET LOCK_TIMEOUT 30000" in SQL_SERVER_SETTINGS
    assert "SET ANSI_WARNINGS ON" in SQL_SERVER_SETTINGS
