"""``syncd check`` judges a source's rows as a run judges them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.commands import sample
from tests.worlds.commands import Command
from tests.worlds.world import World

MANY = [(f"{number}", f"Person {number}", f"212555{number % 10000:04}") for number in range(1, 12_001)]


def test_what_check_finds_invalid_is_what_a_run_finds_invalid(
    company: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.csv_file.connector.PAGE_BYTES", 100_000)
    company.write([*MANY, ("7", "Twin of a key", ""), ("", "No key", "")])
    with (company.folder / "tenants.csv").open("a") as file:
        file.write("99999,too,many,cells,here\n")
    code, out, _ = syncd("check")
    assert code == 3
    assert "all 12,003 rows make 12,000 contacts" in out
    assert "✗ tenants: 3 rows invalid" in out
    assert "1: duplicate key: an earlier row has it too, and is used (first at tenants.csv:12002, beside" in out
    assert "tenants.csv:12004" in out
    run, told, _ = syncd("run", "--json")
    assert run == 3
    assert json.loads(told)["sources"][0]["counts"]["invalid"] == 3


def test_rows_that_make_the_same_contact_are_nothing_to_check_and_nothing_to_wait_for(
    company: World, syncd: Command
) -> None:
    company.write(MANY[:20] * 2)
    code, out, _ = syncd("check")
    assert code == 0
    assert "20: the same as an earlier row with its key" in out
    code, out, _ = syncd("run")
    assert code == 0
    assert "repeated: 20 rows are the same as an earlier row with its key, and not counted again" in out


def test_rows_that_differ_in_the_order_of_their_numbers_are_the_same(company: World, syncd: Command) -> None:
    company.write([("1", "Ann", "2125550101;2125550102")])
    assert syncd("run")[0] == 0
    company.write([("1", "Ann", "2125550101;2125550102"), ("1", "Ann", "2125550102;2125550101")])
    code, out, _ = syncd("check")
    assert code == 0
    assert "1: the same as an earlier row with its key" in out
    code, out, _ = syncd("run")
    assert code == 0, out
    assert "repeated: 1 row is the same as an earlier row with its key" in out


@pytest.mark.parametrize(
    ("policy", "good", "code", "told"),
    [
        ("first", 40, 3, "1: shares match fields with another contact (first at tenants.csv:42, beside tenants.csv:8)"),
        ("hold", 39, 3, "2: shares match fields with another contact (first at tenants.csv:8, beside tenants.csv:42)"),
        ("merge_phones", 40, 0, "1: merged into another contact that shares its match fields"),
    ],
)
def test_check_tells_of_rows_that_share_their_match_value(
    company: World, syncd: Command, policy: str, good: int, code: int, told: str
) -> None:
    company.sources["tenants"]["key"] = "name"
    company.sources["tenants"]["shared_match"] = policy
    company.settings()
    company.write([*((str(n), f"Person {n}", "") for n in range(1, 41)), ("7", "Zoe Twin", "2125550000")])
    found, out, _ = syncd("check")
    assert found == code
    assert f"all 41 rows make {good} contacts" in out
    assert told in out
    assert "Zoe" not in out
    assert syncd("run")[0] == code


def test_check_tells_of_a_match_value_that_an_earlier_source_has(company: World, syncd: Command) -> None:
    others: dict[str, Any] = json.loads(json.dumps(company.sources["tenants"]))
    others["options"]["path"] = "others.csv"
    company.sources["others"] = others
    company.write([("7", "Seven", ""), ("4711", "New", "")], name="others.csv")
    company.settings()
    code, out, _ = syncd("check")
    assert code == 3
    assert "✗ others: 1 row invalid\n    1: shares match fields with a contact of source tenants" in out


def test_check_stops_looking_when_a_source_takes_long(company: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from syncd.core.mapping import compiler as mapping
    from syncd.run.session import open_session

    monkeypatch.setattr(sample, "SECONDS", 0.0)
    company.write(MANY)
    settings = company.settings()
    source = settings.sources["tenants"]
    with open_session(settings, dry_run=True) as session:
        schema = session.target.fields()
    connector = source.connect()
    rules = mapping.compile(source.rules, connector.check(), schema)
    found = sample.sample_of(connector, rules, schema, sample.Seen(), "first")
    assert not found.whole


def test_check_tells_what_the_source_itself_warns_of(company: World, syncd: Command) -> None:
    company.write([(f"{number}", r"\N", "") for number in range(1, 5)])
    code, out, _ = syncd("check")
    assert code == 0
    assert "! tenants: 4 cells are" in out
