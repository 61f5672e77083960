"""Which alarm stands when, and what ``status`` and ``status --check`` say about it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from syncd.budget import Window
from syncd.cli import main
from syncd.config import Notify
from syncd.state import State
from syncd.watch.alarms import KINDS, alarms_of
from syncd.watch.settings import Watch, WatchedSource, max_age_of, watch_of
from syncd.watch.status import company_status
from tests.worlds.world import World

ANN, BOB = ("1", "Ann", "2125550101"), ("2", "Bob", "2125550102")
WELL = {
    "source": "tenants",
    "age": 60,
    "waiting_for": 60,
    "max_age": 3600.0,
    "failures": 0,
    "failure": None,
    "held": [],
    "rejected": 0,
    "invalid": 0,
    "undecided": [],
}
REFUSED = {"kind": "AccessDenied", "message": "Vocatech refused the key (status 401): check target.api_key"}
HOLD = {"gate": "deletes.share", "kind": "delete", "count": 30, "detail": "30 of 100", "approved": False}


def kinds(**more: Any) -> list[str]:
    return [alarm.kind for alarm in alarms_of([{**WELL, **more}], Watch("", "", failures=2))]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, []),
        ({"undecided": ["2125550101"]}, ["held"]),
        ({"waiting_for": 3601}, ["stale"]),
        ({"waiting_for": 3601, "age": None}, ["stale"]),
        ({"waiting_for": 3601, "max_age": None}, []),
        ({"waiting_for": None, "age": None}, []),
        ({"failures": 1, "failure": {"kind": "SourceError", "message": "gone"}}, []),
        ({"failures": 2, "failure": {"kind": "SourceError", "message": "gone"}}, ["failing"]),
        ({"failures": 2, "failure": REFUSED}, ["key"]),
        ({"held": [HOLD]}, ["held"]),
        ({"held": [{**HOLD, "approved": True}]}, []),
        ({"rejected": 10, "invalid": 100}, []),
        ({"rejected": 11, "invalid": 101}, ["rejected", "invalid"]),
        ({"waiting_for": 9999, "held": [HOLD], "rejected": 11}, ["stale", "held", "rejected"]),
    ],
)
def test_an_alarm_stands_as_long_as_its_cause_does(more: dict[str, Any], expected: list[str]) -> None:
    assert kinds(**more) == expected


def test_numbers_that_wait_for_a_decision_do_not_leave_in_a_message() -> None:
    [alarm] = alarms_of([{**WELL, "undecided": ["2125550101", "2125550102"]}], Watch("", ""))
    assert alarm.text == "2 numbers wait for a decision; see syncd status"


def test_a_refused_key_is_one_alarm_of_the_company() -> None:
    both = [{**WELL, "failure": REFUSED, "failures": 3}, {**WELL, "source": "staff", "failure": REFUSED, "failures": 3}]
    [alarm] = alarms_of(both, Watch("", ""))
    assert (alarm.source, alarm.kind, alarm.text) == ("", "key", REFUSED["message"])


def test_every_kind_may_be_told_and_is_by_default() -> None:
    assert Notify().about == KINDS


def test_keys_that_a_canary_gate_names_are_not_told() -> None:
    hold = {**HOLD, "gate": "deletes.canary", "detail": "not in the source: 100042 (canaries)"}
    [alarm] = alarms_of([{**WELL, "held": [hold]}], Watch("", ""))
    assert "100042" not in alarm.text


def test_a_run_that_was_asked_to_stop_has_not_failed(world: World) -> None:
    world.write([ANN])
    world.run()
    world.stopping.set()
    with pytest.raises(Exception, match="stop"):
        world.run(full=True)
    assert look(world)["alarms"] == []


def look(world: World, later: float = 0.0) -> dict[str, Any]:
    import time

    return company_status(watch_of(world.settings()), time.time() + later)


def test_failing_begins_with_a_failed_run_and_ends_with_a_good_one(world: World) -> None:
    world.run()
    assert [alarm["kind"] for alarm in look(world)["alarms"]] == ["failing"]
    world.write([ANN])
    world.run()
    assert look(world)["healthy"]


def test_a_killed_run_is_a_failed_one_until_the_next(world: World) -> None:
    world.write([ANN])
    world.run()
    with State(world.folder / "syncd.db") as state:
        state.runs.begin("killed", "tenants", "config")
    [source] = look(world)["sources"]
    assert (source["last"]["outcome"], source["failures"]) == ("broken off", 1)
    assert [alarm["text"] for alarm in look(world)["alarms"]] == [
        "the last run failed: it was broken off before its end"
    ]


def test_data_is_stale_when_its_last_good_run_is_too_long_ago(world: World) -> None:
    world.sources["tenants"]["max_age"] = "1h"
    world.write([ANN])
    world.run()
    assert look(world, 3500)["healthy"]
    [alarm] = look(world, 3700)["alarms"]
    assert (alarm["source"], alarm["kind"]) == ("tenants", "stale")


@pytest.mark.parametrize(
    ("schedule", "seconds"), [("15m", 86_400.0), ("2d", 518_400.0), ("0 7 * * mon", None), (None, None)]
)
def test_how_old_data_may_be_follows_from_the_interval(
    world: World, schedule: str | None, seconds: float | None
) -> None:
    if schedule:
        world.sources["tenants"]["schedule"] = schedule
    assert max_age_of(world.settings().sources["tenants"]) == seconds


def test_a_watch_travels_as_json() -> None:
    sources = (WatchedSource("a", 3.0), WatchedSource("b"))
    window = (Window(60, 60.0),)
    watch = Watch("c", "s", windows=window, tiers=(("reports", window),), sources=sources, digest="07:30")
    assert Watch.from_json(json.loads(json.dumps(asdict(watch)))) == watch


@pytest.fixture
def syncd(world: World, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def call(*arguments: str) -> tuple[int, str]:
        world.settings()
        capsys.readouterr()
        code = main(["--config", str(world.folder / "syncd.yaml"), *arguments])
        return code, capsys.readouterr().out

    return call


def test_status_check_is_one_line_and_an_exit_code(world: World, syncd: Callable[..., tuple[int, str]]) -> None:
    world.write([ANN])
    world.run()
    assert syncd("status", "--check") == (0, "healthy\n")
    (world.folder / "tenants.csv").unlink()
    world.run()
    code, out = syncd("status", "--check")
    assert (code, out.count("\n")) == (3, 1)
    assert out.startswith("tenants: failing: the last run failed: ")
    found = json.loads(syncd("status", "--check", "--json")[1])
    assert (found["healthy"], len(found["problems"])) == (False, 1)


def test_a_source_that_should_have_run_and_has_not_is_not_healthy(
    world: World, syncd: Callable[..., tuple[int, str]]
) -> None:
    world.sources["tenants"]["schedule"] = "15m"
    assert syncd("status", "--check") == (3, "tenants: has not run yet\n")


def test_a_state_file_that_cannot_be_read_is_not_healthy(world: World, syncd: Callable[..., tuple[int, str]]) -> None:
    (world.folder / "syncd.db").write_text("no database at all, but long enough to be one" * 30)
    code, out = syncd("status", "--check")
    assert code == 3
    assert "this is no state file of syncd" in out


def test_status_tells_what_a_run_under_way_still_has_to_send(world: World) -> None:
    world.write([ANN])
    world.run()
    with State(world.folder / "syncd.db") as state:
        state.runs.begin("now", "tenants", "config")
        state.leases.take("tenants", f"{socket.gethostname()}:1:x", 60)
        state.runs.note_progress("now", "tenants", requests=3, planned=2003)
    world.target["limits"] = ["60/1m", "1000/1h"]
    [source] = look(world)["sources"]
    assert source["forecast"]["requests"] == 2000
    assert source["forecast"]["seconds"] > 3600


def test_a_run_notes_how_far_it_is(world: World) -> None:
    world.write([ANN])
    world.run()
    with State(world.folder / "syncd.db") as state:
        [(planned, requests)] = state.rows("SELECT planned, requests FROM run")
    assert planned == requests == 3  # the fields, the list, one batch
