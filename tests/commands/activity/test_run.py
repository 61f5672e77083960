"""``syncd activity run``: what was received, the lists, and what is due; ``--events`` asks the target nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zlib
from typing import Any

import pytest

from syncd.activity.run import ActivityRun, run_activity
from syncd.activity.session import open_activity
from syncd.activity.store.events import Event
from syncd.activity.store.store import ActivityStore
from syncd.core.activity import envelopes
from syncd.run.leases import Leases, refuse
from tests.worlds.commands import Command, environment
from tests.worlds.patience import PATIENCE, until
from tests.worlds.receiver import event
from tests.worlds.world import World


@pytest.fixture
def phones(company: World) -> World:
    """A company with calls; nothing was received or pulled yet."""
    company.activity = {"since": "2d"}
    company.settings()
    return company


def stored(company: World, *events: dict[str, Any], outcome: str = "new") -> None:
    """Store deliveries as the receiver does."""
    with ActivityStore(company.folder / "activity.db") as store:
        for each in events:
            envelope = envelopes.of(each)
            assert envelope
            raw = json.dumps(each).encode()
            store.events.add(
                Event(
                    *(envelope.id, envelope.type, envelope.at, None, time.time(), "webhook", raw),
                    *(envelope.content, envelope.subject, outcome),
                )
            )


def rows(company: World, sql: str) -> list[Any]:
    with ActivityStore(company.folder / "activity.db", read_only=True) as store:
        return store.rows(sql)


def run(syncd: Command, *options: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = syncd("activity", "run", "--json", *options)
    said: dict[str, Any] = json.loads(out)
    assert said["exit"] == code
    return code, said


def test_without_a_receiver_the_lists_say_everything(phones: World, syncd: Command) -> None:
    call = phones.sandbox.phones.call(talk=10.0)
    code, said = run(syncd)
    assert (code, said["calls"]["new"], said["error"]) == (0, 1, None)
    assert {"requests", "days", "calls", "messages", "events", "media", "retention"} <= said.keys()
    assert rows(phones, "SELECT call_id, first_by FROM call") == [(call, "list")]
    assert "calls: 0 new, 0 changed, " in syncd("activity", "run")[1]


def test_what_was_received_is_merged_once(phones: World, syncd: Command) -> None:
    stored(phones, event("evt_1"), event("evt_2"), event("t", "webhook.test", x=1), event("u", "call.unheard_of"))
    code, said = run(syncd, "--events")
    assert (code, said["events"]) == (
        *(0,),
        {"merged": 4, "tests": 1, "waiting": 0, "new": 2, "changed": 0, "unchanged": 0},
    )
    assert phones.sandbox.requests == []
    assert rows(phones, "SELECT count(*) FROM event WHERE processed IS NULL") == [(0,)]
    assert len(rows(phones, "SELECT 1 FROM fact WHERE name = 'webhook.tested'")) == 1
    assert run(syncd, "--events")[1]["events"]["merged"] == 0
    assert "received: 0 events merged" in syncd("activity", "run", "--events")[1]


def test_a_merge_that_fails_leaves_its_deliveries_for_the_next_one(
    phones: World, syncd: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(phones, event("evt_1"))

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        # The last statement of the transaction.
        patch.setattr("syncd.activity.store.events.Events.processed", killed)
        assert run(syncd, "--events")[0] == 130
    assert rows(phones, "SELECT call_id FROM call") == []
    assert run(syncd, "--events")[1]["events"]["new"] == 1


def test_bytes_that_say_nothing_are_done_with(phones: World, syncd: Command) -> None:
    stored(phones, event("evt_1"), event("evt_2"))
    with ActivityStore(phones.folder / "activity.db") as store:
        store.execute("UPDATE event SET raw = :raw WHERE id = 'evt_1'", raw=zlib.compress(b"[" * 100_000))
        store.execute("UPDATE event SET raw = NULL WHERE id = 'evt_2'")
    assert run(syncd, "--events")[1]["events"]["merged"] == 2
    assert rows(phones, "SELECT 1 FROM call") == []


def test_a_dry_run_merges_nothing_and_says_what_waits(phones: World, syncd: Command) -> None:
    stored(phones, event("evt_1"))
    code, said = run(syncd, "--dry-run")
    assert (code, said["dry_run"], said["events"]["waiting"], said["events"]["merged"]) == (0, True, 1, 0)
    assert rows(phones, "SELECT count(*) FROM event WHERE processed IS NULL") == [(1,)]
    assert rows(phones, "SELECT 1 FROM fact WHERE name LIKE 'pull.%'") == []


def test_while_another_run_holds_the_lease_deliveries_are_merged_all_the_same(phones: World, syncd: Command) -> None:
    stored(phones, event("evt_1"))
    with phones.state() as state, Leases(state, "elsewhere:1:x", time.time).held("activity:", refuse("activity")):
        code, said = run(syncd)
        assert (code, said["events"]["merged"]) == (5, 1)
    assert rows(phones, "SELECT 1 FROM fact WHERE name = 'pull.failure'") == []


def test_a_target_that_is_down_costs_the_lists_and_not_the_deliveries(phones: World, syncd: Command) -> None:
    stored(phones, event("evt_1"))
    phones.target["deadline"] = "1s"
    phones.settings()
    phones.sandbox.arm({"kind": "status", "status": 503, "times": None})
    code, said = run(syncd)
    assert (code, said["error"]["kind"], said["events"]["new"]) == (4, "TargetUnavailable", 1)
    [alarm] = json.loads(syncd("status", "--json")[1])["alarms"]
    assert (alarm["source"], alarm["kind"]) == ("activity", "pull")
    phones.sandbox.disarm()
    assert run(syncd)[0] == 0
    assert json.loads(syncd("status", "--json")[1])["alarms"] == []


@pytest.mark.parametrize("years", [-9, 9])
def test_by_a_clock_that_is_wrong_by_years_nothing_is_removed(phones: World, syncd: Command, years: int) -> None:
    phones.activity = {"since": "2d", "recordings": {}, "keep": {"text": "1d", "events": "1d", "activity": "2d"}}
    phones.settings()
    phones.sandbox.dialect("journey", "with_text")
    call = phones.sandbox.phones.call(talk=10.0, size=9)
    phones.sandbox.phones.transcribe(call, "A leak.", "There is a leak.")
    stored(phones, event("evt_1"))
    assert run(syncd)[1]["media"]["fetched"] == 1
    with open_activity(phones.settings(), clock=lambda: time.time() + years * 365 * 86_400) as session:
        done = run_activity(session, ActivityRun())
    assert "this machine's clock is 3,285 days" in str(done.error)
    assert done.retention.to_json() == dict.fromkeys(done.retention.to_json(), 0)
    assert done.media.removed == 0
    assert rows(phones, "SELECT text_dropped, left_out FROM call ORDER BY 2") == [(None, 0)] * 2
    assert len(list((phones.folder / "recordings").glob("*/*.mp3"))) == 1


def test_a_key_that_may_not_see_webhooks_still_reads_the_lists(phones: World, syncd: Command) -> None:
    phones.activity = {"since": "2d", "receive": {"url": "https://hooks.example.com/in", "secret_file": "s"}}
    phones.settings()
    phones.sandbox.arm({"kind": "status", "status": 403, "times": None, "path": "/webhooks"})
    call = phones.sandbox.phones.call(talk=10.0)
    assert run(syncd)[0] == 0
    assert rows(phones, "SELECT call_id FROM call") == [(call,)]


def test_webhooks_that_cannot_be_asked_for_do_not_keep_the_lists_from_being_read(phones: World, syncd: Command) -> None:
    phones.activity = {"since": "2d", "receive": {"url": "https://hooks.example.com/in", "secret_file": "s"}}
    phones.target["deadline"] = "1s"
    phones.settings()
    phones.sandbox.arm({"kind": "status", "status": 503, "times": None, "path": "/webhooks"})
    call = phones.sandbox.phones.call(talk=10.0)
    code, said = run(syncd)
    assert (code, said["error"]["kind"]) == (4, "TargetUnavailable")
    assert rows(phones, "SELECT call_id FROM call") == [(call,)]


def test_it_removes_what_is_old_and_fetches_files(phones: World, syncd: Command) -> None:
    phones.activity = {"since": "2d", "keep": {"events": "2d"}, "recordings": {"folder": "recordings"}}
    phones.settings()
    stored(phones, event("evt_1"))
    run(syncd, "--events")
    with ActivityStore(phones.folder / "activity.db") as store:
        store.execute("UPDATE event SET received = 0")
    _, said = run(syncd)
    assert said["retention"]["events"] == 1
    assert said["media"]["fetched"] == 0
    assert rows(phones, "SELECT 1 FROM event") == []


def test_it_stays_for_what_comes_next_and_ends_at_a_stop(phones: World) -> None:
    stored(phones, event("evt_1"))
    line = [sys.executable, "-m", "syncd", "activity", "run", "--events", "--stay", "120", "--json"]
    with subprocess.Popen(line, env=environment(), cwd=phones.folder, stdout=subprocess.PIPE) as process:
        until(lambda: rows(phones, "SELECT 1 FROM call"))
        stored(phones, event("evt_2"))
        until(lambda: len(rows(phones, "SELECT 1 FROM call")) == 2)
        process.terminate()
        out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, json.loads(out)["events"]["merged"]) == (0, 2)


@pytest.mark.parametrize("words", [("--events", "--dry-run"), ("--stay", "3")])
def test_options_that_contradict_each_other_are_refused(phones: World, syncd: Command, words: tuple[str, ...]) -> None:
    assert run(syncd, *words)[0] == 2


def test_without_activity_it_says_what_to_add(company: World, syncd: Command) -> None:
    code, said = run(syncd)
    assert (code, "add activity" in said["error"]["message"]) == (2, True)


@pytest.mark.parametrize("command", ["run", "pull"])
def test_of_a_configuration_that_cannot_be_read_only_the_error_is_shown(
    phones: World, syncd: Command, command: str
) -> None:
    path = phones.settings().path
    path.write_text(path.read_text().replace("since", "sinc"))
    code, out, err = syncd("activity", command)
    assert (code, out) == (2, "")
    assert "activity.sinc: is not a key here (did you mean 'since'?)" in err


def test_a_dry_run_foresees_what_it_would_store_and_then_deliver(phones: World, syncd: Command) -> None:
    phones.sinks = {
        "lake": {"sink": "files", "options": {"folder": "lake"}, "messages": "never"},
        "shelf": {"sink": "files", "options": {"folder": "shelf"}},
    }
    phones.settings()
    assert run(syncd)[0] == 0
    for _ in range(2):
        phones.sandbox.phones.call(talk=10.0)
    phones.sandbox.phones.message()
    _, out, _ = syncd("activity", "run", "--dry-run")
    lines = out.splitlines()
    assert "lake: nothing of what is stored" in lines
    assert "2 new calls would be stored, and then delivered to lake, shelf once settled" in lines
    assert "1 new message would be stored, and then delivered to shelf once settled" in lines
    assert not [line for line in lines if "received event" in line]
    stored(phones, event("evt_1"))
    assert "1 received event would be merged first; what they tell of" in syncd("activity", "run", "--dry-run")[1]


def test_a_dry_run_with_nothing_new_has_nothing_to_do(phones: World, syncd: Command) -> None:
    phones.sinks = {"lake": {"sink": "files", "options": {"folder": "lake"}}}
    phones.settings()
    assert run(syncd)[0] == 0
    _, out, _ = syncd("activity", "run", "--dry-run")
    assert "lake: nothing to do" in out
    assert "would be stored" not in out
