"""Setting an event from a signal's handler."""

from __future__ import annotations

import _thread
import threading
import time


def set_by_signal(event: threading.Event) -> None:
    """Set ``event`` though the handler may have interrupted its ``wait`` in the main thread.

    ``Event.set`` takes a lock that ``wait`` holds for a moment, and that is no reentrant one: a handler that called it
    in that moment would wait for itself for ever. So another thread sets it, and is waited for as long as it takes
    when nothing holds the lock; a bare thread, since the start of a ``threading.Thread`` takes such locks too.
    """
    _thread.start_new_thread(event.set, ())
    deadline = time.monotonic() + 0.1
    while not event.is_set() and time.monotonic() < deadline:
        time.sleep(0.001)
