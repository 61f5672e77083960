"""``syncd history`` and ``syncd undo`` as commands: what they print, and what they say about wrong input."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

import pytest

from syncd.commands.history import BRIEF
from syncd.report.screen import Screen
from syncd.report.source_report import COUNTS
from tests.worlds.commands import Command, errors
from tests.worlds.tenants import ANN, BOB, CY, LOST_POSTS
from tests.worlds.world import World


@pytest.fixture
def edited(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A run created Ann and Bob; a second one renamed Bob, created Cy and deleted Ann."""
    world.write([ANN, BOB])
    world.run()
    world.write([("2", "Robert Jones", "2125550102"), CY])
    world.run()
    monkeypatch.chdir(world.folder)
    return world


def runs(syncd: Command, *arguments: str) -> list[dict[str, object]]:
    code, out, _ = syncd("history", "--json", *arguments)
    assert code == 0
    found: list[dict[str, object]] = json.loads(out)["runs"]
    return found


def test_it_lists_the_runs_the_newest_first(edited: World, syncd: Command) -> None:
    newest, oldest = runs(syncd)
    assert (newest["counts"]["update"], oldest["counts"]["create"]) == (1, 2)  # type: ignore[index]
    code, out, _ = syncd("history")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["run", "source", "begun", "outcome", "changes", "requests"]
    assert str(newest["run"]) in lines[1]
    assert "1 created, 1 updated, 1 deleted" in lines[1]


def test_it_shows_each_change_of_a_run_field_by_field(edited: World, syncd: Command) -> None:
    run = str(runs(syncd)[0]["run"])
    _, out, _ = syncd("history", "--run", run)
    assert "update 2 (id 2)" in out
    assert "Name  Bob Jones → Robert Jones" in out
    assert "delete 1 (id 1)  External ID: 1 · Name: Ann Smith" in out
    changes = json.loads(syncd("history", "--run", run, "--json")[1])["changes"]
    [update] = [each for each in changes if each["kind"] == "update"]
    assert update["before"] == {"External ID": "2", "Name": "Bob Jones", "Phone": "2125550102"}
    assert update["after"] == {"External ID": "2", "Name": "Robert Jones", "Phone": "2125550102"}
    assert (update["outcome"], update["id"], update["key"]) == ("accepted", 2, "2")


def test_it_follows_one_contact(edited: World, syncd: Command) -> None:
    _, out, _ = syncd("history", "tenants", "--key", "2")
    assert [line.split()[0] for line in out.splitlines() if line.startswith("  ") and line[2] != " "] == [
        "update",
        "create",
    ]
    assert syncd("history", "--key", "77")[1] == "No change of 77 is known.\n"


def test_a_contact_of_a_composite_key_is_found_by_the_key_as_it_is_shown(world: World, syncd: Command) -> None:
    world.sources["tenants"]["key"] = ["id", "name"]
    world.write([ANN])
    world.run()
    _, out, _ = syncd("history", "--key", "1+Ann Smith", "--config", str(world.folder / "syncd.yaml"))
    assert "create 1+Ann Smith (id 1)" in out


def test_a_change_whose_outcome_is_not_known_is_told_so(edited: World, syncd: Command) -> None:
    edited.sandbox.arm(LOST_POSTS)
    edited.write([("2", "Bobby Jones", "2125550102"), CY])
    edited.run()
    assert "its outcome is not known\n  update 2" in syncd("history", "--key", "2")[1]
    edited.sandbox.disarm()
    edited.run()
    assert "settled by a later change\n  update 2" in syncd("history", "--key", "2")[1]


def test_since_is_a_length_of_time_or_a_date(edited: World, syncd: Command) -> None:
    assert len(runs(syncd, "--since", "1h")) == 2
    assert len(runs(syncd, "--since", "2020-01-01")) == 2
    assert runs(syncd, "--since", "2100-01-01T00:00:00+00:00") == []
    assert syncd("history", "--since", "2100-01-01")[1] == "No run is known.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("history", "--since", "soon"), "--since: write a length of time such as 2h or 7d, or a date"),
        (("history", "--run", "x"), "no run is called 'x'; syncd history lists them"),
        (("history", "tenant"), "there is no source 'tenant' (did you mean 'tenants'?)"),
        (("undo", "x"), "no run is called 'x'; syncd history lists them"),
    ],
)
def test_wrong_input_is_named_with_its_remedy(
    edited: World, syncd: Command, arguments: tuple[str, ...], said: str
) -> None:
    code, _, err = syncd(*arguments)
    assert (code, len(errors(err))) == (2, 1)
    assert said in errors(err)[0]


