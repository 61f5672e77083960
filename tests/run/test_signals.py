"""An event that a signal handler sets."""

import threading
import time

from syncd.run.signals import set_by_signal


def test_an_event_is_set_at_once() -> None:
    event = threading.Event()
    set_by_signal(event)
    assert event.is_set()


def test_an_event_is_set_though_the_interrupted_wait_holds_its_lock() -> None:
    event = threading.Event()
    with event._cond:  # type: ignore[attr-defined]  # what a wait holds when a signal interrupts it
        set_by_signal(event)
    deadline = time.monotonic() + 30
    while not event.is_set() and time.monotonic() < deadline:
        time.sleep(0.001)
    assert event.is_set()
