"""An event that a signal handler sets."""

import threading

from syncd.run.signals import set_by_signal
from tests.worlds.patience import until


def test_an_event_is_set_at_once() -> None:
    event = threading.Event()
    set_by_signal(event)
    assert event.is_set()


def test_an_event_is_set_though_the_interrupted_wait_holds_its_lock() -> None:
    event = threading.Event()
    with event._cond:  # type: ignore[attr-defined]  # what a wait holds when a signal interrupts it
        set_by_signal(event)
    until(event.is_set)
