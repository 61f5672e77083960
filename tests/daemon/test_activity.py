"""The daemon and calls: a receiver that always answers, deliveries that are merged at once, lists in their rhythm."""

from __future__ import annotations

import os
import signal
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
    until(lambda: daemon.unmerged() == 0)
    assert daemon.sender.rows("SELECT call_id, first_by FROM call") == [("call of evt_1", "webhook")]
    # The process that merges stays for what comes next.
    assert daemon.sender.deliver(event("evt_2")) == 204
    until(lambda: daemon.unmerged() == 0)
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
    assert not daemon.answers()
    assert not (daemon.world.folder / "syncd.db.wake").exists()


def test_a_changed_configuration_is_the_receivers_too_without_a_gap(daemon: Daemon) -> None:
    before = daemon.receiver()
    daemon.sender.receive["secret"] = "s-5550199"
    daemon.configure()
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.sender.deliver(event("evt_1"), b"s-5550199") == 204)
    assert daemon.receiver() == before


def test_a_receiver_that_is_configured_no_more_ends_and_one_that_is_begins(daemon: Daemon) -> None:
    receive, daemon.sender.receive = daemon.sender.receive, {}
    daemon.configure()
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.receiver() is None)
    daemon.sender.receive = receive
    daemon.configure()
    daemon.signal(signal.SIGHUP)
    until(daemon.answers)


def test_a_daemon_that_is_killed_leaves_no_receiver_behind(daemon: Daemon) -> None:
    receiver = daemon.receiver()
    assert receiver
    daemon.running().kill()
    daemon.running().wait()
    until(lambda: not daemon.answers())
    daemon.start()
    until(daemon.answers)
    assert daemon.receiver() != receiver
