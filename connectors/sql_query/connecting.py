"""Wait for a driver in a way that a stop can end, although the driver itself waits for its server."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.1
"""How often a wait looks whether it was cancelled."""


class Abandoned(Exception):
    """The wait was cancelled, or took too long; the driver may wait on in a thread that nobody waits for."""


def interruptible(
    work: Callable[[], T], cancelled: threading.Event, *, seconds: float, discard: Callable[[T], object]
) -> T:
    """Return what ``work`` returns, or raise what it raises.

    Args:
        work: it runs in a thread of its own.
        cancelled: ends the wait.
        seconds: how long to wait at most.
        discard: is called with the result, in that thread, if the wait has ended before.

    Raises:
        Abandoned: the wait was cancelled, or took too long.

    """
    coming: Future[T] = Future()

    def run() -> None:
        try:
            coming.set_result(work())
        except BaseException as error:  # noqa: BLE001  (it is raised where the result is awaited)
            coming.set_exception(error)

    # A daemon: a process that ends must not wait for it.
    threading.Thread(target=run, name="connect", daemon=True).start()
    until = time.monotonic() + seconds
    while not wait([coming], timeout=POLL_SECONDS).done:
        if cancelled.is_set() or time.monotonic() > until:
            coming.add_done_callback(lambda done: done.exception() or discard(done.result()))
            raise Abandoned
    return coming.result()


def cut(descriptor: int) -> None:
    """End both directions of a connection, so that every thread that waits for it goes on with an error."""
    # A duplicate, since closing the socket of Python would close the driver's descriptor.
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
        connection.shutdown(socket.SHUT_RDWR)
