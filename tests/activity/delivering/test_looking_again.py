"""A process that stays looks again and again; what cannot be settled now costs the sink no call at each look."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.activity.delivering.session import open_deliveries
from syncd.activity.delivering.vigil import Vigil
from syncd.activity.store.kinds import KINDS
from syncd.activity.store.leaving.removal import Removal
from syncd.sink import Item, Outcome
from tests.worlds.delivery_world import DeliveryWorld
from tests.worlds.memory_sink import MemorySink, half, silent


def deliveries_of_a_minute(world: DeliveryWorld) -> int:
    """Look at each half second of a minute; return how often something was delivered, or tried."""
    settings, count = world.settings(), 0
    with open_deliveries(settings, clock=lambda: world.now) as session:
        session.eager = False
        vigil = Vigil(session, [*settings.sinks.values()])
        for _ in range(118):
            count += vigil.look({})
            world.later(0.5)
    return count


def drop_texts(world: DeliveryWorld) -> None:
    with world.store() as store:
        Removal(store).texts(KINDS["call"], world.now + 1)


def unanswered(_sink: MemorySink, items: Sequence[Item]) -> list[Outcome]:
    return [Outcome(each.identity, "unknown") for each in items]


def test_a_record_that_is_not_answered_for_is_sent_again_after_a_pause(world: DeliveryWorld) -> None:
    world.call("c0")
    world.deliver()
    call = world.call()
    world.place.faults = [unanswered] * 2
    assert deliveries_of_a_minute(world) == 1
    assert deliveries_of_a_minute(world) == 1
    world.later(60)
    assert deliveries_of_a_minute(world) == 1
    assert world.status(call) == "accepted"


def test_an_association_that_is_not_made_is_tried_again_after_a_pause(world: DeliveryWorld) -> None:
    world.crm = {"contacts": "people"}
    world.call("c0")
    world.deliver()
    world.attribute(call := world.call(), "9")
    world.place.faults = [half]
    assert deliveries_of_a_minute(world) == 1
    assert deliveries_of_a_minute(world) == 1
    assert world.place.of(call).contacts == {"9"}


def test_an_update_whose_texts_are_removed_before_it_is_settled_is_over(world: DeliveryWorld) -> None:
    call = world.call()
    world.deliver()
    world.again("c1", remote_name="Ann Lee")
    world.place.faults = [silent]
    world.deliver()
    drop_texts(world)
    world.later(60)
    assert deliveries_of_a_minute(world) == 1
    assert (world.status(call), world.deliver(eager=False).next_due) == ("accepted", None)


def test_a_create_whose_texts_are_removed_before_it_is_settled_is_due_no_more(world: DeliveryWorld) -> None:
    world.deliver()
    call = world.call()
    world.place.faults = [silent]
    world.deliver()
    drop_texts(world)
    world.later(60)
    assert deliveries_of_a_minute(world) == 1
    # It may be there: an erasure at the sink names it.
    assert (world.status(call), world.deliver(eager=False).next_due) == ("pending", None)
    with world.store() as store:
        assert store.deliveries.awaited(["crm"]) == frozenset()
