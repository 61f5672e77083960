"""What is written in a format is read back as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from syncd.tables.formats import NotTheTable, read_rows, write_rows
from tests.examples import examples

SCHEMA = {
    "text": pl.String,
    "number": pl.Float64,
    "flag": pl.Boolean,
    "list": pl.List(pl.Struct({"n": pl.Int64, "name": pl.String})),
}
TEXTS = some.none() | some.text(some.characters(codec="utf-8", exclude_characters="\0")) | some.sampled_from(
    ["", "''=1", "'=1", "=1", "null", "\\N", '"', "\r", "a\r\nb", "'", "[]"]
)  # fmt: skip
ROWS = some.lists(
    some.fixed_dictionaries(
        {
            "text": TEXTS,
            "number": some.none() | some.floats(allow_nan=False, allow_infinity=False) | some.integers(-(2**53), 2**53),
            "flag": some.none() | some.booleans(),
            "list": some.lists(
                some.fixed_dictionaries({"n": some.integers(-(2**63), 2**63 - 1), "name": TEXTS}), max_size=3
            ),
        }
    ),
    max_size=4,
)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@given(rows=ROWS)
@settings(max_examples=examples(15, 100), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_come_back_as_they_were(tmp_path: Path, suffix: str, rows: list[dict[str, Any]]) -> None:
    path = tmp_path / f"rows{suffix}"
    with path.open("wb") as file:
        write_rows(rows, file, suffix, SCHEMA)
    assert read_rows(path, SCHEMA) == rows


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_what_is_no_such_table_is_told_without_its_words(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    for held in (b"Ann,2125550101\nBob,2125550102\n", b'{"Ann": 1}\n', b"\xff\xfe", b"PAR1"):
        path.write_bytes(held)
        with pytest.raises(NotTheTable) as caught:
            read_rows(path, SCHEMA)
        assert str(caught.value) == ""
        assert caught.value.__cause__ is None


def test_a_full_disk_is_an_error_of_the_system(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    for suffix in (".csv", ".jsonl", ".parquet"):
        with pytest.raises(OSError, match="No space left") as caught, full.open("wb", buffering=0) as file:
            write_rows([{"text": "a"}], file, suffix, SCHEMA)
        assert caught.value.errno == 28
