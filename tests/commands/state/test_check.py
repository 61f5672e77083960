"""``syncd state check``: one look at all that is kept."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncd.state.database import HEAD
from tests.worlds.commands import PEOPLE, Command, errors
from tests.worlds.world import World


@pytest.fixture
def ran(company: World, syncd: Command) -> World:
    """40 contacts are at the target; one delete waits."""
    assert syncd("run")[0] == 0
    return company


def check(syncd: Command) -> dict[str, Any]:
    code, out, _ = syncd("state", "check", "--json")
    found: dict[str, Any] = json.loads(out)
    assert found["exit"] == code
    return found


def change(world: World, *statements: str) -> None:
    with closing(sqlite3.connect(world.folder / "syncd.db")) as file:
        for statement in statements:
            file.execute(statement)
        file.commit()


def test_a_good_state_is_whole_and_its_parts_are_counted(ran: World, syncd: Command) -> None:
    found = check(syncd)
    assert (found["exit"], found["whole"], found["problems"], found["version"]) == (0, True, [], HEAD)
    assert found["company"]["address"] == ran.sandbox.url
    assert found["same_key"] is True
    [source] = found["sources"]
    assert {name: source[name] for name in ("source", "contacts", "changes", "runs", "pending", "configured")} == {
        "source": "tenants",
        "contacts": 40,
        "changes": 40,
        "runs": 1,
        "pending": 0,
        "configured": True,
    }
    assert found["size"] > 4096
    text = syncd("state", "check")[1]
    assert "The state is whole." in text
    assert "there is no backup" in text


def test_the_look_needs_no_key_and_changes_nothing(ran: World, syncd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ran.folder / "syncd.yaml"
    path.write_text(path.read_text().replace('"test-key"', '"${NO_SUCH_KEY}"'))
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    before = (ran.folder / "syncd.db").read_bytes()
    found = check(syncd)
    assert (found["exit"], found["same_key"]) == (0, None)
    assert (ran.folder / "syncd.db").read_bytes() == before


def test_another_key_is_noted(ran: World, syncd: Command) -> None:
    ran.target["api_key"] = "rotated"
    ran.settings()
    found = check(syncd)
    assert (found["exit"], found["same_key"]) == (0, False)
    assert any("the configured key" in note for note in found["notes"])


def test_without_a_state_there_is_nothing_to_check(company: World, syncd: Command) -> None:
    code, _, err = syncd("state", "check")
    assert (code, "there is no state file yet" in errors(err)[0]) == (2, True)
    assert not (company.folder / "syncd.db").exists()


def test_damaged_pages_are_a_problem_with_a_remedy(ran: World, syncd: Command) -> None:
    path = ran.folder / "syncd.db"
    size = path.stat().st_size
    with path.open("r+b") as file:
        for page in range(4, size // 4096, 2):
            file.seek(page * 4096 + 200)
            file.write(os.urandom(3000))
    found = check(syncd)
    assert (found["exit"], found["whole"]) == (3, False)
    assert "syncd state restore FILE" in found["problems"][0]


def test_a_file_that_is_no_state_is_named(ran: World, syncd: Command) -> None:
    (ran.folder / "syncd.db").write_text("id,name\n1,Ann\n")
    code, _, err = syncd("state", "check")
    assert code == 2
    assert "no state file" in errors(err)[0]
    change_file = ran.folder / "syncd.db"
    change_file.unlink()
    change(ran, "CREATE TABLE other (x)")
    code, _, err = syncd("state", "check")
    assert (code, "no state file of syncd" in errors(err)[0]) == (2, True)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE contact SET remote_id = 1 WHERE key IN ('1', '2')", "belong to more than one contact"),
        ("UPDATE fact SET value = '3' WHERE name = 'journal.newest'", "has given numbers up to 3"),
        ("UPDATE contact SET fields = '{' WHERE key = '7'", "no fields that can be read"),
        ("UPDATE contact SET status = 'what' WHERE key = '7'", "a status that syncd does not know"),
    ],
)
def test_what_cannot_be_true_at_once_needs_a_person(ran: World, syncd: Command, statement: str, words: str) -> None:
    change(ran, statement)
    found = check(syncd)
    assert found["exit"] == 3
    [problem] = found["problems"]
    assert words in problem


def test_a_file_that_others_may_read_is_a_problem(ran: World, syncd: Command) -> None:
    (ran.folder / "syncd.db").chmod(0o644)
    found = check(syncd)
    assert (found["exit"], found["mode"]) == (3, "0644")
    assert "chmod 600" in found["problems"][0]


def test_a_source_that_is_not_configured_any_more_is_noted(ran: World, syncd: Command) -> None:
    ran.sources["others"] = ran.sources.pop("tenants")
    ran.settings()
    found = check(syncd)
    assert found["exit"] == 0
    assert any(note.startswith("tenants: is not configured") for note in found["notes"])


def test_a_run_that_is_under_way_is_named(ran: World, syncd: Command) -> None:
    with ran.state() as state:
        state.leases.take("tenants", f"{socket.gethostname()}:{os.getpid()}:x", 60)
        found = check(syncd)
    assert found["running"] == ["tenants"]


def test_a_newer_state_and_an_older_one_are_told_apart(ran: World, syncd: Command) -> None:
    change(ran, "UPDATE alembic_version SET version_num = '9999'")
    found = check(syncd)
    assert (found["exit"], found["version"]) == (3, "9999")
    change(ran, "UPDATE alembic_version SET version_num = '0003'")
    found = check(syncd)
    assert found["exit"] == 0
    assert any("the next run brings it to" in note for note in found["notes"])


def test_the_other_files_are_looked_at_too(ran: World, syncd: Command) -> None:
    ran.activity = {"since": "2d"}
    ran.settings()
    assert syncd("activity", "forget", "2125550101")[0] in {0, 2}
    assert syncd("activity", "run", "--events")[0] == 0
    syncd("activity", "forget", "2125550101")
    found = check(syncd)
    assert found["activity"]["whole"]
    assert found["forgotten"]["entries"] == 1
    Path(found["activity"]["file"]).write_bytes(b"SQLite format 3\0" + b"x" * 9000)
    found = check(syncd)
    assert (found["exit"], found["activity"]["whole"]) == (3, False)
    assert "activity store" in found["problems"][0]


def test_the_rows_are_seen_beside_a_writer(ran: World, syncd: Command) -> None:
    with ran.state() as state, state.write():
        state.execute("UPDATE contact SET status = 'pending' WHERE key = '1'")
        assert check(syncd)["sources"][0]["pending"] == 0
    found = check(syncd)
    assert found["sources"][0]["pending"] == 1
    assert any("1 call of unknown outcome" in note for note in found["notes"])
    assert len(PEOPLE) == found["sources"][0]["contacts"]
