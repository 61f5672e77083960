"""Runs that fail, lose an answer, are stopped or killed: the next run ends where an undisturbed run ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from syncd.errors import AccessDenied, SourceBusy, StateError, Stopped
from syncd.run.session import Watcher, open_session
from syncd.state import State
from syncd.sync import run_source
from tests.worlds.tenants import ANN, BOB, LOST_DELETES, LOST_POSTS
from tests.worlds.world import World


def test_create_with_a_lost_answer_whose_row_leaves_the_source_is_found_and_deleted(world: World) -> None:
    world.write([ANN])
    world.run()
    world.sandbox.arm(LOST_POSTS)
    world.write([ANN, BOB])
    assert world.run().exit_code == 4
    world.sandbox.disarm()
    assert set(world.there()) == {"1", "2"}
    world.write([ANN])
    assert world.run().exit_code == 0
    assert set(world.there()) == {"1"}


def test_update_with_a_lost_answer_whose_row_reverts_is_undone(world: World) -> None:
    world.write([ANN])
    world.run()
    world.sandbox.arm(LOST_POSTS)
    world.write([("1", "Ann Brown", "2125550101")])
    assert world.run().exit_code == 4
    world.sandbox.disarm()
    assert world.there()["1"]["Name"] == "Ann Brown"
    world.write([ANN])
    assert world.run().exit_code == 0
    assert world.there()["1"]["Name"] == "Ann Smith"


def test_delete_with_a_lost_answer_whose_row_returns_is_made_again(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.sandbox.arm(LOST_DELETES)
    world.write([ANN])
    assert world.run().exit_code == 4
    world.sandbox.disarm()
    assert set(world.there()) == {"1"}
    world.write([ANN, BOB])
    assert world.run().exit_code == 0
    assert set(world.there()) == {"1", "2"}


def test_a_wrong_key_stops_everything(world: World) -> None:
    world.write([ANN])
    world.target["api_key"] = "wrong"
    with pytest.raises(AccessDenied, match=r"support@vocatech\.com"):
        world.run()
    assert world.there() == {}


def test_a_schema_without_a_match_field_refuses_the_push(world: World) -> None:
    world.sandbox.store.set_fields(
        [{"id": 1, "name": "External ID"}, {"id": 2, "name": "Name"}, {"id": 3, "name": "Phone"}]
    )
    world.write([ANN])
    report = world.run()
    assert report.exit_code == 2
    assert "match field" in str(report.error)


def test_an_unreachable_target_is_temporary(world: World) -> None:
    world.write([ANN])
    world.target["base_url"] = "http://127.0.0.1:9/v1"
    world.target["timeout"] = "1s"
    report = world.run()
    assert report.exit_code == 4


def test_a_source_that_a_killed_process_held_is_free_at_once(world: World) -> None:
    world.write([ANN])
    killed = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with world.state() as state:
        assert state.leases.take("tenants", f"{socket.gethostname()}:{killed.pid}:x", 60) is None
        killed.kill()
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)  # now a zombie: killed, but not yet waited for
        assert world.run().counts["create"] == 1
    killed.wait()


def test_a_source_that_another_run_holds_is_busy(world: World) -> None:
    world.write([ANN])
    with world.state() as state:
        assert state.leases.take("tenants", f"{socket.gethostname()}:{os.getpid()}:x", 60) is None
        with pytest.raises(SourceBusy, match="another run holds it"):
            world.run()
    assert world.there() == {}


def test_a_first_load_that_was_broken_off_still_tells_create_from_adopt(world: World) -> None:
    world.sandbox.store.add({"External ID": "2", "Name": "Bob"})
    world.write([ANN])
    world.sandbox.arm({**LOST_POSTS, "done": False})
    assert world.run().exit_code == 4
    world.sandbox.disarm()
    world.write([ANN, BOB])
    report = world.run()
    assert (report.counts["create"], report.counts["adopt"]) == (1, 1)


def test_what_a_run_spooled_is_gone_when_it_is_killed(world: World) -> None:
    world.write([ANN])
    world.sandbox.arm({"kind": "slow", "seconds": 60, "times": None, "method": "POST"})
    folder = world.folder / "temporary"
    folder.mkdir()
    world.target["timeout"] = "90s"
    world.settings()
    command = [sys.executable, "-m", "syncd", "--config", str(world.folder / "syncd.yaml"), "run"]
    with subprocess.Popen(command, env={**os.environ, "TMPDIR": str(folder)}, stderr=subprocess.DEVNULL) as process:
        # The rows were read and spooled before the first batch is marked. The sandbox logs a request when it answers.
        while not pending(world) and process.poll() is None:
            time.sleep(0.02)
        assert any("deleted" in target and str(folder) in target for target in opened_by(process.pid))
        assert list(folder.iterdir()) == []
        process.kill()
    assert list(folder.iterdir()) == []


def pending(world: World) -> set[str]:
    with suppress(StateError), State(world.folder / "syncd.db", read_only=True) as state:
        return state.ledger.pending_keys("tenants")
    return set()


def opened_by(pid: int) -> list[str]:
    """Return what the open files of a process lead to."""
    return [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]


def test_a_run_that_a_defect_ended_is_not_recorded_as_done(world: World) -> None:
    def broken(_source: str, _done: int, _total: int) -> None:
        raise RuntimeError("a defect")

    world.write([ANN])
    settings = world.settings()
    with open_session(settings, watcher=Watcher(pushing=broken)) as session:
        with pytest.raises(RuntimeError):
            run_source(session, settings.sources["tenants"])
        last = next(session.state.history.runs(source="tenants"))
    assert (last["outcome"], last["exit"]) == ("failed", 1)


def test_a_stop_begins_no_further_batch(world: World) -> None:
    world.target["in_flight"] = 1
    world.write([(str(n), f"T {n}", f"212555{n:04}") for n in range(1, 2001)])

    def stop_in_the_first_batch(done: int) -> None:
        if done:
            world.stopping.set()

    with open_session(world.settings(), stopping=world.stopping, sleep=lambda _: None) as session:
        session.watcher.pushing = lambda _source, done, _total: stop_in_the_first_batch(done)
        with pytest.raises(Stopped):
            run_source(session, session.settings.sources["tenants"])
    assert world.posts() == 1
    with world.state() as state:
        assert state.ledger.pending_keys("tenants") == set()
    world.stopping.clear()
    assert world.run().counts["create"] == 1500
