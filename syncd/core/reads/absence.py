"""Decide when a key that a read lacks is gone.

While some lists are read, rows slip from a page that comes later to a page that was read before, so that no page shows
them: after a row of an earlier page went, or after the row itself moved to the front. The counts agree all the same. An
absence is believed of a list that cannot slip, of a list that was the same twice, or of a key that was asked for alone.
"""

from __future__ import annotations

from enum import Enum

from syncd.core.wording import counted

ASKED_ALONE = 100
"""Lacking keys up to which each is asked for alone; for more, the list is read again."""

MOST_READINGS = 3
"""Readings of one list; if no two in a row are the same, the list moves too fast to prove an absence."""


class Step(Enum):
    """What has to be done next about the keys that a read lacks."""

    BELIEVE = "they are gone"
    ASK = "ask for each of them alone"
    READ_AGAIN = "read the list again"
    DOUBT = "nothing is known of them"


def next_step(lacking: int, *, can_ask: bool, readings: int, same: bool, begins: bool) -> Step:
    """Return what has to be done next about a list that can slip.

    Args:
        lacking: keys of the ledger that no reading of the list has shown.
        can_ask: whether the source can be asked for single keys.
        readings: how often the list was read.
        same: whether the last two readings held the same keys.
        begins: the next read would begin after this one, and none before has seen the rows that this one may lack.
    """
    if same:
        return Step.BELIEVE
    # A row that nothing has read yet is not in the ledger, so that nobody would miss it.
    if begins and readings < MOST_READINGS:
        return Step.READ_AGAIN
    if not lacking:
        return Step.BELIEVE
    if can_ask and lacking <= ASKED_ALONE:
        return Step.ASK
    return Step.READ_AGAIN if readings < MOST_READINGS else Step.DOUBT


def doubt(lacking: int, slips: str, readings: int, error: str = "") -> str:
    """Return the sentence that says why ``lacking`` keys do not count as gone; ``error``: why a reading failed."""
    what = f"{counted(lacking, 'known row')} did not come, and {slips}"
    if error:
        return f"{what}; the list could not be read once more: {error}"
    return f"{what}; the list differed each of the {readings} times it was read"
