"""How many examples a property is tried with: few in every run of the tests, many where there is time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import product
from typing import Any

SOAKING = bool(os.environ.get("SYNCD_SOAK"))


def examples(few: int, many: int) -> int:
    """Return ``few``, or ``many`` when ``SYNCD_SOAK`` is set (``make soak``)."""
    return many if SOAKING else few


def crossed(*lists: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return cases with a value of each list: each value in at least one case, or in a soak every combination."""
    if SOAKING:
        return [*product(*lists)]
    return [tuple(each[place % len(each)] for each in lists) for place in range(max(map(len, lists)))]
