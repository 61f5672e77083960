"""The calendar of a list, learned from whole days. It is shown in reports; nothing is computed with it."""

from __future__ import annotations

from syncd.core.activity.instants import begin_of, day_after

Offset = tuple[float, float]
"""The least and the most seconds by which a day of the list can begin after the UTC date of its name."""

WIDEST: Offset = (-14 * 3600.0, 12 * 3600.0)


def narrowed(known: Offset, day: str, times: tuple[float, float]) -> Offset:
    """Return what is known of the offset after a whole day; ``times``: the earliest and the latest of its rows.

    A day that contradicts what is known begins anew: the clocks were changed, or a call went over midnight.
    """
    least, most = times[1] - begin_of(day_after(day)), times[0] - begin_of(day)
    found = max(known[0], least), min(known[1], most)
    if found[0] <= found[1]:
        return found
    alone = max(WIDEST[0], least), min(WIDEST[1], most)
    return alone if alone[0] <= alone[1] else WIDEST
