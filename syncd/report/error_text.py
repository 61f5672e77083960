"""What a command says of an error that ended it, or a source: one message on stderr, or one JSON object."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from typing import Any

from syncd.errors import ConfigError, SchemaError, SyncdError
from syncd.journald import ERROR, is_journal
from syncd.report.exit_code import NO_ROOM, code_of, is_unwritable
from syncd.report.streams import print_json, print_on_stderr, printable
from syncd.surroundings.circumstances import explained

REPORT_TO = "the issue tracker of syncd"


def say_error(message: str) -> None:
    """Print ``error: …`` on stderr for each line of the message."""
    coloured = sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    head = "\x1b[1;31merror:\x1b[0m" if coloured else f"{ERROR * is_journal()}error:"
    lines = [line for line in message.splitlines() if line.strip()] or ["something failed without saying what"]
    print_on_stderr("".join(f"{head} {printable(line)}\n" for line in lines))


def print_json_error(error: BaseException) -> None:
    """Print the JSON object of a command that ``error`` ended, if stdout takes it."""
    with suppress(OSError, ValueError):
        print_json({"exit": code_of(error), **error_json(error)})
        sys.stdout.flush()


def error_json(error: BaseException | None) -> dict[str, Any]:
    """Return the part ``error`` of a JSON object; empty without an error."""
    if error is None:
        return {}
    return {"error": {"kind": type(error).__name__, "exit": code_of(error), "message": message_of(error)}}


def message_of(error: BaseException) -> str:
    """Return the message of an error that ended a command; the message of a defect holds no value."""
    if isinstance(error, SyncdError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "broken off; what was begun is marked, and settled by the next run"
    if is_unwritable(error):
        full = isinstance(error, OSError) and error.errno in NO_ROOM
        why = "no space is left; make room and try again" if full else "its place cannot be written to; try again"
        return f"what is printed cannot be written: {why}"
    if outside := explained(error):
        return str(outside)
    # Typer's usage errors; see code_of.
    usage = getattr(error, "format_message", None)
    return _defect(error) if usage is None else f"{usage()} (syncd --help shows what there is)"


def placed(source: str, error: SyncdError) -> str:
    """Return the error's message with the source's name in front, unless it names the source or a place in a file."""
    message = str(error)
    named = isinstance(error, ConfigError | SchemaError) or message.startswith((f"{source}:", f"{source} "))
    return message if named else f"{source}: {message}"


def _defect(error: BaseException) -> str:
    # Imported here: structlog is slow to import, and only a defect needs it.
    from syncd.log import chain

    places = chain(error)
    ours = [place for place in places if place.startswith(("syncd/", "connectors/"))]
    where = (ours or places or ["an unknown place"])[-1]
    # The text of the exception is left out: it may hold a contact's data, and people post this line in public.
    line = f"this is a defect of syncd ({type(error).__name__} at {where}); please report this line to {REPORT_TO}"
    if not logging.getLogger("syncd").isEnabledFor(logging.DEBUG):
        return f"{line}; --log-level debug shows the way there"
    return "\n".join([line, *(f"  {place}" for place in places)])
