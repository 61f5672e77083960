"""``syncd activity forget``: nothing of a number stays, and nothing of it comes back."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncd.activity import erasing
from syncd.errors import StateError
from tests.worlds.commands import Command
from tests.worlds.phone_day import DAY, PhoneDay

HERS, WRITTEN = "2125550101", "+1 (212) 555-0101"
Say = Callable[..., dict[str, Any]]


@pytest.fixture
def say(phone_day: PhoneDay) -> Say:
    """Carry out ``syncd activity`` and return its JSON."""

    def carry_out(*words: str, code: int = 0) -> dict[str, Any]:
        found, out, err = phone_day.syncd("activity", *words, "--json")
        assert found == code, out + err
        assert HERS not in err
        said: dict[str, Any] = json.loads(out)
        return said

    return carry_out


def hers(phone_day: PhoneDay) -> list[dict[str, Any]]:
    return phone_day.listed("--number", HERS)


def bytes_of(folder: Path) -> bytes:
    """Return all that stands in the files of the store."""
    return b"".join(file.read_bytes() for file in sorted(folder.glob("activity.db*")))


def test_a_dry_run_counts_and_erases_nothing(phone_day: PhoneDay, say: Say) -> None:
    said = say("forget", WRITTEN, "--dry-run")
    assert (said["calls"], said["messages"]) == (1, 1)
    assert len(hers(phone_day)) == 2
    assert not (phone_day.world.folder / "syncd.forgotten").exists()


def test_nothing_of_the_number_stays_in_the_files(phone_day: PhoneDay, say: Say) -> None:
    assert b"Ann Lee" in bytes_of(phone_day.world.folder)
    said = say("forget", WRITTEN)
    assert (said["calls"], said["messages"]) == (1, 1)
    assert hers(phone_day) == []
    kept = bytes_of(phone_day.world.folder)
    assert HERS.encode() not in kept
    assert b"Ann Lee" not in kept
    assert len(phone_day.listed()) == 3, "of others everything stays"


def test_a_forget_that_ends_before_it_removes_copies_is_finished_by_the_next_command(
    phone_day: PhoneDay, say: Say
) -> None:
    store = phone_day.world.folder / "activity.db"
    copy = Path(shutil.copy(store, store.with_name("activity.db.before-0002-from-0001")))

    def ended(_: object) -> None:
        raise StateError("ended here")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(erasing, "_remove_copies", ended)
        say("forget", WRITTEN, code=2)
    assert HERS.encode() in copy.read_bytes()
    say("pull", "--days", DAY)
    assert not copy.exists()


def test_the_file_of_what_was_forgotten_tells_nobody_whom(phone_day: PhoneDay, say: Say) -> None:
    say("forget", WRITTEN)
    file = phone_day.world.folder / "syncd.forgotten"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "555" not in file.read_text().replace(json.loads(file.read_text().splitlines()[0])["salt"], "")
    before = file.read_text()
    say("forget", HERS)
    assert file.read_text() == before, "a number is forgotten once"


def test_forget_then_pull_replay_restore_a_backup_stays_away(phone_day: PhoneDay, say: Say, syncd: Command) -> None:
    store = phone_day.world.folder / "activity.db"
    shutil.copy(store, phone_day.world.folder / "copy.db")
    say("forget", WRITTEN)
    say("pull", "--days", DAY)
    assert hers(phone_day) == []
    say("replay", "--rebuild")
    assert hers(phone_day) == []
    for file in phone_day.world.folder.glob("activity.db*"):
        file.unlink()
    shutil.copy(phone_day.world.folder / "copy.db", store)
    say("pull", "--days", DAY)
    assert hers(phone_day) == []
    assert b"Ann Lee" not in bytes_of(phone_day.world.folder)
    # The day is whole all the same: ids count, and nothing but ids is left.
    assert {day["state"] for day in say("days")["days"] if day["day"] == DAY} <= {"read", "proved"}


def test_a_new_store_gets_nothing_of_the_number_either(phone_day: PhoneDay, say: Say) -> None:
    say("forget", WRITTEN)
    for file in phone_day.world.folder.glob("activity.db*"):
        file.unlink()
    say("pull", "--days", DAY)
    assert hers(phone_day) == []
    assert len(phone_day.listed()) == 3


def test_what_a_delivery_says_of_it_later_leaves_nothing(phone_day: PhoneDay, say: Say) -> None:
    say("forget", WRITTEN)
    phone_day.world.sandbox.phones.call(remote_number=HERS, remote_name="Ann Lee")
    say("run")
    assert hers(phone_day) == []
    assert b"Ann Lee" not in bytes_of(phone_day.world.folder)


@pytest.mark.parametrize("number", ["101", "7185550000", "none"])
def test_a_number_of_the_company_or_none_is_refused(say: Say, number: str) -> None:
    assert "number" in say("forget", number, code=2)["error"]["message"]


def test_a_damaged_file_of_what_was_forgotten_stops_before_anything_comes_back(phone_day: PhoneDay, say: Say) -> None:
    say("forget", WRITTEN)
    (phone_day.world.folder / "syncd.forgotten").write_text('{"version": 1, "salt"')
    said = say("pull", "--days", DAY, code=2)
    assert "syncd.forgotten" in said["error"]["message"]
    assert "backup" in said["error"]["message"]


def test_a_forgotten_number_is_sent_no_message(phone_day: PhoneDay, say: Say, syncd: Command) -> None:
    say("forget", WRITTEN)
    code, out, _ = syncd("message", "send", "--from", "7185550000", "--to", HERS, "Hello", "--json")
    assert code == 3
    assert "forgotten" in json.loads(out)["reason"]
