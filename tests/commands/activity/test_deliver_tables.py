"""``syncd activity deliver`` into files and into a database: they hold what ``syncd activity list`` shows."""

from __future__ import annotations

import json
from typing import Any

from syncd.sink import COLUMNS, read_rows, record_of
from tests.worlds.phone_day import DAY, PhoneDay
from tests.worlds.sql_sqlite_file import SqliteFile
from tests.worlds.sql_tables import records_in


def delivered(day: PhoneDay) -> dict[str, dict[str, int]]:
    code, out, err = day.syncd("activity", "deliver", "--json")
    assert code == 0, out + err
    found: dict[str, Any] = json.loads(out)
    return {sink["sink"]: sink["counts"] for sink in found["sinks"]}


def test_files_and_tables_hold_the_rows_of_the_list(phone_day: PhoneDay) -> None:
    folder = phone_day.world.folder
    more = {"at_most": {"older": "3650d"}}
    phone_day.world.sinks = {
        "lake": {"sink": "files", "options": {"folder": "lake"}, **more},
        "warehouse": {"sink": "sql", "options": {"url": "sqlite:///phone.db"}, **more},
    }
    phone_day.world.settings()
    assert {name: counts["create"] for name, counts in delivered(phone_day).items()} == {"lake": 5, "warehouse": 5}
    listed = {row["id"]: record_of(row) for row in phone_day.listed()}
    calls, messages = folder / f"lake/calls/{DAY}.parquet", folder / f"lake/messages/{DAY}.parquet"
    in_files = [*read_rows(calls, COLUMNS["call"]), *read_rows(messages, COLUMNS["message"])]
    assert {row["id"]: row for row in in_files} == listed
    assert {fields["id"]: fields for _, fields in records_in(SqliteFile(folder / "phone.db"))} == listed
    before = calls.stat()
    assert {name: counts["unchanged"] for name, counts in delivered(phone_day).items()} == {"lake": 5, "warehouse": 5}
    assert calls.stat() == before
