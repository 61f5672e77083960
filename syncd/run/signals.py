"""Handles the signals that end a process, and sets an event from a signal's handler."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Have ``handler`` called for SIGINT and SIGTERM while the block lasts.

    Outside the main thread it does nothing: Python lets only the main thread handle signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # The handlers of before come back: a caller in the same process may have its own.
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def set_by_signal(event: threading.Event) -> None:
    """Set ``event``, also if the handler has interrupted the event's ``wait`` in the main thread."""
    # ``wait`` holds the event's lock for a moment, and ``set`` takes the same lock: called in that moment, it would
    # wait for ever. So another thread sets the event; a bare one, since ``Thread.start`` takes such a lock too.
    _thread.start_new_thread(event.set, ())
    deadline = time.monotonic() + 0.1
    while not event.is_set() and time.monotonic() < deadline:
        time.sleep(0.001)
