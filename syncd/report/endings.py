"""How a command ends that did not end well: one message on stderr with the remedy, and the exit code."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from syncd.errors import ConfigError, SyncdError
from syncd.journald import ERROR, is_journal

DEFECT, USAGE, TEMPORARY, BROKEN_OFF = 1, 2, 4, 130

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNWRITABLE = _NO_ROOM | {errno.EIO, errno.EAGAIN}
"""What writing fails with: on a full disk, on a terminal that is gone, in a pipe that waits for nobody."""

REPORT_TO = "the issue tracker of syncd"


def say_error(message: str) -> None:
    """Print ``error: …`` on stderr, a line for each line of the message."""
    head = "\x1b[1;31merror:\x1b[0m" if _coloured() else f"{ERROR * is_journal()}error:"
    lines = [line for line in message.splitlines() if line.strip()] or ["something failed without saying what"]
    say("".join(f"{head} {printable(line)}\n" for line in lines))


def say(text: str) -> None:
    """Print on stderr, if it takes it: a message that nobody can read changes no exit code."""
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def printing(write: Callable[[], object], code: int) -> int:
    """Print by ``write`` what a command has done, and return the exit code: ``code``, or what it asks for now.

    Nobody who reads it (``syncd … | head``) is no error; what finds no room is, but takes nothing from what was done.
    """
    try:
        write()
        sys.stdout.flush()
    except (BrokenPipeError, ConnectionResetError):
        silence_stdout()
    except OSError as error:
        if not _is_unwritable(error):
            raise
        silence_stdout()
        say_error(message_of(error))
        return code if code in (DEFECT, USAGE, BROKEN_OFF) else TEMPORARY
    return code


def print_error(error: BaseException) -> None:
    """Print as the one JSON object of ``--json`` what ended a command, if stdout takes it."""
    told = {"kind": type(error).__name__, "exit": code_of(error), "message": message_of(error)}
    with suppress(OSError, ValueError):
        sys.stdout.write(json.dumps({"exit": code_of(error), "error": told}, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def code_of(error: BaseException) -> int:
    """The exit code of a command that ``error`` ended."""
    if isinstance(error, SyncdError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return BROKEN_OFF
    if _is_unwritable(error):
        return TEMPORARY
    return USAGE if hasattr(error, "format_message") else DEFECT


def message_of(error: BaseException) -> str:
    """What is said of the error that ended a command; of one that nobody meant, no value."""
    if isinstance(error, SyncdError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "broken off; what was begun is marked, and settled by the next run"
    if _is_unwritable(error):
        full = isinstance(error, OSError) and error.errno in _NO_ROOM
        why = "no space is left; make room and try again" if full else "its place cannot be written to; try again"
        return f"what is printed, or a temporary file, cannot be written: {why}"
    usage = getattr(error, "format_message", None)  # Typer's errors of usage have it, whatever their class is called
    return defect(error) if usage is None else f"{usage()} (syncd --help shows what there is)"


def _is_unwritable(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _UNWRITABLE


def defect(error: BaseException) -> str:
    """What is said of an exception that nobody meant: where, and of what type; never with a value."""
    from syncd.log import chain

    places = chain(error)
    ours = [place for place in places if place.startswith(("syncd/", "connectors/"))]
    where = (ours or places or ["an unknown place"])[-1]
    told = f"this is a defect of syncd ({type(error).__name__} at {where}); please report this line to {REPORT_TO}"
    if not _debugging():
        return f"{told}; --log-level debug shows the way there"
    return "\n".join([told, *(f"  {place}" for place in places)])


def _debugging() -> bool:
    import logging

    return logging.getLogger("syncd").isEnabledFor(logging.DEBUG)


def _coloured() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def printable(text: str) -> str:
    """``text`` with whatever could steer a terminal made visible."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def stand_in_for_closed() -> None:
    """Let a standard stream that is closed, or not open for writing, lead nowhere (``syncd … >&-``).

    Otherwise the next file that is opened takes its number, and whatever is printed goes into that file.
    """
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is not None and not (number and _is_unwritten(number)):
            continue
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)
        setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115 (stands for it until the end)


def _is_unwritten(number: int) -> bool:
    try:
        return fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    except OSError:
        return True


def silence_stdout() -> None:
    """Nobody reads stdout any more (``syncd … | head``): let what is still to come go nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 (stands for stdout until the end)
    finally:
        os.close(null)


def unknown(kind: str, name: str, known: list[str]) -> ConfigError:
    """The error for a name that there is not, with the nearest one that there is."""
    from syncd.core.wording import nearest

    return ConfigError(f"there is no {kind} {printable(name)!r}{nearest(name, known)}; there are: {', '.join(known)}")
