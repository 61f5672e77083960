"""A day is one file: written whole, only when it has changed, and with the rows that the store no longer has."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from connectors.day_files.options import DayFilesOptions
from connectors.day_files.sink import DayFiles
from syncd.errors import SinkInvalid, SinkUnavailable
from syncd.sink import COLUMNS, CallRules, Row, SinkRules, read_rows
from tests.contract.sink_rows import BARE_CALL, BARE_MESSAGE, DAY, call, message
from tests.contract.sinks import accepted, deliver, item, update

FORMATS = ["parquet", "csv", "jsonl"]


def lake(folder: Path, form: str = "parquet", rules: SinkRules | None = None, **options: Any) -> DayFiles:
    given = DayFilesOptions.model_validate({"folder": folder / "lake", "format": form, **options})
    return DayFiles("lake", given, rules or SinkRules())


def rows_in(file: Path) -> list[dict[str, Any]]:
    return read_rows(file, COLUMNS["call" if file.parent.name == "calls" else "message"])


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_each_day_of_each_kind_is_a_file(tmp_path: Path, form: str) -> None:
    late = call(2, start_time="2026-03-11T00:00:00Z")
    accepted(lake(tmp_path, form), call(1), late, message())
    found = sorted(file.relative_to(tmp_path / "lake").as_posix() for file in tmp_path.rglob("*.*") if file.is_file())
    assert found == [f"calls/2026-03-10.{form}", f"calls/2026-03-11.{form}", f"messages/2026-03-10.{form}"]


def test_the_oldest_row_stands_first(tmp_path: Path, form: str) -> None:
    times = {3: "14:30:00.500Z", 1: "14:30:00Z", 2: "14:29:59Z"}
    accepted(lake(tmp_path, form), *(call(number, start_time=f"{DAY}T{time}") for number, time in times.items()))
    assert [row["id"] for row in rows_in(tmp_path / f"lake/calls/{DAY}.{form}")] == ["c2", "c1", "c3"]


def test_a_day_without_news_is_not_written_again(tmp_path: Path, form: str) -> None:
    sink = lake(tmp_path, form)
    accepted(sink, call(1), call(2))
    file = tmp_path / f"lake/calls/{DAY}.{form}"
    before = file.stat()
    # Once more as new, after its outcome was lost, and as it stands.
    accepted(lake(tmp_path, form), call(1), call(2))
    deliver(sink, [item(sink, call(number), change="unchanged") for number in (1, 2)])
    assert file.stat() == before
    deliver(sink, [item(sink, call(1), change="unchanged"), item(sink, call(2, status="missed"), change="update")])
    assert file.stat().st_ino != before.st_ino


def test_a_file_that_a_person_removed_is_written_whole_again(tmp_path: Path, form: str) -> None:
    sink = lake(tmp_path, form)
    accepted(sink, call(1), call(2))
    file = tmp_path / f"lake/calls/{DAY}.{form}"
    file.unlink()
    deliver(sink, [item(sink, call(number), change="unchanged") for number in (1, 2)])
    assert [row["id"] for row in rows_in(file)] == ["c1", "c2"]


def test_what_the_store_has_dropped_stays_in_the_file(tmp_path: Path, form: str) -> None:
    sink = lake(tmp_path, form)
    accepted(sink, call(1), call(2), call(3))
    # The store has removed the first, and dropped the texts of the second.
    dropped = item(sink, call(2, summary=None, transcription=None), change="unchanged")
    deliver(sink, [dropped, item(sink, call(3, status="missed"), change="update")])
    first, second, third = rows_in(tmp_path / f"lake/calls/{DAY}.{form}")
    assert (first["id"], second["summary"], third["status"]) == ("c1", call()["summary"], "missed")


def test_a_call_whose_day_is_corrected_moves(tmp_path: Path, form: str) -> None:
    sink = lake(tmp_path, form)
    (before, outcome), _ = accepted(sink, call(1), call(2))
    now = update(sink, before, outcome, call(1, start_time="2026-03-09T23:59:59Z"))
    assert deliver(sink, [now])["call:c1"].remote_id == f"calls/2026-03-09.{form}#call:c1"
    assert [row["id"] for row in rows_in(tmp_path / f"lake/calls/2026-03-09.{form}")] == ["c1"]
    assert [row["id"] for row in rows_in(tmp_path / f"lake/calls/{DAY}.{form}")] == ["c2"]


def test_a_new_activity_that_was_there_already_is_told(tmp_path: Path, form: str) -> None:
    assert not any(outcome.was_there for _, outcome in accepted(lake(tmp_path, form), call(1)))
    assert [outcome.was_there for _, outcome in accepted(lake(tmp_path, form), call(1), call(2))] == [True, False]


def test_a_day_whose_last_row_is_erased_has_no_file(tmp_path: Path, form: str) -> None:
    sink = lake(tmp_path, form)
    (_, first), (_, second) = accepted(sink, call(1), call(2))
    sink.erase([first.remote_id or ""])
    file = tmp_path / f"lake/calls/{DAY}.{form}"
    assert [row["id"] for row in rows_in(file)] == ["c2"]
    sink.erase([second.remote_id or ""])
    assert not file.exists()


def test_without_its_folder_nothing_counts_as_erased(tmp_path: Path) -> None:
    sink = lake(tmp_path)
    [(_, outcome)] = accepted(sink, call())
    (tmp_path / "lake").rename(tmp_path / "elsewhere")
    with pytest.raises(SinkUnavailable, match="not there"):
        sink.erase([outcome.remote_id or ""])


def test_an_activity_without_a_time_has_a_file_too(tmp_path: Path, form: str) -> None:
    [(_, outcome)] = accepted(lake(tmp_path, form), call(start_time=None))
    assert outcome.remote_id == f"calls/undated.{form}#call:c1"


@pytest.mark.parametrize(("full", "bare"), [(call(), BARE_CALL), (message(), BARE_MESSAGE)])
def test_the_types_of_parquet_do_not_depend_on_the_rows(tmp_path: Path, full: Row, bare: Row) -> None:
    time = "start_time" if full["kind"] == "call" else "sent_at"
    accepted(lake(tmp_path), full, {**bare, time: "2026-03-11T10:00:00Z"})
    files = sorted((tmp_path / "lake").glob("*/*.parquet"))
    assert [dict(pl.read_parquet_schema(file)) for file in files] == [dict(COLUMNS[full["kind"]])] * 2
    assert pl.scan_parquet(files).collect().height == 2


def test_a_csv_file_has_the_columns_and_the_cells_of_an_export(tmp_path: Path) -> None:
    accepted(lake(tmp_path, "csv"), call(remote_name="=1+1"))
    with (tmp_path / f"lake/calls/{DAY}.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    assert list(row) == list(COLUMNS["call"])
    assert (row["remote_name"], row["duration"], row["settled"]) == ("'=1+1", "75", "true")
    assert json.loads(row["contacts"]) == call()["contacts"]


def test_a_file_of_an_earlier_version_gets_the_newer_columns(tmp_path: Path) -> None:
    accepted(lake(tmp_path), call(1))
    file = tmp_path / f"lake/calls/{DAY}.parquet"
    older = pl.read_parquet(file).drop("attribution")
    older.with_columns(segments=pl.lit([{"n": 1, "type": "queue"}])).write_parquet(file)
    accepted(lake(tmp_path), call(2))
    first, second = rows_in(file)
    assert (first["attribution"], second["attribution"]) == (None, "matched")
    assert first["segments"] == [{**dict.fromkeys(second["segments"][0]), "n": 1, "type": "queue"}]


@pytest.mark.parametrize("held", [b"", b"PAR1 no more", b'{"a": 1}\n', b"name,phone\nAnn,2125550101\n", b"\xff\n"])
def test_a_file_of_something_else_is_left_as_it_is(tmp_path: Path, form: str, held: bytes) -> None:
    file = tmp_path / f"lake/calls/{DAY}.{form}"
    file.parent.mkdir(parents=True)
    file.write_bytes(held)
    if form == "jsonl" and not held:
        return
    with pytest.raises(SinkInvalid, match="move it away") as caught:
        accepted(lake(tmp_path, form), call())
    assert "Ann" not in str(caught.value)
    assert file.read_bytes() == held


def test_the_texts_that_the_rules_leave_out_are_not_written(tmp_path: Path) -> None:
    rules = SinkRules(calls=CallRules(summary=False, transcript="none"))
    accepted(lake(tmp_path, rules=rules), call())
    [row] = rows_in(tmp_path / f"lake/calls/{DAY}.parquet")
    assert (row["summary"], row["transcription"]) == (None, None)


@pytest.mark.parametrize(("readers", "modes"), [("owner", (0o700, 0o600)), ("group", (0o750, 0o640))])
def test_only_the_readers_may_read(tmp_path: Path, readers: str, modes: tuple[int, int]) -> None:
    accepted(lake(tmp_path, readers=readers), call())
    folder, file = tmp_path / "lake/calls", tmp_path / f"lake/calls/{DAY}.parquet"
    assert tuple(stat.S_IMODE(place.stat().st_mode) for place in (folder, file)) == modes
