"""What ``status``, the alarms and the metrics say of sinks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.watch.activity.sinks import sink_gauges, sink_line
from syncd.watch.settings import watch_of
from syncd.watch.status import company_status
from tests.worlds.delivery_world import DAY, HOUR, DeliveryWorld, delivery_world
from tests.worlds.memory_sink import down


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeliveryWorld]:
    with delivery_world(tmp_path, monkeypatch) as found:
        yield found


def status(world: DeliveryWorld) -> dict[str, Any]:
    return company_status(watch_of(world.settings()), world.now)


def alarms(world: DeliveryWorld) -> list[tuple[str, str]]:
    return [(each["source"], each["kind"]) for each in status(world)["alarms"] if each["source"] == "crm"]


def test_a_sink_that_was_never_delivered_to(world: DeliveryWorld) -> None:
    [sink] = status(world)["sinks"]
    assert (sink["sink"], sink["age"], sink["failure"], sink["held"]) == ("crm", None, None, [])
    assert sink_line(sink) == "never delivered to"


def test_what_waits_is_counted(world: DeliveryWorld) -> None:
    world.call()
    world.ring("c2")
    world.deliver()
    world.later(60)
    [sink] = status(world)["sinks"]
    assert (sink["records"], sink["open"]["waiting"], sink["age"]) == (1, 1, 60)
    assert sink["next_due"] == "2026-03-10T15:02:00+00:00"
    assert sink_line(sink) == "last good delivery 1 m ago, 1 record, 1 not due yet"
    assert alarms(world) == []


def test_an_alarm_stands_as_long_as_deliveries_fail(world: DeliveryWorld) -> None:
    world.call()
    world.place.faults = [down]
    world.deliver()
    assert alarms(world) == [("crm", "failing")]
    [alarm] = [each for each in status(world)["alarms"] if each["source"] == "crm"]
    assert "the sink cannot be reached" in alarm["text"]
    world.later(HOUR)
    world.deliver()
    assert alarms(world) == []


def test_an_alarm_stands_as_long_as_something_waits_for_a_person(world: DeliveryWorld) -> None:
    world.call(ago=40 * DAY)
    world.deliver()
    [sink] = status(world)["sinks"]
    [hold] = sink["held"]
    assert (hold["gate"], hold["count"], hold["by"]) == ("activity.old", 1, "syncd activity deliver crm")
    assert hold["approve"] == f"syncd approve crm {hold['digest']}"
    assert alarms(world) == [("crm", "held")]
    world.approve("activity.old")
    assert alarms(world) == []


def test_an_alarm_stands_if_many_records_are_refused(world: DeliveryWorld) -> None:
    world.place.bad = {*world.calls(11)}
    world.deliver()
    assert alarms(world) == [("crm", "rejected")]


def test_metrics_tell_of_each_sink(world: DeliveryWorld) -> None:
    world.call()
    world.ring("c2")
    world.deliver()
    gauges = sink_gauges(status(world)["sinks"])
    found = {name: {tuple(labels): value for labels, value in samples} for name, _, _, samples in gauges}
    assert found["sink_age_seconds"] == {("crm",): 0}
    assert found["sink_records"] == {("crm",): 1}
    assert found["sink_open"][("crm", "waiting")] == 1


def test_nothing_of_a_person_is_in_it(world: DeliveryWorld) -> None:
    world.call(ago=40 * DAY)
    world.call("c2")
    world.place.faults = [down]
    world.deliver()
    said = str(status(world)["sinks"]) + str(status(world)["alarms"])
    assert "Joe" not in said
    assert "2125550101" not in said
