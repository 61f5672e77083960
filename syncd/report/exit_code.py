"""The one table from what happened in a command to the exit code that the command returns.

``docs/reference/exit-codes.md`` tells people the same. Each error class of :mod:`syncd.errors` names its own code.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable

from syncd.errors import SyncdError
from syncd.surroundings.circumstances import explained

DONE, DEFECT, USAGE, WAITING, TEMPORARY, BUSY, CHANGES, BROKEN_OFF = 0, 1, 2, 3, 4, 5, 10, 130

MEANINGS = {
    DONE: "done",
    DEFECT: "a defect of syncd",
    USAGE: "configuration or usage",
    WAITING: "done, but something waits for a person",
    TEMPORARY: "temporary, try again",
    BUSY: "another run holds the source",
}
"""The codes that any command can return, as ``syncd --help`` explains them."""

# TEMPORARY comes before WAITING: who runs the command again because of a 4 then sees what waits, but after a 3 nobody
# runs it again.
SEVERITY = (BROKEN_OFF, DEFECT, USAGE, TEMPORARY, BUSY, CHANGES, WAITING, DONE)
"""Every code, the gravest first: of several codes a command returns the gravest."""

GOOD = frozenset({DONE, WAITING})
"""The codes of a run that did its work."""

CODES = {
    **dict.fromkeys(("unknown_address", "unusable_fields", "unwritable_state", "wrong_mapping"), USAGE),
    **dict.fromkeys(("held", "invalid", "no_contact", "missing_canary", "rejected", "not_undone"), WAITING),
    **dict.fromkeys(("undecided", "refused"), WAITING),
    **dict.fromkeys(("drift", "not_guarded", "alarm", "not_arrived", "not_sent"), WAITING),
    **dict.fromkeys(("state_problem", "not_confirmed"), WAITING),
    **dict.fromkeys(("unknown_outcome", "not_delivered", "unwritable_output"), TEMPORARY),
    "changes": CHANGES,
}
"""The code of each thing that can happen without an error that ends a source or a command."""

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The error numbers of a full disk."""

# EIO comes from a terminal that is gone, EAGAIN from a full pipe that does not block.
_UNWRITABLE = NO_ROOM | {errno.EIO, errno.EAGAIN}


def code_for(error: BaseException | None = None, **happened: object) -> int:
    """Return the code of ``error``; without an error, the gravest code of what ``happened``.

    ``happened``: names of :data:`CODES`, each with a value that is true if it happened.
    """
    if error is not None:
        return code_of(error)
    return gravest(code for code, is_so in [(CODES[name], value) for name, value in happened.items()] if is_so)


def code_of(error: BaseException) -> int:
    """Return the exit code of a command that ``error`` ended."""
    if isinstance(error, SyncdError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return BROKEN_OFF
    if is_unwritable(error):
        return CODES["unwritable_output"]
    if outside := explained(error):
        return outside.exit_code
    # Typer keeps the class of its usage errors private; only they can format a message.
    return USAGE if hasattr(error, "format_message") else DEFECT


def is_unwritable(error: BaseException) -> bool:
    """Tell whether ``error`` says that standard output cannot be written."""
    return isinstance(error, OSError) and error.errno in _UNWRITABLE


def gravest(codes: Iterable[int]) -> int:
    """Return the gravest of these codes; ``DONE`` if there is none."""
    return min(codes, key=SEVERITY.index, default=DONE)
