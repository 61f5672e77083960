"""What the list of calls says of one call now, by one request; nothing of it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncd.activity.explain import Explained
from syncd.activity.pulling.lists import Listing
from syncd.activity.session import ActivitySession
from syncd.core.activity.days.windows import Days
from syncd.core.activity.instants import day_after, iso
from syncd.core.activity.observations import OURS, of_call_row
from syncd.errors import ConfigError, TargetRefused

_LATER = 0.001
"""Seconds by which the answer is newer than what a list said before."""


@dataclass(frozen=True, slots=True)
class Live:
    """An answer. ``days``: those that were asked for. ``at``: the server's time. ``rows``: how many are of the call.

    ``others``: how many are of other calls; a server that searches lists none. ``says``: the call as the list alone
    tells it; None if the list does not have it. ``differs``: by field, what is stored, and what would be stored if a
    pull read this.
    """

    days: Days
    at: float
    rows: int
    others: int
    says: Mapping[str, Any] | None
    differs: Mapping[str, tuple[Any, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` shows."""
        return {
            "start_date": self.days.first,
            "end_date": self.days.last,
            "at": iso(self.at),
            "rows": self.rows,
            "others": self.others,
            "says": self.says,
            "differs": {name: {"stored": old, "listed": new} for name, (old, new) in self.differs.items()},
        }


def require_call(found: Explained) -> None:
    """Make sure that the list can be asked for what was explained.

    Raises:
        ConfigError: it is no call.
    """
    if found.kind == "call":
        return
    what = "a message" if found.kind == "message" else "no call"
    raise ConfigError(
        f"--live is for calls, and {found.named.key} is {what}: Vocatech searches calls only; syncd activity pull "
        "--days DAY reads a day of messages"
    )


def look_up(session: ActivitySession, found: Explained) -> Live:
    """Ask the list for the explained call; ``session``: a dry run's, since nothing is stored.

    Raises:
        TargetRefused: the server refuses the question.
        SyncdError: as :meth:`syncd.rest.Client.request`.
    """
    listing, days = Listing(session.reports, "call", session.server.of), _days(found)
    page = listing.page(days, search=found.key)
    if page is None:
        raise TargetRefused(
            f"Vocatech refuses to list the days {days}; the explanation is what the store knows", status=400
        )
    rows = [row.raw for row in page.rows if row.key == found.key]
    before = (found.columns or {}).get("listed_at") or 0.0
    said = [each for raw in rows if (each := of_call_row(raw, max(page.at, before + _LATER))) is not None]
    others = len(page.rows) - len(rows)
    if not said:
        return Live(days, page.at, 0, others, None, {})
    activities = session.store.activities
    alone = {name: value for name, value in activities.foreseen(said, alone=True).items() if name not in OURS}
    return Live(days, page.at, len(rows), others, alone, _differences(found, activities.foreseen(said)))


def _days(found: Explained) -> Days:
    """Return the days of the call and one day more on both sides: the calendar of the lists is not documented."""
    known = sorted(day.day for day in found.days)
    return Days(day_after(known[0], -1), day_after(known[-1]))


def _differences(found: Explained, foreseen: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    # Nothing is kept of what activity.only leaves out.
    if found.is_left_out:
        return {}
    stored = found.record.row if found.record else {}
    return {name: (stored.get(name), new) for name, new in foreseen.items() if stored.get(name) != new}
