"""The machine can fail: a delivery that breaks one rule is caught by a history that needs the rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import syncd.activity.delivering.one_sink
from syncd.activity.delivering.carrying import Carrying
from syncd.activity.store.deliveries import Deliveries
from syncd.errors import SinkError
from tests.convergence.activity.broken import Break, History, assert_caught
from tests.convergence.activity.machine import Activity
from tests.convergence.activity.sinks import Killed
from tests.convergence.activity.worlds import HOUR


def take_a_lost_answer_for_nothing_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget an item of unknown outcome, and send it again as a new one."""
    failed = Carrying._failed

    def forgotten(self: Carrying, batch: Any, error: SinkError) -> None:
        failed(self, batch, error)
        for each in batch:
            self.session.store.deliveries.forget(self.sink.name, each.item.kind, [each.key])

    monkeypatch.setattr(Carrying, "_failed", forgotten)


def call_without_a_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Note nothing before the call."""
    turn = Deliveries.turn

    def unmarked(self: Deliveries, sink: str, run: str, marked: Any, settled: Any = ()) -> frozenset[tuple[str, str]]:
        return turn(self, sink, run, marked if settled else (), settled)

    monkeypatch.setattr(Deliveries, "turn", unmarked)


def note_what_is_seen_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save up to where changes were looked at before they are delivered, and note nothing before the call."""
    call_without_a_mark(monkeypatch)
    delivery = syncd.activity.delivering.one_sink._Delivery
    carry_out, conclude = delivery._carry_out, delivery._conclude

    def concluded_first(self: Any, *rest: Any) -> None:
        conclude(self)
        carry_out(self, *rest)

    monkeypatch.setattr(delivery, "_carry_out", concluded_first)


def _call(machine: Activity) -> None:
    machine.house.phones.call(start=machine.house.now - 200.0, talk=30.0, announce=False)


def _call_before(machine: Activity) -> None:
    """Let the sinks get a first call: what is new to a sink, or lost, is looked for."""
    _call(machine)
    machine.clean_run()
    machine.house.wait(HOUR)


def an_answer_of_a_sink_is_lost(machine: Activity) -> None:
    _call_before(machine)
    _call(machine)
    machine.trouble_at_a_sink(("by looking", ["lost"]))
    machine.house.run()
    machine.house.wait(HOUR)


def a_run_dies_after_a_call_of_a_sink(machine: Activity) -> None:
    _call_before(machine)
    _call(machine)
    machine.trouble_at_a_sink(("by looking", ["killed after"]))
    with pytest.raises(Killed):
        machine.house.run()
    machine.house.wait(HOUR)


def a_run_dies_before_a_call_of_a_sink(machine: Activity) -> None:
    _call_before(machine)
    _call(machine)
    machine.trouble_at_a_sink(("idempotent", ["killed"]))
    with pytest.raises(Killed):
        machine.house.run()
    machine.house.wait(HOUR)


BROKEN: Sequence[tuple[Break, History]] = (
    (take_a_lost_answer_for_nothing_sent, an_answer_of_a_sink_is_lost),
    (call_without_a_mark, a_run_dies_after_a_call_of_a_sink),
    (note_what_is_seen_before_it_is_sent, a_run_dies_before_a_call_of_a_sink),
)


@pytest.mark.parametrize(("break_it", "history"), BROKEN, ids=lambda part: part.__name__)
def test_a_broken_delivery_is_caught(break_it: Break, history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_caught(break_it, history, monkeypatch)
