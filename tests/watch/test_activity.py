"""Calls and messages in ``status``, the alarms and the metrics, from what the store has."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from syncd.activity.store.store import ActivityStore
from syncd.activity.store.webhooks import Endpoint
from syncd.core.activity.facts import ENDPOINT, FAILURE, FIRST, FOREIGN, GOOD, REFUSED, SECRET, SEEN, SKEW
from syncd.watch.activity.alarms import KINDS
from syncd.watch.activity.words import activity_lines
from syncd.watch.alarms import KINDS as ALL_KINDS
from syncd.watch.endpoints import Endpoints
from syncd.watch.settings import Watch, watch_of
from syncd.watch.status import company_status
from tests.worlds.commands import Command
from tests.worlds.patience import PATIENCE
from tests.worlds.ports import free_port
from tests.worlds.world import World

NOW = 1_800_000_000.0
HOUR = 3600.0


@pytest.fixture
def phones(company: World) -> World:
    """A company with a receiver that is well."""
    receive = {"url": "https://hooks.example.com/in", "secret_file": "webhook.secret"}
    company.activity = {"receive": receive, "recordings": {"at_most": "1kB"}}
    company.settings()
    learn(company, {FIRST: NOW - 9 * HOUR, GOOD: NOW - 60, SEEN: NOW - 20})
    return company


@contextmanager
def store(world: World) -> Iterator[ActivityStore]:
    with ActivityStore(world.folder / "activity.db", clock=lambda: NOW) as opened:
        yield opened


def learn(world: World, facts: dict[str, Any]) -> None:
    with store(world) as opened:
        for name, value in facts.items():
            text = json.dumps(value) if isinstance(value, dict) else None if value is None else str(value)
            opened.facts.set(name, text)


def found(world: World, *, counted: bool = True) -> dict[str, Any]:
    return company_status(watch_of(world.settings()), NOW, counted=counted)


def failure(times: int, kind: str = "TargetUnavailable") -> dict[str, Any]:
    return {FAILURE: {"kind": kind, "message": "Vocatech is not there", "times": times}}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, []),
        ({GOOD: NOW - 3 * HOUR}, ["pull"]),
        ({GOOD: None}, ["pull"]),
        # The clock was set back since.
        ({GOOD: NOW + 3 * HOUR}, ["pull"]),
        ({SEEN: NOW + 300}, ["receiver"]),
        (failure(1), ["pull"]),
        (failure(1, "AccessDenied"), ["key"]),
        ({SEEN: NOW - 300}, ["receiver"]),
        ({SEEN: None}, ["receiver"]),
        ({REFUSED + "signature": NOW - 60}, ["signatures"]),
        ({REFUSED + "no secret": NOW - 60}, ["signatures"]),
        ({REFUSED + "unreadable secret": NOW - 60}, ["signatures"]),
        ({REFUSED + "signature": NOW - 60, SECRET + "abc": NOW - 30}, []),
        ({REFUSED + "signature": NOW - 60, SECRET + "abc": NOW - 300}, ["signatures"]),
        # That a secret has delivered is noted once a minute.
        ({REFUSED + "signature": NOW - 60, SECRET + "abc": NOW - 90}, []),
        ({REFUSED + "stale": NOW - 60}, []),
        ({FOREIGN: NOW - 60}, ["company"]),
        ({FOREIGN: NOW - 25 * HOUR}, []),
        ({SKEW: 199}, []),
        ({SKEW: -201}, ["clock"]),
        ({ENDPOINT: {"at": NOW, "problem": "", "differs": []}}, []),
        ({ENDPOINT: {"at": NOW, "problem": "none", "differs": []}}, []),
        ({ENDPOINT: {"at": NOW, "problem": "gone", "differs": []}}, ["endpoint"]),
        ({ENDPOINT: {"at": NOW, "problem": "changed", "differs": ["events"]}}, ["endpoint"]),
    ],
)
def test_an_alarm_stands_as_long_as_its_cause_does(phones: World, facts: dict[str, Any], expected: list[str]) -> None:
    learn(phones, facts)
    status = found(phones, counted=False)
    assert [each["kind"] for each in status["alarms"]] == expected
    assert status["healthy"] == (not expected)
    for each in status["alarms"]:
        assert each["source"] == ("" if each["kind"] == "key" else "activity")


def test_so_many_pulls_must_fail_as_is_configured(phones: World) -> None:
    phones.notify = {"failures": 3}
    learn(phones, failure(2))
    assert found(phones)["alarms"] == []
    learn(phones, failure(3))
    assert found(phones)["alarms"][0]["text"] == "the last 3 pulls failed: Vocatech is not there"


def test_a_clock_that_is_off_by_a_minute_is_a_warning(phones: World) -> None:
    learn(phones, {SKEW: 61})
    assert found(phones)["warnings"] == ["activity: this machine's clock is 61 s behind Vocatech's: set it by NTP"]


def test_a_store_that_cannot_be_read_is_an_alarm_and_the_contacts_are_shown_all_the_same(phones: World) -> None:
    (phones.folder / "activity.db").write_bytes(b"no database, but long enough to be taken for one" * 20)
    for name in ("-wal", "-shm"):
        (phones.folder / f"activity.db{name}").unlink(missing_ok=True)
    status = found(phones)
    assert [each["kind"] for each in status["alarms"]] == ["store"]
    assert len(status["sources"]) == 1
    assert activity_lines(status["activity"])[0][0] == "calls and messages"


def test_a_full_disk_is_an_alarm_before_it_is_full(phones: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 100_000_000

    monkeypatch.setattr("syncd.watch.activity.status.shutil.disk_usage", lambda _: Usage)
    assert [each["kind"] for each in found(phones)["alarms"]] == ["store"]
    Usage.free = 300_000_000
    assert found(phones)["alarms"] == []
    assert phones.activity
    phones.activity["recordings"]["at_most"] = "50GB"
    assert [each["kind"] for each in found(phones)["alarms"]] == ["disk"]


def test_only_files_that_are_fetched_at_all_are_still_to_be_fetched(phones: World) -> None:
    with store(phones) as opened:
        for kind in ("recording", "attachment"):
            opened.execute(
                "INSERT INTO media (media_id, kind, owner, n, state, attempts, next_try, at)"
                " VALUES (:id, :kind, 'call:c1', 0, 'wanted', 0, 0, 0)",
                id=f"{kind}_1",
                kind=kind,
            )
    media = found(phones)["activity"]["media"]
    assert {kind: each["wanted"] for kind, each in media.items()} == {"recordings": 1, "attachments": 0}


def test_coverage_tells_a_direction_that_nobody_announces(phones: World) -> None:
    with store(phones) as opened:
        for number in range(10):
            direction = "outgoing" if number < 4 else "incoming"
            opened.execute(
                "INSERT INTO call (call_id, direction, started, ended, status, summary, left_out, first_seen, first_by,"
                " changed, listed_rows, digest)"
                " VALUES (:id, :direction, :at, :at, 'answered', 0, 0, 0, 'list', 0, 1, 0)",
                id=f"c{number}",
                direction=direction,
                at=NOW - 5 * HOUR,
            )
        for number in (4, 5, 6, 7, 8):
            opened.execute(
                "INSERT INTO event (id, type, received, origin, content, subject, outcome)"
                " VALUES (:id, 'call.ended', :at, 'webhook', :id, :subject, 'new')",
                id=f"e{number}",
                subject=f"c{number}",
                at=NOW - 6 * HOUR,
            )
    status = found(phones)["activity"]
    assert (status["coverage"]["calls"], status["coverage"]["announced"]) == (10, 5)
    assert status["calls"] == {"open": 0, "text_overdue": 10}
    assert status["events"] == {
        "newest": "2027-01-15T02:00:00+00:00",
        "age": 6 * HOUR,
        "waiting": 5,
        "waiting_for": 6 * HOUR,
    }
    lines = dict(activity_lines(status))
    assert lines["announced"] == "10 calls of a week, 5 announced, none of 4 outgoing"
    assert "5 not merged yet" in lines["webhooks"]
    assert found(phones, counted=False)["activity"]["coverage"] is None


def test_every_kind_of_alarm_can_be_asked_for(phones: World) -> None:
    assert set(watch_of(phones.settings()).about) == set(ALL_KINDS) >= set(KINDS)


def test_the_settings_travel(phones: World) -> None:
    watch = watch_of(phones.settings())
    assert watch.activity
    assert Watch.from_json(json.loads(json.dumps(asdict(watch)))) == watch


def test_status_shows_it_and_its_check_names_what_is_wrong(phones: World, syncd: Command) -> None:
    learn(phones, {GOOD: time.time() - 60, SEEN: time.time()})
    with store(phones) as opened:
        opened.webhooks.put(Endpoint("syncd-1", "https://hooks.example.com/in", "{}", NOW, "active", "1"))
    _, out, _ = syncd("status")
    assert "calls and messages: last good pull 1 m ago" in out
    assert "webhooks: the receiver is up; nothing delivered yet" in out
    phones.run()
    assert syncd("status", "--check")[:2] == (0, "healthy\n")
    learn(phones, {SEEN: time.time() - 400})
    code, out, _ = syncd("status", "--check")
    assert (code, out.startswith("activity: receiver: the receiver has not been there for 6 m")) == (3, True)


def test_metrics_and_readiness_tell_of_it(phones: World) -> None:
    phones.listen = f"127.0.0.1:{free_port()}"
    phones.run()
    learn(phones, {SEEN: NOW - 400})
    server = Endpoints(watch_of(phones.settings()), clock=lambda: NOW)
    server.start()
    try:
        metrics = page(phones, "/metrics")
        assert "syncd_activity_pull_age_seconds 60.0" in metrics
        assert "syncd_activity_receiver_up 0.0" in metrics
        assert 'syncd_alarm{kind="receiver",source="activity"} 1.0' in metrics
        assert 'syncd_activity_days{state="proved"} 0.0' in metrics
        assert "activity: receiver" in page(phones, "/readyz")
    finally:
        server.stop()


def page(world: World, path: str) -> str:
    request = urllib.request.Request(f"http://{world.listen}{path}")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text: bytes = answer.read()
    except urllib.error.HTTPError as refused:
        text = refused.read()
    return text.decode()


def test_nothing_of_a_person_is_in_the_status(phones: World) -> None:
    with store(phones) as opened:
        opened.execute(
            "INSERT INTO call (call_id, remote, remote_name, started, status, summary, left_out, first_seen, first_by,"
            " changed, listed_rows, digest) VALUES ('c', '5550100', 'Jane', :at, 'open', 0, 0, 0, 'list', 0, 1, 0)",
            at=NOW - HOUR,
        )
    status = json.dumps(found(phones))
    assert "Jane" not in status
    assert "5550100" not in status
    assert Path(found(phones)["activity"]["store"]).name == "activity.db"
