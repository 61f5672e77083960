"""Free ports of this machine."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator
from functools import cache

# Below the ports that a system gives to outgoing connections: one of those could take a port before its server does.
FIRST, BLOCK, BLOCKS = 20_000, 100, 120


def free_port() -> int:
    """Return a port that nothing listens on, and that no other test process is given."""
    return next(port for port in _ports() if _is_free(port))


@cache
def _ports() -> Iterator[int]:
    """Return this process's ports, again and again; it holds the first, so that no other process has the same."""
    for number in range(BLOCKS):
        first = FIRST + BLOCK * ((os.getpid() + number) % BLOCKS)
        holding = socket.socket()
        try:
            holding.bind(("127.0.0.1", first))
        except OSError:
            holding.close()
            continue
        _HELD.append(holding)
        return itertools.cycle(range(first + 1, first + BLOCK))
    raise OSError("no ports are left for the tests")


_HELD: list[socket.socket] = []


def _is_free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
