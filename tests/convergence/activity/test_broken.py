"""The machine can fail: each break violates one rule, and a history that needs the rule catches it."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

import syncd.activity.events
import syncd.activity.pulling.one_list
import syncd.activity.receiving.app
import syncd.activity.store.taking
from syncd.activity.media.fetching import Fetched, Fetching
from syncd.activity.receiving import rows
from syncd.activity.receiving.rows import Arrival
from syncd.activity.receiving.writer import Writer
from syncd.activity.store.events import Event
from syncd.activity.store.store import ActivityStore
from syncd.core.activity.days.heads import Head
from syncd.core.activity.days.proof import Sheet
from syncd.core.activity.observations import Observation, State
from syncd.core.activity.signature import Verdict
from tests.convergence.activity.broken import Break, History, assert_caught
from tests.convergence.activity.machine import Activity
from tests.convergence.activity.worlds import HOUR


def dedupe_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mark a delivery as done before it is merged."""
    merge = syncd.activity.events._merge

    def marked_first(store: ActivityStore, found: Sequence[Event], into: Any) -> None:
        store.events.processed([event.id for event in found])
        merge(store, found, into)

    monkeypatch.setattr(syncd.activity.events, "_merge", marked_first)


def let_the_last_one_win(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what comes last replace what was known."""

    def replaced(state: State | None, observation: Observation, **_: Any) -> State:
        known = state or {"first": [0.0, observation.by]}
        return {**known, **observation.said}

    monkeypatch.setattr(syncd.activity.store.taking, "merge", replaced)


def trust_the_order_of_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop at the first row that is known, as if everything behind it were."""

    def look(known: AbstractSet[str], order: str, limit: int) -> Generator[int, Sheet, Head]:
        found, number = set[str](), 1
        while True:
            sheet = yield number
            keys = {key for key in sheet.keys if key is not None}
            found |= keys - known
            if keys & known or sheet.is_last:
                return Head(frozenset(found), is_whole=True)
            number += 1

    monkeypatch.setattr(syncd.activity.pulling.one_list, "look", look)


def keep_the_signed_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Store from where a file came."""
    fetch_kept = Fetching._kept

    def kept(self: Fetching, item: Any, named: Any, *more: Any) -> Fetched:
        fetched = fetch_kept(self, item, named, *more)
        return replace(fetched, columns={**fetched.columns, "reason": named.url})

    monkeypatch.setattr(Fetching, "_kept", kept)


def answer_before_it_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer a delivery first, and lose it where the process dies then."""

    def answered(_self: Writer, _arrival: Arrival) -> Future[str]:
        done: Future[str] = Future()
        done.set_result(rows.NEW)
        return done

    monkeypatch.setattr(Writer, "store", answered)


def take_what_a_stranger_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every delivery that has a signature."""

    def good(_header: str, _body: bytes, _secrets: Any, now: float, _tolerance: float) -> Verdict:
        return Verdict("good", int(now), 0)

    monkeypatch.setattr(syncd.activity.receiving.app, "verify", good)


def know_a_delivery_by_its_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a delivery for known because one of the same call was there."""
    take = rows.take

    def known(store: sqlite3.Connection, new: Arrival) -> str:
        found = store.execute("SELECT 1 FROM event WHERE subject = ?", (new.subject,)).fetchone()
        return rows.KNOWN if found else take(store, new)

    monkeypatch.setattr(rows, "take", known)


def _call(machine: Activity, **fields: Any) -> str:
    call: str = machine.house.phones.call(**{"talk": 30.0, "size": 100, **fields})
    return call


def a_run_dies_between_two_deliveries(machine: Activity) -> None:
    machine.happen([("message", _MESSAGE)])
    call = _call(machine)
    machine.house.wait(60.0)
    # The only word of it was the delivery.
    machine.house.phones.forget(call)
    machine.gone.add(call)
    for cut in range(1, 12):
        machine.run([], cut)


def a_status_comes_late(machine: Activity) -> None:
    machine.trouble([{"kind": "event_delay", "times": 1, "seconds": 5 * HOUR}])
    machine.happen([("message", _MESSAGE)])
    machine.house.wait(2 * HOUR)
    machine.clean_run()
    machine.clean_run()
    machine.house.wait(5 * HOUR)


def a_long_call_ends_behind_short_ones(machine: Activity) -> None:
    _call(machine, start=machine.house.now - 7200.0, announce=False)
    machine.clean_run()
    long = _call(machine, start=machine.house.now - 60.0, talk=None, announce=False)
    for _ in range(4):
        _call(machine, start=machine.house.now - 40.0, announce=False)
    machine.house.wait(60.0)
    machine.clean_run()
    machine.trouble([{"kind": "event_drop", "times": 1}])
    machine.house.phones.hang_up(long)
    machine.house.wait(60.0)
    machine.clean_run()


def a_recording_is_fetched(machine: Activity) -> None:
    _call(machine)
    machine.clean_run()


def a_delivery_is_all_that_is_known(machine: Activity) -> None:
    call = _call(machine)
    machine.house.wait(60.0)
    machine.house.phones.forget(call)
    machine.gone.add(call)


def somebody_invents_a_call(machine: Activity) -> None:
    machine.forge(0, True)


def a_text_comes_before_its_list(machine: Activity) -> None:
    call = _call(machine)
    machine.given[call] = {"summary", "words of it"}
    machine.house.phones.transcribe(call, "summary", "words of it")
    machine.house.wait(60.0)
    machine.clean_run()


_MESSAGE = {"channel": "whatsapp", "direction": "outgoing", "remote_number": "2125550142", "body": "Hello"} | {
    "attachments": (),
    "statuses": (("delivered", 60.0),),
    "announce": True,
}

BROKEN: Sequence[tuple[Break, History]] = (
    (dedupe_before_the_work, a_run_dies_between_two_deliveries),
    (let_the_last_one_win, a_status_comes_late),
    (trust_the_order_of_pages, a_long_call_ends_behind_short_ones),
    (keep_the_signed_address, a_recording_is_fetched),
    (answer_before_it_is_stored, a_delivery_is_all_that_is_known),
    (take_what_a_stranger_signed, somebody_invents_a_call),
    (know_a_delivery_by_its_call, a_text_comes_before_its_list),
)


@pytest.mark.parametrize(("break_it", "history"), BROKEN, ids=lambda part: part.__name__)
def test_a_broken_rule_is_caught(break_it: Break, history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_caught(break_it, history, monkeypatch)
