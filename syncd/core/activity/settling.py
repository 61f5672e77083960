"""When a call is settled: it has ended, and nothing more of it is waited for."""

from __future__ import annotations

from syncd.core.activity.views import CallView

AFTER = 120.0
"""Seconds after the last event of a leg, after which a call that no list has shown counts as ended."""

PATIENCE = 2700.0
"""Seconds after its end in which a call may still get its summary."""


def settled_at(view: CallView, after: float = AFTER, patience: float = PATIENCE) -> float | None:
    """Return from when on the call is settled, in Unix seconds, as far as is known now; None while it is open."""
    if view.status == "open" or view.ended is None:
        return None
    known = over_at(view.ended, view.listed, view.heard, after)
    return known if view.summary_known else max(known, view.ended + patience)


def over_at(ended: float, listed: float | None, heard: float | None, after: float = AFTER) -> float:
    """Return from when on a call that ``ended`` counts as ended: no leg follows any more. All in Unix seconds.

    ``listed``: when a list showed it last; ``heard``: the newest event of a leg.
    """
    return ended if listed is not None else max(ended, (heard or ended) + after)


def is_settled(view: CallView, now: float, after: float = AFTER, patience: float = PATIENCE) -> bool:
    """Return whether the call is settled at ``now``, in Unix seconds; what comes later is an update."""
    moment = settled_at(view, after, patience)
    return moment is not None and moment <= now
