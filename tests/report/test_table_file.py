"""Files that a person asked for: the owner's alone, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from syncd.report.table_file import write_table
from syncd.tables.spreadsheets import as_it_was, harmless
from syncd.tables.whole_file import owners_file
from tests.worlds.commands import Command
from tests.worlds.world import World


@pytest.fixture(autouse=True)
def _usual_mask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


RUN = [
    '=HYPERLINK("http://x")',
    "@SUM(A1)",
    "-cmd",
    "+cmd",
    "-5",
    "+12125550123",
    "\t=1",
    "\r1",
    "\nx",
    " =1",
    "\ufeff=1",
    "\u00a0@x",
    "＝1",
    "'=1",
    "''+1",
    "=",
    "=1\nb",
]
TEXT = ["Ada", "a=b", "2125550100;2125550101", "", "'tis", "a\n=b", "''", "O'Brien - Sons"]


def reversed_cell(text: str) -> str:
    """Undo what the reference says."""
    return text[1:] if re.match(r"'+(?:[\t\r\n]|[\s\0\ufeff\u200b-\u200f]*[=+\-@＝＋－＠])", text) else text


@pytest.mark.parametrize("text", RUN)
def test_a_cell_that_a_spreadsheet_would_run_becomes_a_text(text: str) -> None:
    frame = harmless(pl.DataFrame({text: [text]}))
    assert frame.columns == [f"'{text}"]
    assert frame.item() == f"'{text}"


@pytest.mark.parametrize("text", TEXT)
def test_another_cell_stays_as_it_is(text: str) -> None:
    assert harmless(pl.DataFrame({"a": [text]})).item() == text


@pytest.mark.parametrize("text", [*RUN, *TEXT])
def test_it_can_be_reversed_from_the_file(text: str, tmp_path: Path) -> None:
    write_table(pl.DataFrame({"a": [text, None], "b": ["x", "y"]}), tmp_path / "t.csv", "t.csv")
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert reversed_cell(rows[1][0]) == text
    assert rows[2] == ["", "y"]
    assert as_it_was(pl.DataFrame({"a": [rows[1][0]]})).item() == text


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_other_forms_hold_the_text_itself(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"t.{suffix}"
    write_table(pl.DataFrame({"a": RUN}), path, "t")
    frame = pl.read_parquet(path) if suffix == "parquet" else pl.read_ndjson(path)
    assert frame.get_column("a").to_list() == RUN


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_file_is_its_owners_alone(company: World, syncd: Command, suffix: str) -> None:
    changes, rejected = company.folder / f"changes.{suffix}", company.folder / f"rejected.{suffix}"
    # An empty file is replaced, also one that everybody may read.
    changes.touch(mode=0o666)
    changes.chmod(0o666)
    company.sandbox.arm({"kind": "poison", "value": "Person 7", "field": "Name"})
    assert syncd("run", "--changes", changes.name)[0] == 3
    assert syncd("rejects", "export", rejected.name)[0] == 0
    for path in (changes, rejected):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.stat().st_size
    rejected.chmod(0o644)
    assert syncd("rejects", "export", rejected.name)[0] == 0
    assert rejected.stat().st_mode & 0o777 == 0o600


def test_a_contact_that_is_a_formula_is_a_text_in_the_file_of_changes(company: World, syncd: Command) -> None:
    company.write([("=1+1", "@SUM(A1)", "2125550100"), ("-2", "Ada", "2125550101")])
    assert syncd("run", "--dry-run", "--changes", "changes.csv")[0] == 0
    with (company.folder / "changes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["key"] for row in rows} == {"'=1+1", "'-2"}
    assert "'@SUM(A1)" in {row["new"] for row in rows}


def test_a_shorter_file_replaces_a_longer_one(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x" * 100)
    with owners_file(tmp_path / "f") as file:
        file.write(b"y")
    assert (tmp_path / "f").read_text() == "y"
