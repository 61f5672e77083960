"""``run --changes FILE``: what the file holds, and which existing files it never overwrites."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.worlds.commands import Command, errors
from tests.worlds.world import World


@pytest.mark.parametrize("name", ["changes.txt", "nowhere/changes.csv", "folder.csv"])
def test_a_file_of_changes_that_cannot_be_is_refused_before_anything_is_done(
    company: World, syncd: Command, name: str
) -> None:
    (company.folder / "folder.csv").mkdir()
    code, _, err = syncd("run", "--changes", name)
    assert code == 2
    assert "--changes" in errors(err)[0]
    assert not company.sandbox.requests


def test_changes_are_written_to_a_file(company: World, syncd: Command) -> None:
    assert syncd("run", "--dry-run", "--changes", "changes.jsonl")[0] == 0
    lines = (company.folder / "changes.jsonl").read_text().splitlines()
    assert len(lines) == 40
    assert json.loads(lines[0])["kind"] == "create"


def test_a_file_of_changes_that_cannot_be_written_after_all_takes_nothing_from_the_report(
    company: World, syncd: Command
) -> None:
    (company.folder / "changes.csv").symlink_to(company.folder / "nowhere" / "changes.csv")
    code, out, _ = syncd("run", "--json", "--changes", "changes.csv")
    found = json.loads(out)
    assert code == found["error"]["exit"] == 2
    assert found["sources"][0]["counts"]["create"] == 40


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_changes_are_never_written_over_the_export_that_a_source_reads(
    company: World, syncd: Command, more: tuple[str, ...]
) -> None:
    export = company.folder / "tenants.csv"
    before = export.read_bytes()
    code, _, err = syncd("run", "--changes", "tenants.csv", *more)
    assert code == 2
    [message] = errors(err)
    assert message == (
        "--changes tenants.csv: the source tenants reads this file: name another file, in a folder that no source reads"
    )
    assert export.read_bytes() == before
    assert not company.sandbox.requests


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_link_to_the_export_is_the_export(company: World, syncd: Command, link: object) -> None:
    export = company.folder / "tenants.csv"
    before = export.read_bytes()
    link(company.folder / "changes.csv", export)  # type: ignore[operator]
    code, _, err = syncd("run", "--changes", "changes.csv")
    assert (code, "the source tenants reads this file" in err) == (2, True)
    assert export.read_bytes() == before


@pytest.mark.parametrize(
    ("path", "file", "refused"),
    [
        ("parts", "parts/changes.csv", True),
        ("parts", "parts/deeper/changes.csv", False),
        ("parts", "parts/changes.parquet", False),
        ("parts", "elsewhere.csv", False),
        ("parts/*.csv", "parts/changes.csv", True),
        ("parts/t*.csv", "parts/changes.csv", False),
        ("**/*.csv", "parts/deeper/changes.csv", True),
        ("**/*.csv", "changes.csv", True),
    ],
)
def test_no_new_file_is_written_where_a_source_would_read_it(
    company: World, syncd: Command, path: str, file: str, refused: bool
) -> None:
    (company.folder / "parts" / "deeper").mkdir(parents=True)
    (company.folder / "tenants.csv").rename(company.folder / "parts" / "tenants.csv")
    company.sources["tenants"]["options"]["path"] = path
    company.settings()
    code, _, err = syncd("run", "--dry-run", "--changes", file)
    assert (code, "the source tenants reads this file" in err) == ((2, True) if refused else (0, False))
    assert (company.folder / file).exists() is not refused


def test_the_count_file_of_a_source_is_not_written_over(company: World, syncd: Command) -> None:
    company.sources["tenants"]["options"]["count_file"] = "count.csv"
    company.settings()
    (company.folder / "count.csv").write_text("40")
    code, _, err = syncd("run", "--changes", "count.csv")
    assert (code, "the source tenants reads this file" in err) == (2, True)
    assert (company.folder / "count.csv").read_text() == "40"


def test_the_configuration_an_included_file_and_the_state_file_are_not_written_over(
    company: World, syncd: Command
) -> None:
    folder, path = company.folder, company.folder / "syncd.yaml"
    found = json.loads(path.read_text())
    (folder / "tenants.yaml").write_text(json.dumps(found.pop("sources")["tenants"]))
    path.write_text(json.dumps({**found, "include": ["tenants.yaml"]}))
    assert syncd("run")[0] == 0
    said = {
        "syncd.yaml": "this is the configuration",
        "tenants.yaml": "this file configures the source tenants",
        "syncd.db": "this is the state file",
    }
    for number, (name, what) in enumerate(said.items()):
        before = (folder / name).read_bytes()
        (folder / f"{number}.csv").symlink_to(folder / name)
        code, _, err = syncd("run", "--changes", f"{number}.csv")
        assert (code, what in err) == (2, True)
        assert (folder / name).read_bytes() == before


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_file_of_changes_takes_the_place_of_an_earlier_one_and_of_nothing_else(
    company: World, syncd: Command, suffix: str
) -> None:
    path = company.folder / f"changes{suffix}"
    path.touch()
    for _ in range(2):
        assert syncd("run", "--dry-run", "--changes", path.name)[0] == 0
    assert path.stat().st_size
    for other in ("id,name,phone\n1,Ann,\n", '{"id": 1}\n', "source\n"):
        path.write_text(other)
        code, _, err = syncd("run", "--dry-run", "--changes", path.name)
        assert code == 2
        assert "this file is there already, and no file of changes: name another one" in err
        assert path.read_text() == other


def test_rejected_contacts_are_not_written_where_a_source_would_read_them(company: World, syncd: Command) -> None:
    company.sources["tenants"]["options"]["path"] = "*.csv"
    company.settings()
    code, _, err = syncd("rejects", "export", "refused.csv")
    assert (code, "the source tenants reads this file" in err) == (2, True)
    assert not (company.folder / "refused.csv").exists()
