"""Opens the place where the receiver listens: a TCP port or a Unix socket."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from syncd.errors import ConfigError

BACKLOG = 512
LONGEST_PATH = 107
"""Bytes of a Unix socket's path (unix(7))."""


def listener(listen: str) -> socket.socket:
    """Return a socket that listens at ``HOST:PORT`` or at the path of a Unix socket.

    Raises:
        ConfigError: it cannot listen there.
    """
    try:
        found = _unix(Path(listen)) if "/" in listen else _tcp(listen)
    except OSError as error:
        too_long = "/" in listen and len(os.fsencode(listen)) > LONGEST_PATH
        why = f"its path is longer than {LONGEST_PATH} bytes" if too_long else error.strerror or "this is no address"
        raise ConfigError(f"receive.listen: {listen}: cannot listen there ({why}); choose another place") from None
    found.setblocking(False)  # noqa: FBT003 (the standard library's own)
    return found


def removed(listen: str) -> None:
    """Remove a Unix socket after its use."""
    if "/" in listen:
        with suppress(OSError):
            Path(listen).unlink()


def _tcp(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    # "[::1]" is how an address with a port is written; the socket wants it without brackets.
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    # The protocol is named since asyncio sets TCP_NODELAY only then; without it each answer takes 40 ms more.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((bare, int(port)))
        found.listen(BACKLOG)
    except BaseException:
        found.close()
        raise
    return found


def _unix(path: Path) -> socket.socket:
    _remove_dead(path)
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The mask at the time of bind() sets the socket's mode: 0660, so the owner and its group may connect.
    mask = os.umask(0o117)
    try:
        found.bind(str(path))
        found.listen(BACKLOG)
    except BaseException:
        found.close()
        raise
    finally:
        os.umask(mask)
    return found


def _remove_dead(path: Path) -> None:
    """Remove the socket of a process that is gone; leave that of one that answers, and every other file."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
