"""What became of a plan, filled in by those who carry it out."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from syncd.errors import Stopped, SyncdError


@dataclass(slots=True)
class Pushed:
    """What became of a plan. ``counts``: accepted changes by kind. ``failure``: what ended the push early.

    ``unknown``: changes whose outcome is not known; the next run sends them again. ``kept``: deletes that wait
    because a call that may claim their contact is still unknown, or because what such a call made may not be listed
    yet, and upserts of a contact that another source has in hand. ``tidied``: contacts that an earlier, interrupted run
    had left behind and that were deleted now. ``left``: deletes that were not made, since only a source that is not
    configured claims their contact.
    """

    counts: Counter[str] = field(default_factory=Counter)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    altered: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unknown: int = 0
    kept: int = 0
    tidied: int = 0
    left: int = 0
    failure: SyncdError | None = None


def halt_if_asked(stopping: threading.Event) -> None:
    """End the push here if the process was asked to stop.

    Raises:
        Stopped: it was.
    """
    if stopping.is_set():
        raise Stopped("asked to stop; what was begun is recorded, the rest waits for the next run")
