"""``syncd activity pull`` and ``days`` as commands: what they print, their exit codes, and wrong input."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import Any

import pytest

from syncd.core.activity.facts import LEASE
from syncd.core.activity.instants import day_of
from syncd.run.leases import Leases
from tests.worlds.commands import Command, errors
from tests.worlds.world import World

DAY = 86_400.0


@pytest.fixture
def phones(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Two calls and a message of three days ago, and a call of just now."""
    world.activity = {"since": "5d"}
    world.target |= {"reports": [], "messaging": []}
    past = time.time() - 4 * DAY
    for number in range(2):
        world.sandbox.phones.call(start=past + number, talk=10.0)
    world.sandbox.phones.message(sent=past, body="a text of 5550100")
    world.sandbox.phones.call()
    world.settings()
    monkeypatch.chdir(world.folder)
    return world


def printed(syncd: Command, *arguments: str, code: int = 0) -> dict[str, Any]:
    found, out, _ = syncd("activity", *arguments, "--json")
    assert found == code
    report: dict[str, Any] = json.loads(out)
    return report


def test_it_reads_and_says_what_it_found(phones: World, syncd: Command) -> None:
    found = printed(syncd, "pull")
    assert found["calls"] == {"new": 3, "changed": 0, "unchanged": 0}
    assert found["messages"]["new"] == 1
    assert found["error"] is None
    assert found["forecast"]["reports"]["requests"] == found["requests"]
    assert {day["state"] for day in found["days"]} == {"read"}
    days = printed(syncd, "days")["days"]
    assert sum(day["total"] or 0 for day in days if day["kind"] == "call") >= 2
    assert days == sorted(days, key=lambda day: (day["day"], day["kind"]))
    assert printed(syncd, "pull")["calls"]["new"] == 0
    assert phones.writes() == 0


def test_a_dry_run_reads_and_makes_no_file(phones: World, syncd: Command) -> None:
    found = printed(syncd, "pull", "--dry-run")
    assert found["calls"]["new"] == 3
    assert not (phones.folder / "activity.db").exists()
    assert not (phones.folder / "syncd.db").exists()
    assert {entry.method for entry in phones.sandbox.requests} == {"GET"}
    assert printed(syncd, "days")["days"] == []


def test_people_get_a_table_and_a_few_lines(phones: World, syncd: Command) -> None:
    day = day_of(time.time() - 4 * DAY)
    code, out, _ = syncd("activity", "pull", "--days", day)
    assert code == 0
    assert f"{day}" in out
    assert "calls: 2 new, 0 changed, 0 as known" in out
    assert "2 requests" in out
    code, out, _ = syncd("activity", "days")
    assert code == 0
    assert "read" in out
    assert "5550100" not in out


@pytest.mark.parametrize(
    "days",
    [
        *("tomorrow", "2026-03-10..2026-03-01", "2026-02-30", "..2026-03-01", "", "1..2"),
        *("2098-01-01", "9999-12-31", "9999-12-30..9999-12-31"),
    ],
)
def test_days_of_another_form_are_refused(phones: World, syncd: Command, days: str) -> None:
    code, _, err = syncd("activity", "pull", "--days", days)
    assert code == 2
    assert "--days" in errors(err)[0]
    assert phones.sandbox.requests == []


@pytest.mark.parametrize("last", ["2098-01-01", "9999-12-31"])
def test_days_that_have_not_begun_are_not_asked_for(phones: World, syncd: Command, last: str) -> None:
    found = printed(syncd, "pull", "--days", f"{day_of(time.time() - DAY)}..{last}")
    assert 4 <= found["requests"] <= 6


def test_without_activity_in_the_configuration_the_remedy_is_named(world: World, syncd: Command) -> None:
    world.settings()
    for word in ("pull", "days"):
        code, _, err = syncd("--config", str(world.folder / "syncd.yaml"), "activity", word)
        assert code == 2
        assert "add activity" in err


def test_a_list_that_is_refused_is_named_and_the_other_one_is_read(phones: World, syncd: Command) -> None:
    phones.sandbox.arm({"kind": "status", "status": 418, "path": "/calls", "times": None})
    found = printed(syncd, "pull", code=3)
    assert found["error"]["kind"] == "TargetRefused"
    assert found["messages"]["new"] == 1


def test_a_page_of_a_gateway_is_a_temporary_error(phones: World, syncd: Command) -> None:
    phones.sandbox.arm({"kind": "html", "status": 200, "path": "/calls", "times": None})
    found = printed(syncd, "pull", code=4)
    assert "gateway" in found["error"]["message"]


def test_a_refused_key_ends_the_pull(phones: World, syncd: Command) -> None:
    phones.target["api_key"] = "another-key"
    phones.settings()
    found = printed(syncd, "pull", code=3)
    assert found["error"]["kind"] == "AccessDenied"
    assert len(phones.sandbox.requests) == 1


def test_two_pulls_do_not_run_at_once(phones: World, syncd: Command) -> None:
    another = f"{socket.gethostname()}:{os.getpid()}:another"
    with phones.state() as state, Leases(state, another, time.time).held(LEASE, lambda _: None):
        found = printed(syncd, "pull", code=5)
    assert found["error"]["kind"] == "SourceBusy"
    # These commands have no --wait.
    assert "; try again when it is done" in found["error"]["message"]
