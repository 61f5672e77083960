"""Whether another process still runs."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def is_gone(pid: int) -> bool:
    """Whether no process has this id, or only a killed one that nobody has asked for yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _is_zombie(pid)


def is_dead(holder: str) -> bool:
    """Whether a lease's owner (``HOST:PID:NONCE``) was a process of this machine that is gone."""
    host, pid, _ = holder.split(":")
    return host == socket.gethostname() and is_gone(int(pid))


def _is_zombie(pid: int) -> bool:
    """As proc(5) tells; where there is no /proc, no."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] == "Z"
