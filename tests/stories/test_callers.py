"""What runs say of callers: whose name a phone shows after a run, for each number that the run touches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.worlds.commands import Command
from tests.worlds.runs import last_run
from tests.worlds.tenants import LOST_POSTS, POISON
from tests.worlds.world import FIELDS, TENANTS, World

ANN = ("1", "Ann Lee", "2125550101")
BO = ("2", "Bo Park", "2125550102")
CY = ("3", "Cy Diaz", "2125550103")
DI = ("4", "Di Moss", "2125550104")


@pytest.fixture
def four(company: World) -> World:
    """Four contacts, whose source may change and delete all of them."""
    company.sources["tenants"]["updates"] = company.sources["tenants"]["deletes"] = {"at_most": {"share": "100%"}}
    company.write([ANN, BO, CY, DI])
    company.run()
    return company


def callers(syncd: Command, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(syncd(*(words or ("run",)), "--json")[1])["callers"]
    return found


def listed(found: dict[str, Any]) -> dict[str, tuple[str, list[str], list[str]]]:
    counted = {kind: sum(each["kind"] == kind for each in found["list"]) for kind in found["counts"]}
    assert counted == found["counts"]
    return {each["number"]: (each["kind"], each["old"], each["new"]) for each in found["list"]}


EDITED = [
    ("1", "Ann Park", "2125550101"),  # another name
    ("2", "Bo Park", "2125550102;2125550103"),  # Cy's number too
    ("3", "Cy Diaz", "2125550103"),
    ("5", "Ed Ray", "+1 (212) 555-0105"),  # new; and Di is gone
]
EFFECTS = {
    "2125550101": ("change", ["Ann Lee"], ["Ann Park"]),
    "2125550103": ("ambiguous", ["Cy Diaz"], ["Bo Park", "Cy Diaz"]),
    "2125550104": ("lose", ["Di Moss"], []),
    "2125550105": ("gain", [], ["Ed Ray"]),
}
LINE = "callers: 1 gets a name, 1 loses its name, 1 changes its name, 1 becomes ambiguous"


def test_a_dry_run_and_the_run_after_it_say_the_same(four: World, syncd: Command) -> None:
    four.write(EDITED)
    before = callers(syncd, "run", "--dry-run")
    assert listed(before) == EFFECTS
    assert callers(syncd) == before
    assert listed(callers(syncd)) == {}


def test_each_way_of_becoming_another_caller_has_a_phrase(four: World, syncd: Command) -> None:
    four.write(EDITED)
    dry = syncd("run", "--dry-run")[1].splitlines()
    assert dry[dry.index(LINE) :][1:3] == [
        "  2125550101  Ann Lee → Ann Park",
        "  2125550103  Cy Diaz → Bo Park, Cy Diaz",
    ]
    real = syncd("run")[1].splitlines()
    # The changes are made: who wants the names now asks whois.
    assert real[real.index(LINE) + 1].startswith("Done")
    four.write([*EDITED[:1], ("2", "Bo Park", "2125550102"), ("3", "Cy Diaz", "2125550103;2125550104")])
    assert "callers: 1 gets a name, 1 loses its name, 1 is no longer ambiguous" in syncd("run")[1].splitlines()


def test_where_no_caller_becomes_another_one_there_is_no_line(four: World, syncd: Command) -> None:
    four.write([(*ANN[:2], "+1 212 555 0101"), BO, CY, DI])
    assert "callers" not in syncd("run")[1]


def test_a_number_that_moves_to_another_source_changes_its_name(four: World, syncd: Command) -> None:
    four.sources["owners"] = {**TENANTS, "options": {"path": "owners.csv", "settle": 0}}
    four.write([ANN, BO, CY])
    four.write([("9", "Di Moss-Ray", "2125550104")], "owners.csv")
    four.settings()
    for options in (("--dry-run",), ()):
        code, out, _ = syncd("run", "--json", *options)
        found = json.loads(out)
        assert (code, listed(found["callers"])) == (0, {"2125550104": ("change", ["Di Moss"], ["Di Moss-Ray"])})
        # Each source's own plan is told alone; the number is Di's until the first plan is made.
        tenants, owners = (each["callers"]["counts"] for each in found["sources"])
        assert tenants["lose"] == 1
        assert owners["ambiguous" if options else "gain"] == 1


def test_a_held_change_is_not_counted(four: World, syncd: Command) -> None:
    four.sources["tenants"]["deletes"] = {"at_most": {"count": 0, "share": "100%", "free": 0}}
    four.settings()
    four.write([("1", "Ann Park", "2125550101"), BO, CY])
    assert listed(callers(syncd)) == {"2125550101": ("change", ["Ann Lee"], ["Ann Park"])}


def test_a_run_counts_what_the_target_took(four: World, syncd: Command) -> None:
    four.sandbox.arm(POISON)
    four.write([("1", "Poison", "2125550101"), ("2", "Bo Poole", "2125550102"), CY, DI])
    assert set(listed(callers(syncd, "run", "--dry-run"))) == {"2125550101", "2125550102"}
    assert listed(callers(syncd)) == {"2125550102": ("change", ["Bo Park"], ["Bo Poole"])}


def test_a_change_of_unknown_outcome_is_not_counted(four: World, syncd: Command) -> None:
    four.sandbox.arm(LOST_POSTS)
    four.write(EDITED)
    assert listed(callers(syncd)) == {}


def test_a_person_s_contact_is_known_once_it_is_adopted(four: World, syncd: Command) -> None:
    four.sandbox.store.add({"External ID": "7", "Name": "Gus", "Phone": "2125550107", "Note": "VIP"})
    four.sources["tenants"]["mapping"] = {"External ID": "id", "Phone": ["phone"]}
    four.settings()
    four.write([ANN, BO, CY, DI, ("7", "", "2125550108")])
    for options in (("--dry-run",), ()):
        assert listed(callers(syncd, "run", *options)) == {"2125550108": ("gain", [], ["Gus"])}


def test_an_undo_says_what_becomes_of_callers_too(four: World, syncd: Command) -> None:
    four.write(EDITED)
    syncd("run")
    back = {
        "2125550101": ("change", ["Ann Park"], ["Ann Lee"]),
        "2125550103": ("resolved", ["Bo Park", "Cy Diaz"], ["Cy Diaz"]),
        "2125550104": ("gain", [], ["Di Moss"]),
        "2125550105": ("lose", ["Ed Ray"], []),
    }
    run = last_run(four)
    assert listed(callers(syncd, "undo", run, "--dry-run")) == back
    assert listed(callers(syncd, "undo", run)) == back


def test_the_display_field_of_the_configuration_is_the_name(four: World, syncd: Command) -> None:
    four.sources["tenants"]["mapping"]["Note"] = "id"
    four.target["display"] = "Note"
    four.settings()
    four.write([("1", "Ann Park", "2125550101"), BO, CY, DI])
    assert listed(callers(syncd)) == {number: ("change", [""], [key]) for key, _, number in (ANN, BO, CY, DI)}


def test_applying_a_plan_says_what_its_dry_run_said(four: World, syncd: Command) -> None:
    four.write(EDITED)
    planned = callers(syncd, "run", "--dry-run", "--plan", "plan.json")
    four.write([*EDITED, ("6", "Flo Vega", "2125550106")])  # is in no plan
    made = callers(syncd, "apply", "plan.json")
    assert listed(made) == listed(planned) == EFFECTS


@pytest.mark.parametrize(
    ("display", "said"),
    [
        ("Nme", "company has no contact field 'Nme' (did you mean 'Name'?)"),
        ("Phone", "contact field 'Phone' holds phone numbers, and no name"),
    ],
)
def test_a_display_field_that_is_none_is_named_with_file_line_and_key(
    four: World, syncd: Command, display: str, said: str
) -> None:
    four.target["display"] = display
    four.settings()
    for command in (("run",), ("run", "--dry-run"), ("reconcile",), ("check",)):
        code, out, err = syncd(*command)
        assert code == 2
        assert f"syncd.yaml:1: target.display: the {said}" in out + err
    assert four.there()["1"]["Name"] == "Ann Lee"


def test_check_says_which_field_is_the_name(company: World, syncd: Command) -> None:
    assert "✓ display name: Name (the first text field that is no match field" in syncd("check")[1]
    company.target["display"] = "Note"
    company.settings()
    assert "✓ display name: Note (target.display)" in syncd("check")[1]
    del company.target["display"]
    company.sandbox.store.set_fields([FIELDS[0], FIELDS[2]])
    company.sources["tenants"]["mapping"] = {"External ID": "id", "Phone": ["phone"]}
    company.settings()
    code, out, _ = syncd("check")
    assert (code, "! display name: no text field besides the match fields" in out) == (0, True)


def test_the_counts_are_kept_with_the_run(four: World, syncd: Command) -> None:
    four.write(EDITED)
    four.run()
    newest, oldest = json.loads(syncd("history", "--json")[1])["runs"]
    assert newest["callers"] == {"counts": {"gain": 1, "lose": 1, "change": 1, "ambiguous": 1, "resolved": 0}}
    assert oldest["callers"]["counts"]["gain"] == 4
    assert "1 deleted; callers: 1 changes its name, 1 becomes ambiguous" in syncd("history")[1]


def test_history_does_not_contradict_what_a_run_of_several_sources_said(company: World, syncd: Command) -> None:
    for source, name in (("tenants", "Ann"), ("owners", "Cy")):
        company.sources[source] = {**TENANTS, "options": {"path": f"{source}.csv", "settle": 0}}
        company.write([(source, name, ANN[2])], f"{source}.csv")
    company.settings()
    out = syncd("run")[1]
    assert "callers: 1 gets a name" in out
    assert "ambiguous" not in out
    owners, tenants = sorted(json.loads(syncd("history", "--json")[1])["runs"], key=lambda run: str(run["source"]))
    # What each source did, after the sources before it.
    assert (tenants["callers"]["counts"]["gain"], owners["callers"]["counts"]["ambiguous"]) == (1, 1)
    for words in ((), ("owners",), ("--run", tenants["run"])):
        assert "callers" not in syncd("history", *words)[1]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_the_list_stands_in_a_second_file_beside_the_changes(four: World, syncd: Command, suffix: str) -> None:
    four.write(EDITED)
    for _ in range(2):  # the second time, the files of the first time are replaced
        assert syncd("run", "--dry-run", "--changes", f"plan.{suffix}")[0] == 0
    file = four.folder / f"plan.callers.{suffix}"
    readers: dict[str, Callable[[Path], pl.DataFrame]] = {
        "csv": lambda path: pl.read_csv(path, infer_schema=False),
        "jsonl": pl.read_ndjson,
        "parquet": pl.read_parquet,
    }
    both = "Bo Park; Cy Diaz" if suffix == "csv" else ["Bo Park", "Cy Diaz"]
    found = readers[suffix](file)
    assert found.columns == ["number", "kind", "old", "new"]
    assert found.rows()[1] == ("2125550103", "ambiguous", "Cy Diaz" if suffix == "csv" else ["Cy Diaz"], both)
    assert found["number"].to_list() == list(EFFECTS)
    assert file.stat().st_mode & 0o077 == 0


def test_no_other_file_is_replaced_by_the_list(four: World, syncd: Command) -> None:
    (four.folder / "plan.callers.csv").write_text("name,phone\n")
    code, _, err = syncd("run", "--changes", "plan.csv")
    assert code == 2
    assert "--changes plan.csv: plan.callers.csv: this file is there already, and no file of callers" in err
    assert (four.folder / "plan.callers.csv").read_text() == "name,phone\n"


def test_a_contact_that_goes_on_under_another_key_is_the_caller_that_it_was(four: World, syncd: Command) -> None:
    four.sources["tenants"]["key"] = "tenant"
    # Its plan sees the contact under the new key in a run, and under the old one in a dry run.
    four.sources["owners"] = {**TENANTS, "options": {"path": "owners.csv", "settle": 0}}
    four.settings()
    header = "id,name,phone,tenant"
    four.write([(*row, row[0]) for row in (ANN, BO, CY, DI)], header=header)
    four.write([("9", "Ed Ray", "2125550105")], "owners.csv")
    four.run()
    four.write([(*ANN, "T-1"), (*BO, "2"), (*CY, "3"), ("4", "Di Moss", "2125550104;2125550101", "4")], header=header)
    four.write([("9", "Ed Ray", "2125550105;2125550101")], "owners.csv")
    dry = callers(syncd, "run", "--dry-run")
    assert listed(dry)["2125550101"] == ("ambiguous", ["Ann Lee"], ["Ann Lee", "Di Moss", "Ed Ray"])
    assert callers(syncd) == dry


def test_a_broken_command_reports_no_callers(four: World, syncd: Command) -> None:
    found = json.loads(syncd("run", "nosuch", "--json")[1])
    assert found["callers"] == {
        "counts": dict.fromkeys(("gain", "lose", "change", "ambiguous", "resolved"), 0),
        "list": [],
    }
    assert list(found)[-2:] == ["callers", "error"]
