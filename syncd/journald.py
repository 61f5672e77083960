"""Writes logs to systemd's journal, each value as a field of its own: `journalctl SYNCD_SOURCE=tenants` finds it.

The native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) is one datagram of ``NAME=value`` lines. This is own code,
since it is short, and the binding to libsystemd must be compiled on the machine.
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
"""The priorities of syslog(3) for the log levels."""

ERROR = "<3>"
"""The prefix of an error's line on stderr, if stderr is the journal (sd-daemon(3))."""

_NOT_IN_FIELD_NAMES = re.compile(r"[^A-Z0-9_]")
# The journal has a message, a priority and a time of its own.
_OWN_FIELDS = frozenset({"event", "level", "timestamp"})


def is_journal(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether stderr goes to the journal, as ``$JOURNAL_STREAM`` says (systemd.exec(5))."""
    # The variable is inherited: a child whose stderr was redirected must not write to the journal.
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def fields(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """Return an event as the journal's fields (the last structlog processor): its values in the message and alone."""
    values = {name: _line(value) for name, value in event.items() if name not in _OWN_FIELDS and value is not None}
    message = " ".join([_line(event.get("event", "")), *(f"{name}={value}" for name, value in values.items())])
    lines = {"MESSAGE": message, "PRIORITY": PRIORITIES.get(str(event.get("level")), 6), "SYSLOG_IDENTIFIER": "syncd"}
    lines |= {_NOT_IN_FIELD_NAMES.sub("_", f"SYNCD_{name.upper()}"): value for name, value in values.items()}
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def _line(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return " ".join(text.split())


class Journal(logging.Handler):
    """Sends records, as :func:`fields` formats them, to the journal; to stderr if the journal does not take them."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        try:
            self._socket.sendto(text.encode(errors="backslashreplace"), self._path)
        except OSError:
            # A log that cannot be written must not stop a run.
            with suppress(OSError, ValueError):
                sys.stderr.write(text.partition("\n")[0].removeprefix("MESSAGE=") + "\n")

    def close(self) -> None:
        self._socket.close()
        super().close()
