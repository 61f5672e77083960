"""Finds out whether another process still runs, and which daemon began this one."""

from __future__ import annotations

import os
import socket
from pathlib import Path

DAEMON = "SYNCD_DAEMON"
"""The environment variable by which a run knows the start of the daemon that began it."""


def daemon_start() -> str:
    """Return a name of the daemon's start, if a daemon began this run; else ""."""
    return os.environ.get(DAEMON, "")


def is_gone(pid: int) -> bool:
    """Return whether no process has this id, or only a process that has ended but was not collected by its parent."""
    # Signal 0 is not delivered: it only checks whether the process exists.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(pid)


def is_dead(holder: str) -> bool:
    """Return whether a lease's owner (``HOST:PID:NONCE``) was a process of this machine that is gone."""
    # A process of another machine cannot be seen from here: its lease must run out.
    host, pid, _ = holder.split(":")
    return host == socket.gethostname() and is_gone(int(pid))


def _is_zombie(pid: int) -> bool:
    """Return whether the process is a zombie, as proc(5) describes; False on a machine without /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] == "Z"
