"""``syncd check``: each step it prints, and what it says of columns, fields, rows and canaries."""

from __future__ import annotations

import pytest

from tests.worlds.commands import PEOPLE, Command, errors
from tests.worlds.world import FIELDS, World


def test_check_finds_everything_in_order_and_writes_nothing(company: World, syncd: Command) -> None:
    code, out, _ = syncd("check")
    assert code == 0
    assert "✗" not in out
    for step in (
        "configuration: ",
        "state file: ",
        "target: ",
        "fields: 4",
        "tenants: can be read",
        "tenants: mapping",
    ):
        assert f"✓ {step}" in out
    assert "Ready: syncd run --dry-run" in out
    assert company.writes() == 0
    assert not (company.folder / "syncd.db").exists()


def test_check_shows_contacts_masked(company: World, syncd: Command) -> None:
    _, out, _ = syncd("check")
    assert "Name: P… … · Phone: 212•••0001" in out
    assert "Person 1" not in out
    assert "2125550001" not in out


def test_check_goes_on_after_a_refused_key_and_exits_as_it_asks(company: World, syncd: Command) -> None:
    company.target["api_key"] = "another-key"
    company.settings()
    code, out, _ = syncd("check")
    assert code == 3
    assert "✗ target: " in out
    assert "✓ tenants: can be read" in out


def test_check_goes_on_after_a_state_file_that_cannot_be_used(company: World, syncd: Command) -> None:
    (company.folder / "syncd.db").write_bytes(b"this is no database, only text" * 100)
    code, out, _ = syncd("check")
    assert code == 2
    assert "✗ state file: " in out
    assert "✓ tenants: mapping" in out


def test_check_tells_of_a_column_that_there_is_not(company: World, syncd: Command) -> None:
    company.sources["tenants"]["mapping"]["Name"] = "nmae"
    company.settings()
    code, out, _ = syncd("check")
    assert code == 2
    assert "'nmae'" in out
    assert "did you mean 'name'?" in out


@pytest.mark.parametrize("rule", ["name", {"first": ["name"]}, {"sql": "upper(name)"}, "{name}, tenant"])
def test_check_tells_that_a_header_has_a_column_twice_and_what_both_are_called(
    company: World, syncd: Command, rule: object
) -> None:
    company.write([("1", "Ann", "Smith", "")], header="id,name,name,phone")
    company.sources["tenants"]["mapping"]["Name"] = rule
    company.settings()
    code, out, _ = syncd("check")
    assert code == 2
    assert "the source has no single column 'name' but 2, which are told apart by a number" in out
    assert "write the one that is meant, 'name_1' or 'name_2'" in out


def test_a_condition_over_a_column_that_there_is_not_is_told_as_a_sentence(company: World, syncd: Command) -> None:
    company.sources["tenants"]["where"] = "nosuch = 1"
    company.settings()
    assert "where: 'nosuch = 1' cannot be used: the source has no column 'nosuch'" in errors(syncd("run")[2])[0]


def test_check_tells_who_sets_up_missing_fields(company: World, syncd: Command) -> None:
    company.sandbox.store.fields = type(company.sandbox.store.fields)([])
    code, out, _ = syncd("check")
    assert code == 2
    assert "support@vocatech.com" in out


def test_check_counts_invalid_and_excluded_rows_and_warnings(company: World, syncd: Command) -> None:
    company.sources["tenants"]["where"] = "name <> 'Person 7'"
    company.settings()
    company.write([*PEOPLE, ("", "No key", ""), ("77", "Short", "12")])
    code, out, _ = syncd("check")
    assert code == 3
    assert "✗ tenants: 1 row invalid\n    1: no key (first at tenants.csv:42)" in out
    assert "! tenants: 1 row excluded\n    1: where: name <> 'Person 7'" in out
    assert "! tenants: 1 row with a warning" in out


def test_check_looks_for_the_canaries(company: World, syncd: Command) -> None:
    company.sources["tenants"]["canaries"] = ["1", "4711"]
    company.settings()
    code, out, _ = syncd("check")
    assert code == 3
    assert "✗ tenants: no row has the canary 4711" in out


def test_check_of_a_large_source_looks_at_its_beginning_only(
    company: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.commands.sample.ROWS", 1_000)
    company.sources["tenants"]["canaries"] = ["4711"]
    company.settings()
    company.write([(f"{number}", "x", "") for number in range(5000)])
    code, out, _ = syncd("check")
    assert code == 0
    assert "the first 1,000 rows make 1,000 contacts" in out
    assert "! tenants: the canary 4711 is not in the first 1,000 rows" in out


def test_check_warns_of_a_match_field_that_changes(company: World, syncd: Command) -> None:
    company.sandbox.store.fields = type(company.sandbox.store.fields)(
        [{"id": 1, "name": "Name", "is_match": True}, {"id": 2, "name": "Phone", "is_phone": True, "is_match": True}]
    )
    company.sources["tenants"]["mapping"] = {"Name": "name", "Phone": ["phone"]}
    company.settings()
    assert "! the match field Name, Phone is likely to change" in syncd("check")[1]


def test_check_warns_of_numbers_in_several_fields(company: World, syncd: Command) -> None:
    company.sandbox.store.set_fields([*FIELDS, {"id": 9, "name": "Mobile", "is_phone": True}])
    company.sources["tenants"]["mapping"]["Mobile"] = ["phone"]
    company.settings()
    assert "! tenants: numbers go to 2 phone fields (Phone, Mobile)" in syncd("check")[1]


def test_check_quotes_a_column_that_could_be_taken_for_two(company: World, syncd: Command) -> None:
    company.write(PEOPLE, header='id,name,"phone","Company, Inc"')
    assert "columns: id, name, phone, 'Company, Inc'" in syncd("check")[1]
