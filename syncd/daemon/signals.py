"""Signals as a list to look at, so that whatever they ask for is done by the loop and never in the middle of it."""

from __future__ import annotations

import select
import signal
import socket
from types import FrameType
from typing import Any, Self

HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


class Signals:
    """A context in which these signals interrupt nothing but :meth:`wait`. For the main thread only."""

    def __init__(self) -> None:
        self._ear, self._mouth = socket.socketpair()
        self._before: dict[int, Any] = {}
        self._before_fd = -1

    def __enter__(self) -> Self:
        for end in (self._ear, self._mouth):
            end.settimeout(0)
        self._before_fd = signal.set_wakeup_fd(self._mouth.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _nothing) for number in HEARD}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before_fd)
        self._ear.close()
        self._mouth.close()

    def wait(self, seconds: float) -> list[int]:
        """Sleep for so long, or until a signal comes; returns the signals that came since the last call."""
        select.select([self._ear], [], [], max(0.0, seconds))
        try:
            return list(self._ear.recv(4096))
        except BlockingIOError:
            return []


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """The number is in the socket already; only without a handler would the signal end the process."""
