"""When nothing more of a call is waited for."""

from __future__ import annotations

import pytest

from syncd.core.activity.merging import merge
from syncd.core.activity.observations import Observation
from syncd.core.activity.settling import AFTER, PATIENCE, is_settled, settled_at
from syncd.core.activity.views import view_of_call
from tests.worlds.phone_calls import call, clock, leg, listed

END = 1773153070.0
"""14:31:10."""

ENDED = leg("ended", "14:31:10", end_time=clock("14:31:10"), duration=70)
TEXT = leg("transcription", "14:33:00", summary="About the roof")
LISTED = listed(call(), END + 10)


@pytest.mark.parametrize(
    ("observed", "moment"),
    [
        ([ENDED], END + PATIENCE),
        ([ENDED, TEXT], END + AFTER),
        ([LISTED], END + PATIENCE),
        ([LISTED, TEXT], END),
        ([leg("started", "14:30:00")], None),
    ],
)
def test_a_call_is_settled_by_a_list_or_a_while_and_by_its_summary_or_patience(
    observed: list[Observation], moment: float | None
) -> None:
    state = None
    for each in observed:
        state = merge(state, each)
    view = view_of_call(state or {})
    assert settled_at(view) == moment
    assert is_settled(view, moment or END) is (moment is not None)
    assert not is_settled(view, (moment or END) - 1)
    assert moment is None or is_settled(view, END + 9, after=5, patience=9)
