"""The socket at which others ring: the receiver for a delivery, a contact run for numbers. A datagram without content.

It lies beside the state file, and is the daemon's alone, as the lock on the state file proves. A datagram that is lost
costs time only: what was stored is found by the next run.
"""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

import structlog

from syncd.run.ringing import door_of

log = structlog.get_logger()


class Doorbell:
    """A datagram socket, or none as long as no job waits for a ring."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._path = Path()

    def put_up(self, state: str) -> None:
        """Listen beside this state file; a socket elsewhere is taken down."""
        path = Path(door_of(state))
        if self._socket is not None and path == self._path:
            return
        self.take_down()
        line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        line.setblocking(False)  # noqa: FBT003 (the standard library's own)
        try:
            _bind(line, path)
        except OSError as error:
            line.close()
            why = error.strerror or str(error)
            log.warning("deliveries wait for the next run: nobody can ring", socket=str(path), why=why)
        else:
            self._socket, self._path = line, path

    def take_down(self) -> None:
        """Close the socket and remove its file."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._path.unlink(missing_ok=True)

    def ends(self) -> list[socket.socket]:
        """Return the sockets to wait for: one, or none."""
        return [self._socket] if self._socket is not None else []

    def rang(self) -> bool:
        """Return whether somebody has rung since the last call."""
        if self._socket is None:
            return False
        rung = False
        with suppress(OSError):
            # It holds a few dozen datagrams at most.
            for _ in range(1000):
                self._socket.recv(16)
                rung = True
        return rung


def _bind(line: socket.socket, path: Path) -> None:
    with suppress(FileNotFoundError):
        # A socket that is there belongs to a daemon that is gone; another file is somebody's.
        if stat.S_ISSOCK(path.stat().st_mode):
            path.unlink()
    mask = os.umask(0o177)
    try:
        line.bind(str(path))
    finally:
        os.umask(mask)
