"""Notifies systemd as sd_notify(3) describes: one datagram of text to the socket in ``$NOTIFY_SOCKET``.

Without the variable, as in a terminal, nothing is sent. This is own code, since the protocol is that short.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

PATIENCE = 5.0
"""Seconds to wait for room in the socket with a message that systemd waits for."""


class ServiceManager:
    """Tells systemd the state of the service. A message is lost if the socket is gone or full.

    ``watchdog``: the seconds within which :meth:`alive` must be called again; None without a watchdog.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self.watchdog = _half_of_watchdog(environ)
        self._status = ""

    def ready(self) -> None:
        """Report that the service is up, or has read its configuration again."""
        # systemd ends a service whose READY never comes, so this message waits for room in the socket.
        self._send("READY=1", patience=PATIENCE)

    def reloading(self) -> None:
        """Report that the configuration is being read again; :meth:`ready` ends it."""
        # The time lets systemd match the READY that follows to this reload (Type=notify-reload).
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now}", patience=PATIENCE)

    def stopping(self) -> None:
        """Report that the service is stopping."""
        self._send("STOPPING=1", patience=PATIENCE)

    def alive(self) -> None:
        """Feed the watchdog."""
        if self.watchdog is not None:
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Set the line that ``systemctl status`` shows; it is sent only when it changes."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={' '.join(text.split())}")

    def _send(self, message: str, *, patience: float = 0.0) -> None:
        if not self._address:
            return
        # A leading "@" stands for the zero byte of an abstract socket.
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.settimeout(patience)
            line.connect(address)
            line.send(message.encode())


def _half_of_watchdog(environ: Mapping[str, str]) -> float | None:
    """Return half of ``$WATCHDOG_USEC`` in seconds, if it is meant for this process (sd_watchdog_enabled(3))."""
    granted, meant_for = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not granted.isdigit() or int(granted) == 0 or (meant_for and meant_for != str(os.getpid())):
        return None
    return int(granted) / 2_000_000
