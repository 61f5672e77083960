"""2xx means durable: kills under load, a full disk, a locked and a missing store."""

from __future__ import annotations

import http.client
import json
import os
import resource
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Self

import pytest

from syncd.core.activity.signature import HEADER, signed
from tests.worlds.patience import until
from tests.worlds.receiver import SECRET, Receiver, event, receiving

KILLS = 50 if "SYNCD_SOAK" in os.environ else 3
SENDERS = 8


class Load:
    """Threads that deliver without end; what was not answered is delivered again, as Vocatech does."""

    def __init__(self, one: Receiver) -> None:
        self.one = one
        self.answered: list[str] = []
        self.unanswered: list[str] = []
        self._leave = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(SENDERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        for thread in self._threads:
            thread.join()

    def has_answered(self, events: int) -> bool:
        return len(self.answered) > events

    def _send(self, sender: int) -> None:
        count = 0
        while not self._leave.is_set():
            count += 1
            # The second half of the events comes under another id each time, as a retry may.
            self._one(f"{sender}-{count}", new_id=count % 2 == 0)

    def _one(self, name: str, *, new_id: bool) -> None:
        tries = 0
        while True:
            identity = f"evt_{name}_{tries}" if new_id else f"evt_{name}"
            try:
                status = self.one.deliver(event(identity, call_id=name))
            except (OSError, http.client.HTTPException):
                status = 0
            if status == 204:
                self.answered.append(name)
                return
            if self._leave.is_set():
                self.unanswered.append(name)
                return
            tries += 1
            time.sleep(0.01)


def test_answered_and_killed(tmp_path: Path) -> None:
    with receiving(tmp_path) as one, Load(one) as load:
        for number in range(KILLS):
            before = len(load.answered)
            until(partial(load.has_answered, before + 20))
            time.sleep(number % 5 * 0.003)
            one.end()
            one.start()
        until(partial(load.has_answered, 50 * KILLS))
    subjects = [subject for (subject,) in one.rows("SELECT subject FROM event")]
    assert set(load.answered) - set(subjects) == set(), "an answered event is lost"
    assert len(subjects) == len(set(subjects)), "there are twins"
    assert set(subjects) - set(load.answered) - set(load.unanswered) == set()


def test_stopped_under_load(tmp_path: Path) -> None:
    with receiving(tmp_path) as one, Load(one) as load:
        until(lambda: len(load.answered) > 20, 60)
        begun = time.monotonic()
        assert one.stop() == 0
        assert time.monotonic() - begun < 2
    assert set(load.answered) <= {subject for (subject,) in one.rows("SELECT subject FROM event")}


def limit(one: Receiver, size: int) -> None:
    """Let no file of the process grow above ``size``; -1: any size."""
    resource.prlimit(one.running().pid, resource.RLIMIT_FSIZE, (size, -1))


def test_disk_full_503_later_stored(tmp_path: Path) -> None:
    with receiving(tmp_path) as one:
        assert one.deliver(event("evt_1")) == 204
        limit(one, 0)
        status, headers = one.ask("POST", "/vocatech", *signed_event("evt_2"))
        assert (status, headers["retry-after"]) == (503, "60")
        one.await_health(503)
        limit(one, -1)
        one.await_health(200)
        assert one.deliver(event("evt_2")) == 204
        assert one.stored() == {"evt_1": "new", "evt_2": "new"}
        # The time in which events were turned away is noted, so that its days are read.
        assert one.fact("receiver.gaps") is not None


def signed_event(identity: str) -> tuple[bytes, dict[str, str]]:
    body = json.dumps(event(identity)).encode()
    return body, {HEADER: signed(body, SECRET, int(time.time()))}


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is made by root")
def test_a_small_disk_fills_up(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=800k", "none", disk], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        one = Receiver(tmp_path)
        one.activity["store"] = "disk/activity.db"
        one.start()
        words = os.urandom(40_000).hex()
        answers = [one.deliver(event(f"evt_{number}", call_id=str(number), text=words)) for number in range(40)]
        assert answers[0] == 204
        assert answers[-1] == 503
        kept = [f"evt_{number}" for number, answer in enumerate(answers) if answer == 204]
        assert list(one.stored()) == sorted(kept, key=lambda name: int(name[4:]))
        subprocess.run(["mount", "-o", "remount,size=10m", disk], check=True)
        assert [one.deliver(event(f"evt_{number}", call_id=str(number))) for number in range(40)] == [204] * 40
        assert len(one.stored()) == 40
    finally:
        one.end()
        subprocess.run(["umount", disk], check=True)


def test_a_store_that_another_process_writes_to_is_waited_for(tmp_path: Path) -> None:
    with receiving(tmp_path) as one:
        with closing(sqlite3.connect(one.store, isolation_level=None)) as store:
            store.execute("BEGIN IMMEDIATE")
            timer = threading.Timer(0.5, lambda: None)
            timer.start()
            answers: list[int] = []
            sender = threading.Thread(target=lambda: answers.append(one.deliver(event())))
            sender.start()
            timer.join()
            assert answers == []
            store.execute("COMMIT")
            sender.join()
        assert answers == [204]


def test_a_store_that_was_moved_away_is_not_written_to(tmp_path: Path) -> None:
    with receiving(tmp_path) as one:
        assert one.deliver(event("evt_1")) == 204
        for path in tmp_path.glob("activity.db*"):
            path.rename(tmp_path / f"moved-{path.name}")
        assert one.deliver(event("evt_2")) == 503
        assert one.lines()[-1]["kind"] == "not stored"
        for path in tmp_path.glob("moved-*"):
            path.rename(tmp_path / path.name.removeprefix("moved-"))
        assert one.deliver(event("evt_2")) == 204
        assert one.stored() == {"evt_1": "new", "evt_2": "new"}


def test_handler_failed_retry_is_not_a_duplicate(tmp_path: Path) -> None:
    """What fails after the id was looked at leaves no trace of it: the row is the mark."""
    with receiving(tmp_path) as one:
        one.change(
            "CREATE TRIGGER fails AFTER INSERT ON event WHEN NEW.id = 'evt_1' "
            "BEGIN SELECT RAISE(ABORT, 'the handler fails'); END"
        )
        assert one.deliver(event("evt_1")) == 503
        # Only this one fails, also in one transaction with others.
        assert one.deliver(event("evt_2")) == 204
        one.change("DROP TRIGGER fails")
        assert one.deliver(event("evt_1")) == 204
        assert one.stored() == {"evt_1": "new", "evt_2": "new"}
