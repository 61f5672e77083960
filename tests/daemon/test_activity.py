"""The daemon and calls: a receiver that always answers, deliveries that are merged at once, lists in their rhythm."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.daemons import Daemon, daemon_with_receiver, until
from tests.worlds.receiver import event
from tests.worlds.world import World, company


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with company(tmp_path) as made:
        made.write([("1", "Ann", "2125550101")])
        made.settings()
        yield made


@pytest.fixture
def daemon(world: World) -> Iterator[Daemon]:
    with daemon_with_receiver(world) as one:
        yield one


def test_a_delivery_is_a_call_in_the_store_a_moment_later(daemon: Daemon) -> None:
    until(lambda: daemon.sender.fact("pull.good"))
    assert daemon.sender.deliver(event("evt_1")) == 204
    begun = time.monotonic()
    until(lambda: daemon.unmerged() == 0)
    print("merged after", time.monotonic() - begun)
    assert daemon.sender.rows("SELECT call_id, first_by FROM call") == [("call of evt_1", "webhook")]
    # The process that merges stays for what comes next.
    assert daemon.sender.deliver(event("evt_2")) == 204
    begun = time.monotonic()
    until(lambda: daemon.unmerged() == 0)
    print("merged after", time.monotonic() - begun)
    assert len(daemon.sender.rows("SELECT 1 FROM call")) == 2
    assert "Jane" not in daemon.log.read_text()


def test_the_receiver_is_started_again_and_answers_until_the_end(daemon: Daemon) -> None:
    first = daemon.receiver()
    assert first
    os.kill(first, signal.SIGKILL)
    until(lambda: daemon.receiver() not in {None, first} and daemon.answers())
    assert "the receiver ended" in daemon.lines()
    assert daemon.stop() == 0
    assert daemon.lines()[-2:] == ["daemon stopping", "daemon stopped"]
    with pytest.raises(OSError):
        daemon.sender.ask("GET", "/healthz")
    assert not (daemon.world.folder / "syncd.db.wake").exists()
