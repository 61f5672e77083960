"""The outage drill: what would have been lost while the receiver was off, and how late the rest would have been."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.activity.drill import Drill, drill
from syncd.activity.drilling.served import ServedLists
from syncd.activity.events import Merged, merge_events
from syncd.activity.session import ActivitySession, open_activity, open_store
from syncd.config import load
from syncd.core.activity.drills import Listed, listed
from tests.examples import examples
from tests.worlds.drill_day import DAY, MIDNIGHT, call_row, message_row, receive

HOUR = 3600.0
NOW = MIDNIGHT + 40 * HOUR
TEXTS = {"summary": "A leak.", "transcription": "There is a leak."}


class Office:
    """A configuration with a store, and lists that nobody serves over a network.

    ``calls``, ``messages``: the rows that the lists have.
    """

    def __init__(self, folder: Path, every: str = "1h") -> None:
        self.calls: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        receiving = {"url": "https://hooks.example.com/in", "secret_file": "webhook.secret"}
        text = {
            "target": {"api_key": "test-key", "base_url": "http://127.0.0.1:9/v1"},
            "activity": {"pull": {"every": every}, "receive": receiving},
        }
        (folder / "syncd.yaml").write_text(json.dumps(text))
        self.settings = load(folder / "syncd.yaml")

    def hear(self, kind: str, row: dict[str, Any], later: float = 5.0, **more: Any) -> None:
        """Receive a delivery about a row."""
        assert self.settings.activity
        with open_store(self.settings, self.settings.activity) as store:
            receive(store, kind, row, later, **more)
            merge_events(store, Merged())

    @contextmanager
    def session(self) -> Iterator[ActivitySession]:
        with open_activity(self.settings, dry_run=True, clock=lambda: NOW) as session:
            rows: list[Listed | None] = [listed("call", row, {}) for row in self.calls]
            rows += [listed("message", row, {}) for row in self.messages]
            yield replace(session, reports=ServedLists([row for row in rows if row], lambda: NOW))  # type: ignore[arg-type]

    def drill(self) -> Drill:
        with self.session() as session:
            return drill(session)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def results(found: Drill) -> Sequence[dict[str, Any]]:
    assert found.day == DAY
    return [each.to_json() for each in found.results]


def busy_morning(office: Office) -> list[dict[str, Any]]:
    """Three calls between nine and ten, one at night; each is announced."""
    rows = [call_row(f"c{number}", at * HOUR) for number, at in enumerate((2.0, 9.0, 9.25, 9.5))]
    for row in rows:
        office.hear("call.ended", row)
    office.calls = rows
    return rows


def test_the_receiver_is_off_when_most_comes_and_nothing_is_lost(office: Office) -> None:
    busy_morning(office)
    short, day = results(office.drill())
    assert (short["outage"], short["from"], short["to"]) == ("3h", "2026-03-10T09:01:05Z", "2026-03-10T12:01:05Z")
    assert (day["outage"], day["from"], day["to"]) == ("1d", "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z")
    assert (short["calls"], short["announced"], short["missed"], day["missed"]) == (4, 4, 3, 4)
    assert short["lost"] == short["lacking"] == day["lost"] == day["lacking"] == []


def test_a_call_is_known_as_late_as_the_next_pull(office: Office) -> None:
    busy_morning(office)
    short, day = results(office.drill())
    # The first pull comes as the outage begins, five seconds after the end of the first call; then one each hour.
    assert short["late"] == {"worst": 45 * 60 + 5, "median": 30 * 60 + 5}
    # One each hour from midnight on: the calls end a minute after the hour, a quarter past and half past.
    assert day["late"] == {"worst": 59 * 60, "median": 51.5 * 60}
    assert short["texts_late"] is None


def test_a_call_that_the_list_lacks_is_lost(office: Office) -> None:
    rows = busy_morning(office)
    office.calls = [row for row in rows if row["call_id"] != "c2"]
    found = office.drill()
    short, day = results(found)
    assert short["lost"] == day["lost"] == [{"kind": "call", "id": "c2"}]
    assert [each.is_guarded for each in found.results] == [False, False]
    # The receiver is on at two in the night, so this one is told of by its delivery.
    office.calls = rows[1:]
    short, day = results(office.drill())
    assert (short["lost"], day["lost"]) == ([], [{"kind": "call", "id": "c0"}])


def test_a_pull_that_does_not_read_on_loses_calls(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    busy_morning(office)
    monkeypatch.setattr("syncd.activity.pulling.kept.Kept.take", lambda *_: None)
    short, day = results(office.drill())
    assert [each["id"] for each in short["lost"]] == ["c1", "c2", "c3"]
    assert len(day["lost"]) == 4


def test_a_text_that_no_list_carries_is_named_and_is_no_loss(office: Office) -> None:
    rows = busy_morning(office)
    office.hear("call.transcription", rows[1], 600.0, **TEXTS)
    found = office.drill()
    short, _ = results(found)
    assert short["lacking"] == [
        {"kind": "call", "id": "c1", "fields": ["summary", "transcription"], "only_by_delivery": True}
    ]
    assert (short["lost"], found.results[0].is_guarded) == ([], True)


def test_a_text_that_the_list_carries_comes_later(office: Office) -> None:
    rows = busy_morning(office)
    office.hear("call.transcription", rows[1], 600.0, **TEXTS)
    office.calls = [rows[0], rows[1] | TEXTS, *rows[2:]]
    short, _ = results(office.drill())
    assert short["lacking"] == []
    # It ended at 9:01, its texts came at 9:11; the pulls come five seconds after a minute past the hour.
    assert short["texts_late"] == {"worst": 50 * 60 + 5, "median": 50 * 60 + 5}


def test_a_field_that_only_a_delivery_has_is_lacking(office: Office) -> None:
    [_, row, *_] = busy_morning(office)
    named = call_row("c9", 9.75 * HOUR)
    office.hear("call.ended", named | {"remote_name": "Ann Lee"})
    office.calls.append(named)
    found = office.drill()
    short, _ = results(found)
    assert short["lacking"] == [{"kind": "call", "id": "c9", "fields": ["remote_name"], "only_by_delivery": False}]
    assert not found.results[0].is_guarded
    assert row["call_id"] == "c1"


def test_a_message_is_known_by_the_list_with_its_last_status(office: Office) -> None:
    row = message_row("m1", 9 * HOUR, status="read")
    office.hear("message.received", row | {"status": "delivered"})
    office.hear("message.status_updated", row, 2 * HOUR, updated_at="2026-03-10T11:00:00Z")
    office.messages = [row]
    short, _ = results(office.drill())
    assert (short["messages"], short["missed"], short["lost"], short["lacking"]) == (1, 1, [], [])


def test_calls_of_the_days_beside_it_are_no_part_of_it(office: Office) -> None:
    rows = busy_morning(office)
    others = [call_row("before", -HOUR), call_row("after", 25 * HOUR)]
    office.hear("call.ended", others[0])
    office.calls = [*rows, *others]
    assert [each["calls"] for each in results(office.drill())] == [4, 4]


def test_a_stored_call_that_nothing_tells_of_any_more_is_counted(office: Office) -> None:
    rows = busy_morning(office)
    assert office.settings.activity
    with open_store(office.settings, office.settings.activity) as store:
        store.events.drop(MIDNIGHT + 5 * HOUR)
    office.calls = rows[1:]
    assert office.drill().gone == 1


def test_without_deliveries_there_is_nothing_to_rehearse(office: Office) -> None:
    office.calls = [call_row("c1", 9 * HOUR)]
    assert office.drill() == Drill(None)


def test_nothing_is_written(office: Office, tmp_path: Path) -> None:
    busy_morning(office)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    office.drill()
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after.keys() - before.keys() <= {"activity.db-shm", "activity.db-wal"}
    assert {name: after[name] for name in before} == before


_of_a_call = st.tuples(st.integers(0, 86_000), st.integers(0, 3600), st.booleans(), st.booleans(), st.booleans())


@settings(max_examples=examples(8, 300))
@given(st.lists(_of_a_call, min_size=1, max_size=8), st.lists(st.integers(0, 86_000), max_size=4))
def test_nothing_is_lost_whatever_comes(
    tmp_path_factory: pytest.TempPathFactory, calls: list[tuple[int, int, bool, bool, bool]], messages: list[int]
) -> None:
    office = Office(tmp_path_factory.mktemp("office"), every="3h")
    for number, (start, length, is_announced, is_told, has_text) in enumerate(calls):
        row = call_row(f"c{number}", start, length)
        if is_announced or number == 0:
            office.hear("call.started", row, -1.0 - length)
            office.hear("call.ended", row)
        if is_told:
            office.hear("call.transcription", row, 1200.0, **TEXTS)
        office.calls.append(row | (TEXTS if has_text else {}))
    for number, sent in enumerate(messages):
        office.messages.append(message_row(f"m{number}", sent))
        office.hear("message.received", office.messages[-1])
    found = office.drill()
    for each in found.results:
        assert each.lost == ()
        assert each.is_guarded
        assert each.late is None or each.late.worst <= 3 * HOUR
        without = {
            f"c{number}" for number, (_, _, _, is_told, has_text) in enumerate(calls) if is_told and not has_text
        }
        assert {lack.name[1] for lack in each.lacking} <= without
