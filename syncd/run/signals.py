"""Sets an event from a signal's handler."""

from __future__ import annotations

import _thread
import threading
import time


def set_by_signal(event: threading.Event) -> None:
    """Set ``event``, also if the handler has interrupted the event's ``wait`` in the main thread."""
    # ``wait`` holds the event's lock for a moment, and ``set`` takes the same lock: called in that moment, it would
    # wait for ever. So another thread sets the event; a bare one, since ``Thread.start`` takes such a lock too.
    _thread.start_new_thread(event.set, ())
    deadline = time.monotonic() + 0.1
    while not event.is_set() and time.monotonic() < deadline:
        time.sleep(0.001)
