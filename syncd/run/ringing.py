"""Rings at the daemon's door: what was stored is worked on soon, in place of at the next time of the schedule.

The receiver rings for a delivery, a contact run for numbers that calls may have. A ring that nobody hears costs time
only: the next run finds everything.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path


def door_of(state: Path | str) -> str:
    """Return the path of the socket at which the daemon of a state file listens."""
    return f"{state}.wake"


def ring(door: str) -> None:
    """Ring there, if anybody listens."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
        line.setblocking(False)  # noqa: FBT003 (the standard library's own)
        line.sendto(b"1", door)
