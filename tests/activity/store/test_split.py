"""However observations are split into transactions, the store holds what the pure merge makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from syncd.activity.store import taking
from syncd.activity.store.packing import unpack, unpack_words
from syncd.activity.store.store import ActivityStore
from syncd.core.activity.instants import iso
from syncd.core.activity.merging import merge
from syncd.core.activity.observations import Observation, State
from syncd.core.activity.views import CallView, MessageView, view_of_call, view_of_message
from tests.worlds.phone_calls import NOON, as_of, of_one

NUMBERS = count()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActivityStore]:
    with ActivityStore(tmp_path_factory.mktemp("store") / "activity.db", clock=lambda: 2 * NOON) as opened:
        yield opened


def stored(store: ActivityStore, kind: str, key: str) -> State:
    """The state as the store has it, with the words of its texts."""
    name = "call_id" if kind == "call" else "channel || ':' || message_id"
    state = unpack(store.scalar(f"SELECT state FROM {kind} WHERE {name} = :key", key=key))
    for words in store.column("SELECT words FROM text WHERE kind = :kind AND id = :key", kind=kind, key=key):
        for text, place, _ in unpack_words(words):
            state["texts"][place].append(text)
    return state


def holds_for_any_split(store: ActivityStore) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)
    @given(of_one.filter(bool), st.lists(st.integers(1, 3), min_size=1))
    def the_property(observations: list[Observation], sizes: list[int]) -> None:
        observations = as_of(observations, f"c{next(NUMBERS)}")
        pure: State | None = None
        for each in observations:
            pure = merge(pure, each, arrived=NOON)
        rest, groups = observations, iter(sizes * len(observations))
        while rest:
            size = next(groups)
            # A transaction has events, or rows of lists.
            batch = [each for each in rest[:size] if each.by == rest[0].by]
            store.activities.take(batch, by=rest[0].by, arrived=NOON)
            rest = [*(each for each in rest[:size] if each.by != rest[0].by), *rest[size:]]
        kind, key = observations[0].kind, observations[0].key
        assert pure is not None
        assert stored(store, kind, key) == pure
        agrees(store, kind, key, view_of_call(pure) if kind == "call" else view_of_message(pure))

    the_property()


def agrees(store: ActivityStore, kind: str, key: str, view: CallView | MessageView) -> None:
    """The columns and rows of other tables are those of the state."""
    record = store.activities.find(key)
    assert record
    row = record.row
    assert (row["direction"], row["status"], row["first_by"]) == (view.direction, view.status, view.first_by)
    assert (row["remote_number"] or "", row["own_number"] or "") == (view.remote, view.own)
    if isinstance(view, CallView):
        assert (row["summary"], row["transcription"]) == (view.summary, view.transcription)
        assert (row["end_time"], row["duration"]) == (view.ended and iso(view.ended), view.duration)
        assert [(each["n"], each["media_id"]) for each in row["segments"]] == [
            (each.n, each.media) for each in view.segments
        ]
    else:
        assert row["body"] == view.body


def test_any_split_into_transactions_gives_the_pure_merge(store: ActivityStore) -> None:
    holds_for_any_split(store)


def last_event_wins(_: State | None, observation: Observation, **how: object) -> State:
    return merge(None, observation, arrived=NOON)


def deduplicated_before_the_work(state: State | None, observation: Observation, **how: object) -> State:
    return state or merge(None, observation, arrived=NOON)


@pytest.mark.parametrize("broken", [last_event_wins, deduplicated_before_the_work])
def test_the_property_fails_for_a_broken_merge(
    store: ActivityStore, broken: Callable[..., State], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "merge", broken)
    with pytest.raises((AssertionError, KeyError)):
        holds_for_any_split(store)
