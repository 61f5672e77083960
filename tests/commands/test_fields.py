"""``syncd fields``, and what commands say if the company lacks a contact field."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from tests.worlds.commands import Command
from tests.worlds.world import World


def test_fields_are_listed_with_their_flags(company: World, syncd: Command) -> None:
    code, out, _ = syncd("fields")
    assert code == 0
    assert "External ID  match\n" in out
    _, out, _ = syncd("fields", "--json")
    assert json.loads(out)["fields"][2] == {
        "id": 3,
        "name": "Phone",
        "is_phone": True,
        "is_match": False,
        "is_integration": False,
    }


def write_yaml(company: World, mapping: Sequence[str]) -> None:
    lines = [
        f"target: {{api_key: test-key, base_url: '{company.sandbox.url}', limits: []}}",
        "sources:",
        "  tenants:",
        "    connector: csv",
        "    options: {path: tenants.csv}",
        "    key: id",
        "    mapping:",
        *(f"      {rule}" for rule in mapping),
    ]
    (company.folder / "syncd.yaml").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_field_that_the_company_lacks_is_named_with_its_line(company: World, syncd: Command, command: str) -> None:
    write_yaml(company, ["External ID: id", "Nam: name", "Phone: [phone]"])
    code, out, _ = syncd(command)
    assert code == 2
    assert "syncd.yaml:9: sources.tenants.mapping.Nam: the company has no contact field 'Nam'" in out


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_company_without_fields_is_no_mistake_of_the_configuration(
    company: World, syncd: Command, command: str
) -> None:
    company.sandbox.store.set_fields([])
    code, out, _ = syncd(command)
    assert code == 2
    assert out.count("the company has no contact fields yet: set the fields up in the Vocatech admin portal") == 1
    assert "syncd.yaml:" not in out
