"""What others say of a forgotten contact: why they go without a number that it had."""

from __future__ import annotations

import json

import pytest

from tests.worlds.commands import Command
from tests.worlds.forgetting import left_in_files
from tests.worlds.shared_numbers import ONE, THREE, TWO, numbers, owners, tenants, with_policy
from tests.worlds.world import World


@pytest.mark.parametrize("key", ["ann-withername", "71"])
def test_no_reason_of_another_contact_names_a_forgotten_key(
    clean_process: None, world: World, syncd: Command, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.chdir(world.folder)
    with_policy(world, "first")
    for name in world.sources:
        world.sources[name]["mapping"]["External ID"] = {"sql": f"'{name} ' || id"}
    tenants(world, (key, "Ann Withername", ONE), ("2", "Bob", TWO))
    owners(world, ("9", "Zed Owner", f"{ONE};{THREE}"))
    world.run_all()
    assert [each["reason"] for each in told(world, syncd)] == [f"tenants {key} has it (first)"]
    assert syncd("forget", "tenants", key)[0] == 0
    assert [each["reason"] for each in told(world, syncd)] == ["tenants (forgotten) has it (first)"]
    assert left_in_files(world.folder, f"tenants {key}", "Ann Withername") == {}
    world.run_all()
    assert told(world, syncd) == []
    assert numbers(world)["owners 9"] == f"{ONE};{THREE}"


def told(world: World, syncd: Command) -> list[dict[str, str]]:
    world.settings()
    found: list[dict[str, str]] = json.loads(syncd("whois", ONE, "--json")[1])["not_there"]
    return found
