"""Signals as a list that the loop reads: a signal is handled between two steps, never in the middle of one."""

from __future__ import annotations

import select
import signal
import socket
from types import FrameType
from typing import Any, Self

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Signals:
    """A context in which these signals interrupt only :meth:`wait`. For the main thread only."""

    # A socket pair, not an event: a signal that comes just before the wait would be missed by a sleep.
    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._before: dict[int, Any] = {}
        self._before_fd = -1

    def __enter__(self) -> Self:
        for end in (self._reader, self._writer):
            end.settimeout(0)
        # Python writes the number of each signal to this descriptor, also while another handler runs.
        self._before_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _do_nothing) for number in HANDLED}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before_fd)
        self._reader.close()
        self._writer.close()

    def wait(self, seconds: float, *also: socket.socket) -> list[int]:
        """Sleep for ``seconds`` or until a signal comes; return the signals that came since the last call.

        What comes to the sockets in ``also`` ends the sleep too, and is left there.
        """
        select.select([self._reader, *also], [], [], max(0.0, seconds))
        try:
            return list(self._reader.recv(4096))
        except BlockingIOError:
            return []


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the number is in the socket already, but without a handler the signal would end the process."""
