"""A command that does one thing and shows one report: as JSON, or in words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from syncd.commands.running import error_of
from syncd.report.exit_code import CODES, DONE, code_of, gravest
from syncd.report.streams import print_json

if TYPE_CHECKING:
    from syncd.report.screen import Screen

Report = dict[str, Any]


def reported(
    work: Callable[[threading.Event], Report],
    show: Callable[[Screen, Report], None],
    *,
    as_json: bool,
    happened: Callable[[Report], Iterable[str]] = lambda _: (),
) -> int:
    """Do the ``work``, show what it found, and return the exit code.

    ``work`` is given an event that a signal sets. ``happened``: the names in
    :data:`syncd.report.exit_code.CODES` of what the report says that decides the exit code.
    """
    found: list[Report] = []
    error = error_of(lambda stopping: found.append(work(stopping)))
    code = code_of(error) if error else gravest(CODES[name] for name in happened(found[0]))
    if as_json:
        from syncd.report.error_text import error_json

        print_json({"exit": code, **(found[0] if found else {}), **error_json(error)})
    elif found:
        from syncd.report.screen import Screen

        show(Screen(), found[0])
    if error:
        from syncd.report.error_text import message_of, say_error

        say_error(message_of(error))
    return code or DONE
