"""The standard streams: printing on them, and what to do if one is closed, or if nobody reads it."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from contextlib import suppress


def print_json(value: object) -> None:
    """Print ``value`` on stdout, as JSON on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def print_on_stderr(text: str) -> None:
    """Print ``text`` on stderr, if possible: a message that nobody can read changes no exit code."""
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def printable(text: str) -> str:
    """Return ``text`` with every character escaped that could steer a terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def replace_closed_streams() -> None:
    """Let each standard stream that is closed, or not open for writing, lead to the null device (``syncd … >&-``)."""
    # Without this, the next file that is opened gets the stream's number: what is printed would go into, say, the
    # state database.
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is not None and not (number and _is_unwritable(number)):
            continue
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)
        setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115 (stands for it until the end)


def _is_unwritable(number: int) -> bool:
    try:
        return fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    except OSError:
        return True


def silence_stdout() -> None:
    """Drop everything that is still printed on stdout, since nobody reads it any more (``syncd … | head``)."""
    null = os.open(os.devnull, os.O_WRONLY)
    # The descriptor is replaced, and not only ``sys.stdout``: a later flush of the old stream must not fail again.
    try:
        os.dup2(null, sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 (stands for stdout until the end)
    finally:
        os.close(null)
