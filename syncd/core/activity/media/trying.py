"""What becomes of a recording or an attachment after a try to fetch it, and when it is tried again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MediaState = Literal["wanted", "fetching", "kept", "gone", "refused", "expired", "erased"]
"""``wanted``: not fetched yet · ``fetching`` · ``kept``: its file is here · ``gone``: the API has it no longer ·
``refused``: it may not be fetched · ``expired``: removed here, since it was old · ``erased``: removed for a person."""

Cause = Literal[
    "missing",
    "forbidden",
    "unsafe",
    "lost",
    "denied",
    "empty",
    "size",
    "type",
    "broken",
    "odd",
]
"""Why a try failed.

``missing``: the API knows it no longer · ``forbidden``: the API refuses it · ``unsafe``: its address is not https, or
redirects · ``lost``: the API knows it, but its file is not there · ``denied``: a fresh address is refused · ``empty`` ·
``size``, ``type``: others than the API named · ``broken``: the connection, or the host, or it is too long · ``odd``:
the API's answer cannot be understood.
"""

NEVER = 1e11
"""The time (Unix seconds) of a try that is never made."""

HOUR, DAY = 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class _Rule:
    """``state`` while it waits ``waits`` seconds after the first, the second… try, and ``last`` after the last one."""

    state: MediaState
    waits: tuple[float, ...]
    last: MediaState


LONGEST = 7 * DAY
"""No next try is so many seconds away, however long a run lasts: a later one was set before the clock was set back."""

_LATER = (600.0, HOUR, 6 * HOUR, *(DAY,) * 12)
_RULES: Mapping[Cause, _Rule] = {
    # Once more, since a file may be there only a moment after the list has named it.
    "missing": _Rule("gone", (HOUR,), "gone"),
    "forbidden": _Rule("refused", (DAY,) * 3, "refused"),
    "unsafe": _Rule("refused", (DAY,) * 3, "refused"),
    "lost": _Rule("wanted", _LATER, "gone"),
    **dict.fromkeys(("denied", "empty", "size", "type", "broken", "odd"), _Rule("wanted", _LATER, "refused")),
}


@dataclass(frozen=True, slots=True)
class Step:
    """What is stored after a try; ``next_try`` in Unix seconds."""

    state: MediaState
    attempts: int
    next_try: float
    reason: Cause | None


def kept(attempts: int) -> Step:
    """Return what follows a try that succeeded, after ``attempts`` earlier ones."""
    return Step("kept", attempts + 1, NEVER, None)


def failed(attempts: int, cause: Cause, now: float) -> Step:
    """Return what follows a try that failed at ``now``, after ``attempts`` earlier ones."""
    rule = _RULES[cause]
    if attempts < len(rule.waits):
        return Step(rule.state, attempts + 1, now + rule.waits[attempts], cause)
    return Step(rule.last, attempts + 1, NEVER, cause)


def cause_of_api(status: int) -> Cause | None:
    """Return why the API's answer about a file is a failure; None if it is none."""
    if status in {404, 410}:
        return "missing"
    return "forbidden" if status >= 400 else None


def cause_of_file(status: int) -> Cause | None:
    """Return why what the host of the files answered is a failure; None if it is none.

    ``status``: of HTTP, 0 if the address may not be asked.
    """
    if status == 0 or 300 <= status < 400:
        return "unsafe"
    if status in {404, 410}:
        return "lost"
    return None if status == 200 else "denied"
