"""``syncd rejects export``: rejected contacts as a file that a person can work with."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.worlds.commands import Command
from tests.worlds.world import World


@pytest.fixture
def refused(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A company with two contacts; the target refuses one of them."""
    monkeypatch.chdir(world.folder)
    world.sandbox.arm({"kind": "poison", "field": "Name", "value": "Poison"})
    world.write([("1", "Ann Smith", "2125550101"), ("2", "Poison", "2125550102")])
    world.run()
    return world


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_every_kind_of_file_holds_the_reason_and_what_was_sent(refused: World, syncd: Command, suffix: str) -> None:
    path = refused.folder / f"refused{suffix}"
    code, out, _ = syncd("rejects", "export", str(path))
    assert (code, out) == (0, f"1 rejected contact written to {path}.\n")
    read = {".csv": lambda: pl.read_csv(path, infer_schema=False), ".jsonl": lambda: pl.read_ndjson(path)}
    [row] = read.get(suffix, lambda: pl.read_parquet(path))().to_dicts()
    assert (row["source"], row["key"], row["fields.Name"], row["fields.Phone"]) == (
        "tenants",
        "2",
        "Poison",
        "2125550102",
    )
    assert row["reason"]
    assert row["at"].endswith("+00:00")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_an_export_takes_the_place_of_an_earlier_one_and_of_nothing_else(
    refused: World, syncd: Command, suffix: str
) -> None:
    path = refused.folder / f"refused{suffix}"
    for _ in range(2):
        assert syncd("rejects", "export", str(path))[0] == 0
    path.write_text("id,name,phone\n1,Ann,\n")
    code, _, err = syncd("rejects", "export", str(path))
    assert code == 2
    assert "this file is there already, and no export of rejected contacts: name another one" in err
    assert path.read_text().startswith("id,name,phone")


def test_a_file_that_cannot_be_written_is_named(refused: World, syncd: Command, tmp_path: Path) -> None:
    code, _, err = syncd("rejects", "export", "refused.xlsx")
    assert (code, "refused.xlsx: the file's name must end in .csv, .jsonl or .parquet" in err) == (2, True)
    code, _, err = syncd("rejects", "export", str(tmp_path / "no" / "refused.csv"))
    assert (code, "there is no folder" in err) == (2, True)


def test_where_nothing_is_refused_the_file_has_a_head_only(world: World, syncd: Command) -> None:
    world.settings()
    path = world.folder / "refused.csv"
    code, out, _ = syncd("--config", str(world.folder / "syncd.yaml"), "rejects", "export", str(path), "tenants")
    assert (code, out) == (0, f"0 rejected contacts written to {path}.\n")
    assert path.read_text() == "source,key,reason,at\n"


def test_rejects_stay_until_their_contact_changes_or_they_are_tried_again(refused: World, syncd: Command) -> None:
    before = refused.posts()
    assert refused.run().counts["rejected"] == 1
    assert refused.posts() == before
    refused.sandbox.disarm()
    assert syncd("rejects", "retry")[0] == 0
    assert refused.run().exit_code == 0
    assert json.loads(syncd("rejects", "list", "--json")[1]) == {"rejected": []}
