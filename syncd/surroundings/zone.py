"""The time zone of this machine: ``$TZ`` as POSIX allows it, else what the machine is set to."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import cache
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from syncd.surroundings.circumstances import trouble

_NAME = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)"
_OFFSET = r"[+-]?\d{1,3}(?::\d{1,2}){0,2}"
_RULE = re.compile(rf"{_NAME}{_OFFSET}(?P<summer>{_NAME}(?:{_OFFSET})?)?(?P<dates>,[^,]+,[^,]+)?")
"""A rule of POSIX (POSIX.1-2024, 8.3)."""

_USUAL_DATES = ",M3.2.0,M11.1.0"
"""When the clocks change, if the rule does not say it: the C library's choice, so that all times agree."""

LONGEST = 60
"""The most characters of the variable that a message shows."""


def local_zone(environ: Mapping[str, str] = os.environ) -> tzinfo:
    """Return the time zone of the wall clock.

    Raises:
        ConfigError: ``$TZ``, or the machine's own setting, is not understood.
    """
    named = environ.get("TZ")
    return _of_machine() if named is None else _named(named)


def check_zone(environ: Mapping[str, str] = os.environ) -> None:
    """Look at ``$TZ``, which the C library takes for UTC without a word if it cannot read it.

    Raises:
        ConfigError: it is not understood.
    """
    if named := environ.get("TZ"):
        _named(named)


@cache
def _named(text: str) -> tzinfo:
    name = text.removeprefix(":")
    if not name:
        return UTC
    try:
        if name.startswith("/"):
            with Path(name).open("rb") as file:
                return ZoneInfo.from_file(file)
        return _by_rule(name) if _is_rule(name) else ZoneInfo(name)
    # OSError: the name of a folder of zones, as in "America".
    except (KeyError, ValueError, OSError, EOFError, struct.error):
        shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
        raise trouble("zone", "$TZ", f"{shown!r} is not a time zone") from None


def _is_rule(name: str) -> bool:
    if not _RULE.fullmatch(name):
        return False
    # "EST5EDT" is a rule, and also the name of a zone that knows how the rule changed over the years.
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return True
    return False


def _by_rule(rule: str) -> tzinfo:
    """Return the zone of a POSIX rule."""
    found = _RULE.fullmatch(rule)
    if found and found["summer"] and not found["dates"]:
        rule += _USUAL_DATES
    # zoneinfo reads such rules at the end of a file of zones (RFC 8536, 3.3): here is one that holds nothing else.
    header = struct.pack(">4sc15x6l", b"TZif", b"2", 0, 0, 0, 0, 1, 4)
    nothing = struct.pack(">lbb4s", 0, 0, 0, b"UTC\0")
    zone = ZoneInfo.from_file(BytesIO((header + nothing) * 2 + f"\n{rule}\n".encode("ascii")))
    # Some offsets are too large for Python, which says so only when it is asked.
    for month in (1, 7):
        datetime(2000, month, 1, tzinfo=zone).utcoffset()
    return zone


def _of_machine() -> tzinfo:
    from tzlocal import get_localzone

    try:
        return get_localzone()
    # ValueError and KeyError: two settings contradict each other, or name a zone that is not there.
    except (KeyError, ValueError, OSError):
        raise trouble("machine_zone", "the time zone of this machine (/etc/localtime, /etc/timezone)") from None
