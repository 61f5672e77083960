"""``syncd status``: the last runs, what is held, and the budget, all without a request to the target."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

from syncd.budget import Budget
from syncd.state import State
from tests.worlds.commands import PEOPLE, Command
from tests.worlds.world import World


def test_status_before_the_first_run(company: World, syncd: Command) -> None:
    code, out, _ = syncd("status")
    assert code == 0
    assert "never" in out
    assert not (company.folder / "syncd.db").exists()
    found = json.loads(syncd("status", "--json")[1])
    assert found["sources"][0]["last"] is None


def test_status_shows_the_windows_of_each_kind_of_request_that_is_used(company: World, syncd: Command) -> None:
    company.target |= {"limits": ["60/1m"], "reports": ["30/1m"], "messaging": ["5/10m"]}
    company.settings()
    assert json.loads(syncd("status", "--json")[1])["tiers"] == {}
    company.notify, company.activity = {"sms": {"from": "2125550100", "to": "2125550123"}}, {}
    with company.state() as state:
        lists = Budget(state.requests.tier("reports"), company.settings().target.reports)
        lists.take()
        lists.pause(100)
    _, out, _ = syncd("status")
    assert "requests left: 60 of 60 in 1 m\n" in out
    assert "lists of calls and messages left: 29 of 30 in 1 m, the next in 1 m" in out
    assert "text messages left: 5 of 5 in 10 m" in out
    found = json.loads(syncd("status", "--json")[1])["tiers"]
    assert found["reports"]["budget"] == [{"requests": 30, "seconds": 60.0, "left": 29}]
    assert found["reports"]["next_request"] > 90
    assert found["messaging"]["next_request"] == 0


def test_status_works_when_the_target_is_down_and_asks_it_nothing(company: World, syncd: Command) -> None:
    company.target["limits"] = ["60/1m"]
    company.settings()
    syncd("run")
    company.sandbox.requests.clear()
    asked = len(company.sandbox.requests)
    code, out, _ = syncd("status", "--json")
    found = json.loads(out)
    assert code == 0
    assert len(company.sandbox.requests) == asked
    [source] = found["sources"]
    assert (source["last"]["outcome"], source["last"]["exit"], source["contacts"]) == ("done", 0, 40)
    [window] = found["budget"]
    assert (window["requests"], window["seconds"]) == (60, 60.0)
    assert window["left"] == 60 - source["last"]["requests"]


def test_status_shows_what_is_held_and_how_to_let_it_go(company: World, syncd: Command) -> None:
    syncd("run")
    company.write(PEOPLE[:20])
    syncd("run")
    _, out, _ = syncd("status")
    [hold] = json.loads(syncd("status", "--json")[1])["sources"][0]["held"]
    assert f"to let exactly these go on: syncd approve tenants {hold['digest']}" in out
    assert ("alarm: tenants: held: " in out, "see syncd status" in out) == (True, False)
    assert "see syncd status" in syncd("status", "--check")[1]
    syncd("approve", "tenants", hold["digest"])
    assert f"{hold['digest']} is approved" in syncd("status")[1]


def test_status_does_not_take_a_killed_run_for_one_that_runs(company: World, syncd: Command) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as killed:
        killed.wait()
    with State(company.folder / "syncd.db") as state:
        state.runs.begin("r", "tenants", "")
        for pid, outcome in ((os.getpid(), "running"), (killed.pid, "broken off")):
            owner = f"{socket.gethostname()}:{pid}:x"
            assert state.leases.take("tenants", owner, 60) is None
            [source] = json.loads(syncd("status", "--json")[1])["sources"]
            assert (source["running"], source["last"]["outcome"]) == (outcome == "running", outcome)
            state.leases.release("tenants", owner)


def test_status_tells_the_last_error_and_the_last_good_run(company: World, syncd: Command) -> None:
    syncd("run")
    (company.folder / "tenants.csv").unlink()
    syncd("run")
    [source] = json.loads(syncd("status", "--json")[1])["sources"]
    assert (source["last"]["outcome"], source["last"]["exit"]) == ("failed", 4)
    assert source["good"] is not None
    assert "error: " in syncd("status")[1]


def test_status_tells_of_a_refused_key_once(company: World, syncd: Command) -> None:
    company.target["api_key"] = "another-key"
    company.settings()
    assert syncd("run")[0] == 3
    assert syncd("status")[1].count("Vocatech refused the key") == 1
