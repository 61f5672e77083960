"""What became of each change: in the JSON, in the file of changes, and in the text."""

from __future__ import annotations

import csv
import json
from typing import Any

import polars as pl
import pytest

from syncd.report.source_report import write_changes
from syncd.sandbox.faults import Poison
from tests.shell.test_cli import PEOPLE, Command, _as_it_was, company, syncd
from tests.shell.test_unsent import stopped_while_it_waits
from tests.shell.world import World

__all__ = ["_as_it_was", "company", "syncd"]  # fixtures

MANY = [(str(n), f"T {n}", f"212555{n:04}") for n in range(1, 1001)]


def outcomes(out: str) -> dict[str, str]:
    return {change["key"]: change["outcome"] for change in json.loads(out)["sources"][0]["changes"]}


def refusing(company: World, key: str) -> None:
    company.sandbox.arm(Poison(value=key, field="External ID"))


def test_a_change_that_was_planned_made_or_refused_says_so(company: World, syncd: Command) -> None:
    refusing(company, "7")
    assert set(outcomes(syncd("run", "--dry-run", "--json")[1]).values()) == {"planned"}
    code, out, _ = syncd("run", "--json")
    found = outcomes(out)
    assert code == 3
    assert found.pop("7") == "rejected"
    assert set(found.values()) == {"accepted"}


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_file_of_changes_tells_what_became_of_them(company: World, syncd: Command, suffix: str) -> None:
    refusing(company, "7")
    path = company.folder / f"changes.{suffix}"
    assert syncd("run", "--changes", path.name)[0] == 3
    assert told(path)["7"] == "rejected"
    assert told(path)["8"] == "accepted"
    company.write(PEOPLE[:2])
    assert syncd("run", "--changes", path.name)[0] == 3
    assert set(told(path).values()) == {"held"}


def told(path: Any) -> dict[str, str]:
    if path.suffix == ".parquet":
        rows = pl.read_parquet(path).to_dicts()
    else:
        lines = path.read_text().splitlines()
        rows = list(csv.DictReader(lines)) if path.suffix == ".csv" else list(map(json.loads, lines))
    return {row["key"]: row["outcome"] for row in rows}


def test_what_a_stop_left_unsent_is_told_from_what_was_sent(world: World) -> None:
    world.target["in_flight"] = 1
    world.write(MANY)
    report = stopped_while_it_waits(world, ["3/1h"])
    assert report.counts["create"] == world.posts() * 500 == 500
    write_changes(world.folder / "changes.csv", [report])
    found = list(told(world.folder / "changes.csv").values())
    assert (found.count("accepted"), found.count("not sent")) == (500, 500)
