"""A number is forgotten in one process while another one delivers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from syncd.sink import Item, Outcome
from tests.worlds.delivery_world import DeliveryWorld, held
from tests.worlds.memory_sink import MemorySink, lost

NUMBER = "2125550111"


def forget(world: DeliveryWorld) -> None:
    with world.store() as store:
        store.erasing.erase(NUMBER, store.erasing.traces(NUMBER))


def noted(world: DeliveryWorld) -> tuple[Any, ...]:
    with world.store() as store:
        [found] = store.records("SELECT * FROM delivery WHERE kind = 'call' AND id = 'c1'")
    return tuple(found[name] for name in ("status", "fields", "tried", "remote_id"))


def erased_here(world: DeliveryWorld) -> list[str]:
    """Return what an erasure at the sink has still to look for."""
    with world.store() as store:
        return [each.identity for each in store.erasing.left_at("crm")]


def test_what_is_forgotten_while_its_answer_comes_stays_erased(world: DeliveryWorld) -> None:
    call = world.call(remote_number=NUMBER)

    def forgotten(sink: MemorySink, items: Sequence[Item]) -> list[Outcome]:
        forget(world)
        return sink.write(items)

    world.place.faults = [forgotten]
    world.deliver()
    assert noted(world) == ("erased", "{}", None, "r1")
    # Its record is there, so an erasure at the sink finds it.
    assert erased_here(world) == [call]


def test_what_is_forgotten_while_its_answer_is_lost_stays_erased(world: DeliveryWorld) -> None:
    call = world.call(remote_number=NUMBER)

    def forgotten(sink: MemorySink, items: Sequence[Item]) -> list[Outcome]:
        forget(world)
        return lost(sink, items)

    world.place.faults = [forgotten]
    world.deliver()
    assert noted(world) == ("erased", "{}", None, None)
    assert erased_here(world) == [call]


def test_what_is_forgotten_while_it_is_refused_leaves_nothing_at_the_sink(world: DeliveryWorld) -> None:
    call = world.call(remote_number=NUMBER)
    world.place.bad = {call}

    def forgotten(sink: MemorySink, items: Sequence[Item]) -> list[Outcome]:
        forget(world)
        return sink.write(items)

    world.place.faults = [forgotten]
    world.deliver()
    assert (noted(world)[0], erased_here(world)) == ("erased", [])


def test_what_is_forgotten_after_it_was_read_is_not_sent(world: DeliveryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.call(remote_number=NUMBER)
    other = world.call("c2")
    render = MemorySink.render

    def forgotten(sink: MemorySink, row: Any) -> Any:
        forget(world)
        return render(sink, row)

    monkeypatch.setattr(MemorySink, "render", forgotten)
    assert world.deliver().counts["create"] == 1
    assert world.place.identities() == [other]


def test_a_conversation_that_is_forgotten_after_it_was_read_is_not_sent(
    world: DeliveryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.crm = {"messages": {"group": "day"}}
    world.message("m1", remote_number=NUMBER)
    world.message("m2", remote_number=NUMBER)
    world.message("m3", remote_number="2125550102")
    render = MemorySink.render

    def forgotten(sink: MemorySink, row: Any) -> Any:
        forget(world)
        return render(sink, row)

    monkeypatch.setattr(MemorySink, "render", forgotten)
    assert world.deliver().counts["create"] == 1
    assert [each.fields["body"] for each in world.place.records.values()] == ["14:00 received: Text of m3"]
    assert erased_here(world) == []
    assert world.deliver().counts["create"] == 0


def test_a_record_of_a_sink_that_tells_no_ids_is_named_once_it_is_forgotten(world: DeliveryWorld) -> None:
    call = world.call(remote_number=NUMBER)

    def nameless(sink: MemorySink, items: Sequence[Item]) -> list[Outcome]:
        return [replace(each, remote_id=None) for each in sink.write(items)]

    world.place.faults = [nameless]
    assert world.deliver().counts["create"] == 1
    with world.store() as store:
        assert store.erasing.at_sinks(store.erasing.traces(NUMBER)) == {"crm": 1}
    forget(world)
    assert erased_here(world) == [call]
    with world.store() as store:
        store.erasing.let_go("crm", store.erasing.left_at("crm"))
    assert erased_here(world) == []


def test_a_list_that_waits_for_a_person_no_longer_names_what_was_forgotten(world: DeliveryWorld) -> None:
    world.crm = {"at_most": {"creates": 1}}
    world.call(remote_number=NUMBER)
    others = [world.call("c2"), world.call("c3")]
    assert held(world.deliver()) == [("activity.flood", 3)]
    forget(world)
    assert held(world.deliver()) == [("activity.flood", 2)]
    world.approve("activity.flood")
    assert world.deliver().exit_code == 0
    assert world.place.identities() == others
