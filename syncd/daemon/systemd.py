"""What the service manager is told, as sd_notify(3) describes: datagrams to the socket that ``$NOTIFY_SOCKET`` names.

Own code, since the protocol is one datagram of text and no package for it is kept well. Without the variable, as in a
terminal, nothing is sent.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

PATIENCE = 5.0
"""Seconds to wait for room in the socket with what systemd waits for; the rest is soon told anew."""


class ServiceManager:
    """Tells systemd how the service is. A socket that is gone or full costs no run: what fails to be told is lost.

    ``watchdog``: the seconds within which :meth:`alive` must be called again, half of what systemd grants; or None.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self.watchdog = _half_of_watchdog(environ)
        self._status = ""

    def ready(self) -> None:
        """The service is up, or has read its configuration again."""
        self._tell("READY=1", patience=PATIENCE)

    def reloading(self) -> None:
        """The configuration is being read again; :meth:`ready` ends it."""
        self._tell(
            f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}", patience=PATIENCE
        )

    def stopping(self) -> None:
        """The service is on its way down."""
        self._tell("STOPPING=1", patience=PATIENCE)

    def alive(self) -> None:
        """The loop goes round."""
        if self.watchdog is not None:
            self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``, sent when it is another than before."""
        if text != self._status:
            self._status = text
            self._tell(f"STATUS={' '.join(text.split())}")

    def _tell(self, message: str, *, patience: float = 0.0) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.settimeout(patience)
            line.connect(address)
            line.send(message.encode())


def _half_of_watchdog(environ: Mapping[str, str]) -> float | None:
    """Half of ``$WATCHDOG_USEC``, if it is meant for this process (sd_watchdog_enabled(3))."""
    granted, meant_for = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not granted.isdigit() or int(granted) == 0 or (meant_for and meant_for != str(os.getpid())):
        return None
    return int(granted) / 2_000_000
