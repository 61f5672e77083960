"""What may happen to a delivery, by name: the sink ends with what the rules say, and nothing twice."""

from __future__ import annotations

import pytest

from tests.worlds.delivery_world import DeliveryWorld, counts, held
from tests.worlds.memory_sink import down, half, killed_after, killed_between, lost, silent


def test_a_call_is_delivered_once(world: DeliveryWorld) -> None:
    call = world.call()
    assert counts(world.deliver()) == {"create": 1}
    assert world.place.of(call).fields["title"] == "incoming call Joe Poe"
    assert world.place.sent() == [("create", call)]
    assert counts(world.deliver()) == {"unchanged": 1}
    assert world.place.sent() == []
