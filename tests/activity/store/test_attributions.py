"""Whose activities are, in the store: shown with their rows, kept against later decisions, removed with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.activity.store.attributions import Place
from syncd.activity.store.store import ActivityStore
from syncd.core.activity.attribution.decision import Decision
from syncd.core.activity.observations import Kind
from tests.worlds.phone_calls import NOON, call, listed, message

LATER = NOON + 4 * 3600
NUMBER = "2125550101"
ANN, BO = ("tenants", "7"), ("tenants", "3")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ActivityStore]:
    with ActivityStore(tmp_path / "activity.db", clock=lambda: LATER) as opened:
        take(opened, call(), message())
        yield opened


def take(store: ActivityStore, *rows: dict[str, Any]) -> None:
    store.activities.take([listed(row, LATER) for row in rows], by="list", arrived=LATER)


def decided(outcome: Any, *contacts: tuple[str, str], number: str = NUMBER, kind: Kind = "call") -> Decision:
    key = "c1" if kind == "call" else "text:c1"
    return Decision(kind, key, outcome, number, contacts, contacts, "call", "why")


def shown(store: ActivityStore) -> dict[str, Any]:
    return {row["kind"]: (row["attribution"], row["contacts"]) for row in store.activities.select()}


def asked(store: ActivityStore, after: int = -1) -> list[tuple[str, bool]]:
    """Return the keys that are asked for, and whether nobody had their number before."""
    found = []
    for kind in ("call", "message"):
        questions, place = store.attributions.changed(kind, Place(after + 1), store.attributions.newest(), 100)
        assert place is None
        found += [(each.id, each.unknown) for each in questions]
    return found


def test_rows_show_outcome_and_contacts(store: ActivityStore) -> None:
    assert shown(store) == {"call": (None, []), "message": (None, [])}
    store.attributions.put([decided("matched", ANN), decided("unknown", kind="message")])
    assert shown(store) == {"call": ("matched", [{"source": "tenants", "key": "7"}]), "message": ("unknown", [])}
    assert store.attributions.get("call", "c1") == decided("matched", ANN)
    found = store.activities.call("c1")
    assert found
    assert found.row["attribution"] == "matched"


def test_a_decision_changes_the_revision_and_the_same_one_does_not(store: ActivityStore) -> None:
    before = store.attributions.newest()
    stored, seen = store.attributions.put([decided("unknown")], seen=before)
    assert (len(stored), seen) == (1, before + 1)
    assert store.scalar("SELECT revision FROM call") == seen == store.scalar("SELECT revision FROM attribution")
    assert store.attributions.put([decided("unknown")], seen=seen) == ([], seen)
    assert store.scalar("SELECT revision FROM call") == seen


def test_a_change_by_another_process_in_between_is_not_skipped(store: ActivityStore) -> None:
    before = store.attributions.newest()
    take(store, call(remote_number="2125550103"))
    _, seen = store.attributions.put([decided("unknown")], seen=before)
    assert seen == before


@pytest.mark.parametrize(
    ("before", "after", "again", "left"),
    [
        (decided("matched", ANN), decided("matched", BO), False, ANN),
        (decided("matched", ANN), decided("unknown"), False, ANN),
        (decided("matched", ANN), decided("unknown"), True, ANN),
        (decided("matched", ANN), decided("matched", BO), True, BO),
        (decided("matched", ANN), decided("internal"), False, None),
        (decided("matched", ANN), decided("unknown", number="2125550103"), False, None),
        (decided("person", ANN), decided("matched", BO), True, ANN),
        (decided("unknown"), decided("matched", BO), False, BO),
    ],
)
def test_what_stays_and_what_takes_its_place(
    store: ActivityStore, before: Decision, after: Decision, again: bool, left: tuple[str, str] | None
) -> None:
    store.attributions.by_hand(before)
    store.attributions.put([after], again=again)
    found = store.attributions.get("call", "c1")
    assert found
    assert found.contacts == ((left,) if left else ())


def test_what_was_decided_is_not_asked_again_until_its_number_changes(store: ActivityStore) -> None:
    assert asked(store) == [("c1", False), ("text:c1", False)]
    store.attributions.put([decided("matched", ANN), decided("unknown", kind="message")])
    assert asked(store) == [("text:c1", True)]
    take(store, call(remote_number="2125550103"))
    assert asked(store) == [("c1", False), ("text:c1", True)]
    assert asked(store, store.attributions.newest()) == []


def test_a_call_that_turns_out_to_be_internal_is_asked_again(store: ActivityStore) -> None:
    store.attributions.put([decided("matched", ANN)])
    take(store, call(direction="internal"))
    assert ("c1", False) in asked(store)


def test_unknown_activities_are_found_by_their_numbers(store: ActivityStore) -> None:
    store.attributions.put([decided("unknown"), decided("unknown", kind="message")])
    assert store.attributions.open_numbers() == [NUMBER]
    assert [each.id for each in store.attributions.open([NUMBER], 0.0)] == ["c1", "text:c1"]
    assert [*store.attributions.open(["2125550103"], 0.0)] == []
    assert [*store.attributions.open([NUMBER], LATER)] == []


def test_the_own_numbers_are_those_of_the_activities(store: ActivityStore) -> None:
    assert store.attributions.own_numbers(-1, store.attributions.newest()) == {"2125550199"}


def test_what_is_removed_takes_its_attribution_with_it(store: ActivityStore) -> None:
    store.attributions.put([decided("matched", ANN), decided("unknown", kind="message")])
    store.activities.remove("call", ["c1"])
    assert store.column("SELECT kind FROM attribution") == ["message"]
