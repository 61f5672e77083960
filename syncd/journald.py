"""Logs as systemd's journal takes them: each value a field of its own, which `journalctl SYNCD_SOURCE=tenants` finds.

The native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) is one datagram of ``NAME=value`` lines. Own code, since it is
these few lines; the binding to libsystemd must be compiled on the machine.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any

SOCKET = "/run/systemd/journal/socket"

PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "exception": 3, "critical": 2}
"""The priorities of syslog(3) that the log levels mean."""

ERROR = "<3>"
"""What begins a line on stderr that is an error, when stderr is the journal (sd-daemon(3))."""

_UNKNOWN_TO_FIELDS = re.compile(r"[^A-Z0-9_]")
_TOLD_OTHERWISE = frozenset({"event", "level", "timestamp"})


def is_journal(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether stderr goes to the journal, as ``$JOURNAL_STREAM`` tells (systemd.exec(5))."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def fields(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """An event as the journal's fields (the last structlog processor): its values in the message, and one by one."""
    values = {name: _line(value) for name, value in event.items() if name not in _TOLD_OTHERWISE and value is not None}
    message = " ".join([_line(event.get("event", "")), *(f"{name}={value}" for name, value in values.items())])
    found = {"MESSAGE": message, "PRIORITY": PRIORITIES.get(str(event.get("level")), 6), "SYSLOG_IDENTIFIER": "syncd"}
    found |= {_UNKNOWN_TO_FIELDS.sub("_", f"SYNCD_{name.upper()}"): value for name, value in values.items()}
    return "".join(f"{name}={value}\n" for name, value in found.items())


def _line(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return " ".join(text.split())


class Journal(logging.Handler):
    """Sends what :func:`fields` made of a record. What the journal does not take goes to stderr."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        try:
            self._socket.sendto(text.encode(errors="backslashreplace"), self._path)
        except OSError:
            with suppress(OSError, ValueError):  # a log that cannot be written costs no run
                sys.stderr.write(text.partition("\n")[0].removeprefix("MESSAGE=") + "\n")

    def close(self) -> None:
        self._socket.close()
        super().close()
