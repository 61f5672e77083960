"""``syncd activity export``: the same rows as a file, whole or not at all, and only its owner's."""

from __future__ import annotations

import csv
import json
import os
import stat
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from syncd.core.activity.columns import HEAD, SCHEMA
from syncd.errors import StateBusy
from syncd.tables import formats
from tests.worlds.commands import errors
from tests.worlds.phone_day import PhoneDay


def exported(day: PhoneDay, name: str, *options: str) -> Path:
    code, out, err = day.syncd("activity", "export", name, *options)
    assert code == 0, err
    file = day.world.folder / name
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert out.startswith(f"{name}: ")
    return file


def test_json_lines_hold_the_rows_of_the_list(phone_day: PhoneDay) -> None:
    lines = exported(phone_day, "all.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == phone_day.listed()


def test_parquet_holds_the_rows_of_the_list(phone_day: PhoneDay) -> None:
    rows = pl.read_parquet(exported(phone_day, "all.parquet")).to_dicts()
    for row, listed in zip(rows, phone_day.listed(), strict=True):
        for segment in row["segments"] or []:
            assert segment.pop("path") is None
        assert {name: row[name] for name in listed} == listed
        assert all(value is None for name, value in row.items() if name not in listed)


def test_csv_holds_the_rows_of_the_list_as_harmless_cells(phone_day: PhoneDay) -> None:
    with exported(phone_day, "all.csv").open(newline="") as text:
        rows = list(csv.DictReader(text))
    for row, listed in zip(rows, phone_day.listed(), strict=True):
        for name, value in listed.items():
            cell = "" if value is None else value if isinstance(value, str) else None
            if name == "remote_name" and value == "=1+1":
                assert row[name] == "'=1+1"
            elif cell is not None:
                assert row[name] == cell
            else:
                assert json.loads(row[name]) == value
    assert list(rows[0])[: len(HEAD)] == list(HEAD)


@pytest.mark.parametrize(("name", "most"), [("_TEXT", 15), ("_BATCH", 2), ("_GROUP", 2)])
def test_rows_are_written_in_parts_and_none_is_lost(
    phone_day: PhoneDay, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    monkeypatch.setattr(formats, name, most)
    ids = [row["id"] for row in phone_day.listed()]
    assert pl.read_parquet(exported(phone_day, "all.parquet"))["id"].to_list() == ids
    assert pl.read_csv(exported(phone_day, "all.csv"))["id"].to_list() == ids


def test_a_part_ends_after_so_many_characters_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_TEXT", 15)
    rows: list[dict[str, Any]] = [
        {"id": "a", "summary": "x" * 20},
        {"id": "b"},
        {"id": "c", "body": "x" * 15},
        {"id": "d", "body": None},
    ]
    assert ["".join(row["id"] for row in batch) for batch in formats._batches(rows)] == ["a", "bc", "d"]


def test_an_export_takes_the_options_of_the_list(phone_day: PhoneDay) -> None:
    lines = exported(phone_day, "ann.jsonl", "--number", "+1 212 555 0101", "--kind", "call").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [phone_day.answered]


@pytest.mark.parametrize("name", ["none.csv", "none.jsonl", "none.parquet"])
def test_nothing_is_a_file_too(phone_day: PhoneDay, name: str) -> None:
    file = exported(phone_day, name, "--days", "2020-01-01")
    if name != "none.jsonl":
        found = pl.read_csv(file) if name == "none.csv" else pl.read_parquet(file)
        assert (found.columns, found.height) == (list(SCHEMA), 0)


@pytest.mark.parametrize("name", ["all.csv", "all.jsonl", "all.parquet"])
def test_an_older_export_is_replaced_and_becomes_its_owners(phone_day: PhoneDay, name: str) -> None:
    exported(phone_day, name).chmod(0o644)
    first = (phone_day.world.folder / name).read_bytes()
    assert exported(phone_day, name).read_bytes() == first


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("calls.txt", "the file's name must end in .csv, .jsonl or .parquet"),
        ("nowhere/calls.csv", "there is no folder"),
        ("tenants.csv", "the source tenants reads this file"),
        ("other.csv", "this file is there already, and holds no calls and messages"),
        ("store.csv", "this is the activity store"),
        ("circle.csv", "cannot be written"),
        (f"{'long' * 64}.csv", "cannot be written"),
    ],
)
def test_other_files_are_left_alone(phone_day: PhoneDay, name: str, said: str) -> None:
    folder = phone_day.world.folder
    (folder / "other.csv").write_text("a,b\n1,2\n")
    (folder / "store.csv").symlink_to(folder / "activity.db")
    (folder / "circle.csv").symlink_to("circle.csv")
    before = {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    code, _, err = phone_day.syncd("activity", "export", name)
    assert code == 2
    assert said in errors(err)[0]
    assert {file: file.read_bytes() for file in before} == before


@pytest.mark.parametrize("name", ["all.csv", "all.jsonl", "all.parquet"])
def test_an_export_that_breaks_off_leaves_the_older_one(
    phone_day: PhoneDay, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = exported(phone_day, name, "--kind", "call").read_bytes()

    def broken(*_: object, **__: object) -> object:
        yield {"kind": "call", "id": "c1"}
        raise StateBusy("the store is busy")

    monkeypatch.setattr("syncd.activity.store.activities.Activities.select", broken)
    code, _, err = phone_day.syncd("activity", "export", name)
    assert code == 4
    assert errors(err) == ["the store is busy"]
    assert (phone_day.world.folder / name).read_bytes() == before
    assert not list(phone_day.world.folder.glob(".syncd-*"))


def test_a_pipe_is_written_into(phone_day: PhoneDay) -> None:
    pipe = phone_day.world.folder / "pipe.jsonl"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert phone_day.syncd("activity", "export", "pipe.jsonl")[0] == 0
        assert len(os.read(reader, 1 << 20).splitlines()) == 5
    finally:
        os.close(reader)