def test_undo_says_what_it_does_and_history_what_was_undone(edited: World, syncd: Command) -> None:
    run = str(runs(syncd)[0]["run"])
    code, out, _ = syncd("undo", run, "--dry-run")
    assert (code, edited.there()["2"]["Name"]) == (0, "Robert Jones")
    assert f"tenants: 3 changes of run {run}; 1 to create, 1 to update, 1 to delete" in out
    assert "Nothing was sent: this was a dry run." in out
    code, out, _ = syncd("undo", run)
    assert (code, edited.there()["2"]["Name"]) == (0, "Bob Jones")
    assert "3 contacts will be left as they are now until the source changes what it says of them" in out
    assert f"undoes {run}" in syncd("history")[1]
    code, out, _ = syncd("undo", run, "--json")
    found = json.loads(out)["sources"][0]
    assert (code, found["undoes"], [each["key"] for each in found["kept"]]) == (3, run, ["1", "2", "3"])
    assert "held: 3 changes (undone)" in syncd("run")[1]


def test_a_repair_is_marked_as_one_and_counts_what_it_sent(edited: World, syncd: Command) -> None:
    edited.sandbox.store.delete(3)
    before = len(edited.sandbox.requests)
    assert syncd("reconcile", "--repair")[0] == 0
    newest = runs(syncd)[0]
    assert (newest["kind"], newest["requests"]) == ("repair", len(edited.sandbox.requests) - before)
    assert newest["counts"] == {**dict.fromkeys(COUNTS, 0), "create": 1}
    assert "done (0), repair" in syncd("history")[1]


@pytest.mark.parametrize("columns", [80, 100])
def test_it_stays_a_table_on_a_terminal_of_80_columns(
    edited: World, syncd: Command, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    syncd("undo", str(runs(syncd)[0]["run"]))
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("syncd.report.screen.Screen", partial(Screen, terminal=True))
    out = syncd("history")[1]
    lines = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in out.splitlines()]
    assert " · " not in out
    assert max(map(len, lines)) <= columns
    assert any(line.split() == list(BRIEF) for line in lines)
    assert "done (0), undo" in out


def test_a_held_undo_names_the_command_that_lets_it_go_on(world: World, syncd: Command, monkeypatch: Any) -> None:
    world.write([(str(n), f"T {n}", "") for n in range(1, 31)])
    world.run()
    monkeypatch.chdir(world.folder)
    run = str(runs(syncd)[0]["run"])
    code, out, _ = syncd("undo", run)
    [command] = [line.partition("to let exactly these go on: ")[2] for line in out.splitlines() if "exactly" in line]
    assert (code, command.startswith(f"syncd undo {run} --approve ")) == (3, True)
    code, out, _ = syncd("undo", run, "--approve", "0123456789abcdef")
    assert (code, len(world.there())) == (3, 30)
    assert "--approve 0123456789abcdef: this undo has no list of that digest that waits" in " ".join(out.split())
    code, out, _ = syncd(*command.split()[1:])
    assert (code, world.there(), "has no list" in out) == (0, {}, False)


def test_a_held_undo_names_every_approval_that_the_same_changes_need(
    world: World, syncd: Command, monkeypatch: Any
) -> None:
    world.sources["tenants"]["updates"] = {"at_most": {"share": "100%"}}
    world.write([(str(n), f"T {n}", "") for n in range(1, 31)])
    world.run()
    # Of 29 contacts a number is undone, and of one more the name.
    world.write([("1", "New", ""), *((str(n), f"T {n}", f"212555{n:04}") for n in range(2, 31))])
    assert world.run().exit_code == 0
    del world.sources["tenants"]["updates"]
    world.settings()
    monkeypatch.chdir(world.folder)
    run = str(runs(syncd)[0]["run"])
    code, out, _ = syncd("undo", run)
    [command] = [line.partition("to let exactly these go on: ")[2] for line in out.splitlines() if "exactly" in line]
    assert (code, command.count(" --approve ")) == (3, 2)
    code, _, _ = syncd(*command.split()[1:])
    assert (code, {each.get("Phone", "") for each in world.there().values()}) == (0, {""})


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_an_undo_before_the_first_run_makes_no_state_file(
    company: World, syncd: Command, more: tuple[str, ...]
) -> None:
    code, _, err = syncd("undo", "x", *more)
    assert (code, "there is no state file yet: syncd run makes it" in errors(err)[0]) == (2, True)
    assert not list(company.folder.glob("syncd.db*"))


def test_an_undo_of_a_source_that_the_run_did_not_run_is_refused(edited: World, syncd: Command) -> None:
    run = str(runs(syncd)[0]["run"])
    edited.sources["owners"] = {**edited.sources["tenants"], "options": {"path": "owners.csv", "settle": 0}}
    edited.settings()
    code, _, err = syncd("undo", run, "owners")
    assert (code, errors(err)) == (2, [f"run {run} did not run owners; it ran tenants"])
    del edited.sources["tenants"]
    edited.settings()
    assert "is no longer configured" in errors(syncd("undo", run)[2])[0]
