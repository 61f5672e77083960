"""The daemon and calls: a receiver that always answers, deliveries that are merged at once, lists in their rhythm."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from syncd.core.activity.instants import iso
from tests.worlds.daemons import Daemon, daemon_with_receiver
from tests.worlds.patience import until
from tests.worlds.receiver import event
from tests.worlds.world import company

LAKE = {"lake": {"sink": "files", "options": {"folder": "lake", "format": "jsonl"}, "settle": {"after": "2s"}}}


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon; after each test but the last it runs, and its receiver answers."""
    with company(tmp_path_factory.mktemp("company")) as world:
        world.sinks = LAKE
        world.write([("1", "Ann", "2125550101")])
        with daemon_with_receiver(world) as one:
            yield one


def test_a_delivery_is_a_call_in_the_store_a_moment_later(lasting: Daemon) -> None:
    until(lambda: lasting.sender.fact("pull.good"))
    assert lasting.sender.deliver(event("evt_1")) == 204
    until(lambda: lasting.unmerged() == 0)
    assert lasting.sender.rows("SELECT first_by FROM call WHERE call_id = 'call of evt_1'") == [("webhook",)]
    # The process that merges stays for what comes next.
    assert lasting.sender.deliver(event("evt_2")) == 204
    until(lambda: lasting.unmerged() == 0)
    assert len(lasting.sender.rows("SELECT 1 FROM call WHERE call_id IN ('call of evt_1', 'call of evt_2')")) == 2
    assert "Jane" not in lasting.log.read_text()


def test_an_announced_call_is_a_record_as_soon_as_no_leg_has_followed(lasting: Daemon) -> None:
    until(lambda: lasting.sender.fact("deliver.mark.lake"))
    now = iso(float(int(time.time())))
    call = {"call_id": "c5", "extension": "101", "direction": "incoming", "start_time": now, "end_time": now}
    assert lasting.sender.deliver({**event("evt_5", **call), "timestamp": now}) == 204
    until(lambda: any("c5" in each.read_text() for each in lasting.world.folder.rglob("lake/calls/*.jsonl")))
    # The file is there a moment before its note.
    until(lambda: lasting.sender.rows("SELECT status FROM delivery WHERE id = 'c5'") == [("accepted",)])


def test_the_receiver_is_started_again(lasting: Daemon) -> None:
    first = lasting.receiver()
    assert first
    os.kill(first, signal.SIGKILL)
    until(lambda: lasting.receiver() not in {None, first} and lasting.answers())
    assert "the receiver ended" in lasting.lines()


def test_a_changed_configuration_is_the_receivers_too_without_a_gap(lasting: Daemon) -> None:
    before = lasting.receiver()
    lasting.sender.receive["secret"] = "s-5550199"
    lasting.configure()
    lasting.signal(signal.SIGHUP)
    until(lambda: lasting.sender.deliver(event("evt_9"), b"s-5550199") == 204)
    assert lasting.receiver() == before


def test_a_receiver_that_is_configured_no_more_ends_and_one_that_is_begins(lasting: Daemon) -> None:
    receive, lasting.sender.receive = lasting.sender.receive, {}
    lasting.configure()
    lasting.signal(signal.SIGHUP)
    until(lambda: lasting.receiver() is None)
    lasting.sender.receive = receive
    lasting.configure()
    lasting.signal(signal.SIGHUP)
    until(lasting.answers)


def test_a_daemon_that_is_killed_or_stopped_leaves_no_receiver_behind(lasting: Daemon) -> None:
    """The last test of the daemon that lasts."""
    receiver = lasting.receiver()
    assert receiver
    lasting.running().kill()
    lasting.running().wait()
    until(lambda: not lasting.answers())
    lasting.start()
    until(lasting.answers)
    assert lasting.receiver() != receiver
    assert lasting.stop() == 0
    assert lasting.lines()[-2:] == ["daemon stopping", "daemon stopped"]
    assert not lasting.answers()
    assert not (lasting.world.folder / "syncd.db.wake").exists()
