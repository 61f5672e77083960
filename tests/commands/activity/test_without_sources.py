"""A company that wants its calls and no contacts: the commands of contacts say so, the others work."""

from pathlib import Path

import pytest

from tests.worlds.commands import Command
from tests.worlds.world import World


@pytest.fixture
def callers_only(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(world.folder)
    path = world.folder / "syncd.yaml"
    target = f"target: {{base_url: '{world.sandbox.url}', api_key: {world.sandbox.key}, limits: []}}\n"
    path.write_text(f"{target}activity: {{}}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("command", [("run",), ("run", "--dry-run"), ("reconcile",)])
def test_a_command_that_needs_a_source_says_what_to_add(
    callers_only: Path, syncd: Command, command: tuple[str, ...]
) -> None:
    code, _, errors = syncd(*command)
    assert code == 2
    assert "syncd.yaml: there is no source: add one under sources" in errors


@pytest.mark.parametrize("command", [("check",), ("status",), ("history",), ("activity", "pull"), ("activity", "days")])
def test_every_other_command_works(callers_only: Path, syncd: Command, command: tuple[str, ...]) -> None:
    assert syncd(*command)[0] == 0
