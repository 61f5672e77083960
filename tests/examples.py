"""How many examples a property is tried with: few in every run of the tests, many where there is time."""

from __future__ import annotations

import os

SOAKING = bool(os.environ.get("SYNCD_SOAK"))


def examples(few: int, many: int) -> int:
    """Return ``few``, or ``many`` when ``SYNCD_SOAK`` is set (``make soak``)."""
    return many if SOAKING else few
