"""``syncd check`` of calls and messages, and what ``syncd daemon --check`` says of them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from syncd.activity.receiving import secret_file
from syncd.activity.store.store import ActivityStore
from syncd.core.activity.instants import iso
from syncd.core.activity.observations import of_event
from syncd.core.settings.schedules import Every
from syncd.daemon.timetable import timetable_of
from syncd.rest import Client
from tests.worlds.commands import Command
from tests.worlds.world import World


@pytest.fixture
def phones(company: World) -> World:
    """A company with a receiver, and no endpoint yet."""
    receive = {"url": "https://hooks.example.com/in", "secret_file": "webhook.secret"}
    company.activity = {"since": "2d", "receive": receive, "recordings": {"at_most": "1kB"}}
    company.settings()
    return company


def check(syncd: Command) -> tuple[int, dict[str, str]]:
    """The exit code, and the mark of each finding about calls, by its text."""
    code, out, _ = syncd("check", "--json")
    said: dict[str, Any] = json.loads(out)
    assert said["exit"] == code
    steps = [(each["text"], each["mark"]) for each in said["steps"]]
    begin = next(place for place, (text, _) in enumerate(steps) if text.startswith("activity"))
    return code, dict(steps[begin:])


def marked(found: dict[str, str], text: str) -> str:
    [mark] = [mark for each, mark in found.items() if text in each]
    return mark


def test_what_is_well(phones: World, syncd: Command) -> None:
    assert syncd("webhook", "create")[0] == 0
    # Without a run there is no store, and nothing is learned.
    code, found = check(syncd)
    assert code == 0
    assert marked(found, "activity store: ") == "good"
    assert marked(found, "calls: the key may read them; they are listed in an order that is not known yet") == "good"
    assert marked(found, "messages: the key may read them") == "good"
    assert marked(found, "clock: this machine's agrees with Vocatech's") == "good"
    assert marked(found, "secret: nothing that it signed has arrived yet") == "good"
    assert marked(found, "endpoint: registered, with the events and extensions that are configured") == "good"
    assert marked(found, "recordings: the disk has room") == "good"


def test_it_writes_nothing_before_the_first_run(phones: World, syncd: Command) -> None:
    code, found = check(syncd)
    assert (code, marked(found, "the first syncd activity run makes it")) == (3, "good")
    assert not (phones.folder / "activity.db").exists()
    assert marked(found, "secret: there is none yet") == "bad"
    assert marked(found, "endpoint: none delivers to receive.url") == "bad"


def test_an_endpoint_that_is_gone_or_changed_is_named_also_by_the_next_run(phones: World, syncd: Command) -> None:
    assert syncd("webhook", "create")[0] == 0
    assert phones.activity
    phones.activity["receive"]["events"] = ["call.ended"]
    phones.settings()
    code, found = check(syncd)
    assert (code, marked(found, "endpoint: not as configured (events): syncd webhook create")) == (3, "bad")
    assert syncd("activity", "run")[0] == 0
    alarms = json.loads(syncd("status", "--json")[1])["alarms"]
    assert "our endpoint was changed at Vocatech (events)" in [each["text"].partition(":")[0] for each in alarms]
    with Client(phones.sandbox.url, headers={"Authorization": "Bearer test-key"}) as client:
        client.request("DELETE", f"/webhooks/{phones.sandbox.endpoints[0].shown()['id']}", finish=True)
    assert marked(check(syncd)[1], "endpoint: ours is gone at Vocatech") == "bad"


@pytest.mark.parametrize(
    ("journey", "texts", "said"),
    [
        ("with_text", 1, "1 answered call of a week, of 2, text overdue; the list carries texts"),
        ("plain", 1, "1 answered call of a week, of 2, text overdue; the list carries no text, so a lost call"),
        ("plain", 0, "2 answered calls of a week, of 2, text overdue; none has a summary"),
    ],
)
def test_calls_whose_text_is_overdue_are_counted_with_the_way_back(
    phones: World, syncd: Command, journey: str, texts: int, said: str
) -> None:
    phones.sandbox.dialect("journey", journey)
    calls = [phones.sandbox.phones.call(start=time.time() - 7200) for _ in range(2)]
    for call in calls[:texts]:
        phones.sandbox.phones.transcribe(call, "A leak.", "There is a leak.")
        with ActivityStore(phones.folder / "activity.db") as store:
            data = {"call_id": call, "summary": "A leak.", "start_time": iso(time.time() - 7200)}
            event = of_event({"event_type": "call.transcription", "timestamp": iso(time.time()), "data": data}, 1.0)
            assert event
            store.activities.take([event], by="webhook", arrived=1.0)
    assert syncd("activity", "pull")[0] == 0
    assert marked(check(syncd)[1], said) == "note"


def test_a_secret_that_is_not_the_endpoints_is_named(phones: World, syncd: Command) -> None:
    assert syncd("webhook", "create")[0] == 0
    secret_file.write(phones.folder / "webhook.secret", [b"s-5550100"])
    code, found = check(syncd)
    assert (code, marked(found, "secret: none that is accepted is our endpoint's")) == (3, "bad")


def test_a_key_that_may_not_read_calls_is_named(phones: World, syncd: Command) -> None:
    phones.sandbox.arm({"kind": "status", "status": 403, "times": None, "path": "/calls"})
    code, found = check(syncd)
    assert (code, marked(found, "calls: the key may not read them")) == (3, "bad")
    assert marked(found, "messages: the key may read them") == "good"


@pytest.mark.parametrize(("off", "mark"), [(-90, "note"), (250, "bad")])
def test_a_clock_that_is_off_is_named(
    phones: World, syncd: Command, monkeypatch: pytest.MonkeyPatch, off: float, mark: str
) -> None:
    monkeypatch.setattr("syncd.activity.server_time.ServerTime._date", staticmethod(lambda _: time.time() + off))
    assert marked(check(syncd)[1], "clock: this machine's clock is ") == mark


def test_a_store_that_is_none_is_named_and_the_rest_is_looked_at(phones: World, syncd: Command) -> None:
    (phones.folder / "activity.db").write_text("no database, but long enough to be looked at" * 50)
    code, found = check(syncd)
    assert (code, marked(found, "this is no activity store of syncd")) == (2, "bad")
    assert marked(found, "calls: the key may read them") == "good"


def test_the_daemon_runs_it_in_its_rhythm_and_receives_all_the_time(phones: World, syncd: Command) -> None:
    code, out, _ = syncd("daemon", "--check")
    assert code == 0
    assert "activity run: at once\nactivity events: at once\nreceive: all the time\n" in out
    timetable = timetable_of(syncd("daemon", "--check", "--json")[1])
    jobs = {job.name: job for job in timetable.jobs}
    assert timetable.receives
    assert (jobs["activity run"].schedule, jobs["activity run"].last) == (Every(600), None)
    assert (jobs["activity run"].beside, jobs["activity run"].woken) == (True, False)
    assert (jobs["activity events"].beside, jobs["activity events"].woken) == (True, True)
    assert jobs["activity run"].source != jobs["activity events"].source
    assert syncd(*jobs["activity events"].arguments, "--stay", "0")[0] == 0
    assert syncd("activity", "run")[0] == 0
    assert "activity run: at once" not in syncd("daemon", "--check")[1]


def test_without_a_receiver_the_daemon_only_pulls(phones: World, syncd: Command) -> None:
    phones.activity = {}
    phones.settings()
    timetable = timetable_of(syncd("daemon", "--check", "--json")[1])
    assert not timetable.receives
    assert [job.name for job in timetable.jobs] == ["activity run"]
    # Where contacts are synced too, new ones may be those who called before.
    phones.sources["tenants"]["schedule"] = "1h"
    phones.settings()
    jobs = {job.name: job for job in timetable_of(syncd("daemon", "--check", "--json")[1]).jobs}
    assert jobs["activity events"].woken
    assert syncd(*jobs["activity events"].arguments)[0] == 0
