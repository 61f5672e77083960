"""What the receiver missed comes in: by failed deliveries that are shown, or by reading the days that they name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.activity.pull import Pulled, pulled
from syncd.activity.recover import Recovered, recover
from syncd.activity.session import ActivitySession, open_activity
from syncd.activity.store.events import Event
from syncd.activity.store.webhooks import Endpoint
from syncd.core.activity.facts import GAPS
from tests.worlds.phone_company import DAY, HOUR, TODAY, at
from tests.worlds.world import World, company

TIMES = (61.0, 301.0, 1801.0, 7201.0)


class Missed:
    """A company whose endpoint does not answer."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = TODAY

    @contextmanager
    def session(self, *, dry_run: bool = False) -> Iterator[ActivitySession]:
        with open_activity(self.world.settings(), dry_run=dry_run, clock=lambda: self.now) as session:
            yield session

    def recover(self, *, at_once: bool = False) -> Recovered:
        with self.session() as session:
            return recover(session, at_once=at_once)

    def pull(self) -> Pulled:
        with self.session() as session:
            return pulled(session, Pulled())

    def fail(self) -> None:
        """Let every attempt of what there is to deliver fail."""
        self.world.sandbox.drain()
        for seconds in TIMES:
            self.now += seconds
            self.world.sandbox.drain()


@pytest.fixture
def missed(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Missed]:
    moved: list[Missed] = []
    dialects = getattr(request, "param", {})
    with company(tmp_path, dialects=dialects, clock=lambda: moved[0].now if moved else TODAY) as world:
        world.target |= {"reports": [], "messaging": []}
        # Nobody listens there.
        url = "https://127.0.0.1:9"
        world.activity = {"since": "5d", "receive": {"url": url, "secret": "5550100"}}
        moved.append(Missed(world))
        with moved[0].session() as session:
            body = {"name": "x", "url": url, "event_filters": ["call.ended"]}
            session.default.request("POST", "/webhooks", json=body)
        yield moved[0]


@pytest.mark.parametrize("missed", [{"failures": "payloads"}], indirect=True)
def test_failures_with_their_events_are_taken_in_as_events(missed: Missed) -> None:
    call = missed.world.sandbox.phones.call()
    missed.fail()
    assert missed.recover() == Recovered(1, {"call": (), "message": ()})
    with missed.session() as session:
        [event] = session.store.events.of(call)
        assert (event.origin, event.outcome, event.type) == ("failures", "new", "call.ended")
        assert json.loads(event.raw)["data"]["call_id"] == call
    assert missed.recover(at_once=True).events == 0


@pytest.mark.parametrize(
    ("missed", "both"),
    [({"failures": shape}, shape == "ids") for shape in ("envelope", "bare", "ids", "cleared")],
    indirect=["missed"],
)
def test_of_other_failures_the_days_are_read_once(missed: Missed, *, both: bool) -> None:
    missed.world.sandbox.phones.call()
    missed.fail()
    days = missed.recover().days
    assert "2026-03-12" in days["call"]
    assert len(days["call"]) <= 3
    # An id alone does not say whether it is of a call.
    assert bool(days["message"]) == both
    found = missed.pull()
    assert {day.day for day in found.days if day.kind == "call"} >= set(days["call"])
    missed.now += HOUR
    assert missed.recover().days["call"] == ()


def test_failures_are_asked_for_every_quarter_of_an_hour(missed: Missed) -> None:
    def asked() -> int:
        return sum(each.path == "/webhooks/failures" for each in missed.world.sandbox.requests)

    missed.recover()
    missed.now += 600
    missed.recover()
    assert asked() == 1
    missed.now += 301
    missed.recover()
    assert asked() == 2
    missed.recover(at_once=True)
    assert asked() == 3


def test_a_failure_of_another_endpoint_says_nothing_of_ours(missed: Missed) -> None:
    missed.world.sandbox.phones.call()
    missed.fail()
    with missed.session() as session:
        session.store.webhooks.put(Endpoint("ours", "https://hooks.example.com", "{}", 0.0, "active", id="99"))
    assert missed.recover().days["call"] == ()


@pytest.mark.parametrize("status", [404, 405, 403, 418])
def test_failures_that_cannot_be_had_do_not_keep_the_rest_from_being_read(missed: Missed, status: int) -> None:
    missed.world.sandbox.arm({"kind": "status", "status": status, "path": "/webhooks/failures"})
    with missed.session() as session:
        session.store.facts.set(GAPS, json.dumps([[at("2026-03-10", 9), at("2026-03-10", 15)]]))
    assert missed.recover().days["call"] == ("2026-03-09", "2026-03-10", "2026-03-11")


def test_the_days_of_a_receiver_that_was_down_are_read(missed: Missed) -> None:
    with missed.session() as session:
        gaps = [[at("2026-03-10", 13), at("2026-03-10", 15)], [at("2026-01-01", 9), at("2026-01-01", 10)]]
        session.store.facts.set(GAPS, json.dumps(gaps))
    # Days from before activity.since were never wanted.
    assert missed.recover().days == dict.fromkeys(("call", "message"), ("2026-03-10", "2026-03-11"))
    with missed.session() as session:
        assert session.store.facts.get(GAPS) is None
    read = missed.pull().days
    assert {"2026-03-10", "2026-03-11"} <= {day.day for day in read}
    assert missed.recover().days == {"call": (), "message": ()}


@pytest.mark.parametrize("receives", [True, False])
def test_stale_but_genuine_its_day_is_read(missed: Missed, *, receives: bool) -> None:
    assert missed.world.activity is not None
    if not receives:
        # What came before somebody took the receiver away.
        del missed.world.activity["receive"]
    stale: dict[str, Any] = {"id": "evt_9", "type": "call.ended", "at": at("2026-03-12", 13), "signed_at": None}
    event = Event(**stale, received=TODAY, origin="webhook", raw=b"{}", content="9", subject="c", outcome="stale")
    with missed.session() as session:
        session.store.events.add(event)
    assert missed.recover().days == {"call": ("2026-03-12", "2026-03-13"), "message": ()}
    with missed.session() as session:
        assert session.store.events.unprocessed(9) == []
        assert session.store.events.of("c")[0].outcome == "stale"


def test_hints_survive_a_pull_that_fails(missed: Missed) -> None:
    with missed.session() as session:
        session.store.facts.set(GAPS, json.dumps([[TODAY - 2 * DAY, TODAY - 2 * DAY]]))
    days = missed.recover().days["call"]
    missed.world.sandbox.arm({"kind": "status", "status": 418, "path": "/calls", "times": 1})
    assert missed.pull().error is not None
    assert missed.recover().days["call"] == days
    missed.pull()
    assert missed.recover().days["call"] == ()


def test_a_dry_run_and_a_company_without_a_receiver_ask_for_no_failures(missed: Missed) -> None:
    before = len(missed.world.sandbox.requests)
    with missed.session(dry_run=True) as session:
        assert recover(session).events == 0
    assert missed.world.activity is not None
    del missed.world.activity["receive"]
    missed.recover()
    assert len(missed.world.sandbox.requests) == before
