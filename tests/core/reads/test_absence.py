"""When a key counts as gone that a list lacks which can slip."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.core.reads.absence import ASKED_ALONE, MOST_READINGS, Step, doubt, next_step

ONCE = {"readings": 1, "same": False}
TWICE_THE_SAME = {"readings": 2, "same": True}
TWICE_AND_DIFFERENT = {"readings": 2, "same": False}
TOO_OFTEN = {"readings": MOST_READINGS, "same": False}
FEW, MANY = 1, ASKED_ALONE + 1

WORLDS: dict[str, tuple[int, dict[str, Any], bool, Step]] = {
    "nothing lacks": (0, ONCE, False, Step.BELIEVE),
    "nothing lacks, and keys could be asked for": (0, ONCE, True, Step.BELIEVE),
    "one key lacks and can be asked for": (FEW, ONCE, True, Step.ASK),
    "as many as are asked for": (ASKED_ALONE, ONCE, True, Step.ASK),
    "more than are asked for": (MANY, ONCE, True, Step.READ_AGAIN),
    "no key can be asked for": (FEW, ONCE, False, Step.READ_AGAIN),
    "the list was the same twice": (FEW, TWICE_THE_SAME, False, Step.BELIEVE),
    "many lack in a list that was the same twice": (MANY, TWICE_THE_SAME, True, Step.BELIEVE),
    "the second list shows all but a few": (FEW, TWICE_AND_DIFFERENT, True, Step.ASK),
    "the second list shows all": (0, TWICE_AND_DIFFERENT, False, Step.BELIEVE),
    "the second list differs": (FEW, TWICE_AND_DIFFERENT, False, Step.READ_AGAIN),
    "the list never stands still": (FEW, TOO_OFTEN, False, Step.DOUBT),
    "the list never stands still, and many lack": (MANY, TOO_OFTEN, True, Step.DOUBT),
    "the list never stands still, and a few can be asked for": (FEW, TOO_OFTEN, True, Step.ASK),
}


@pytest.mark.parametrize("world", WORLDS)
def test_what_is_done_about_lacking_keys(world: str) -> None:
    lacking, seen, can_ask, step = WORLDS[world]
    assert next_step(lacking, can_ask=can_ask, begins=False, **seen) is step


@pytest.mark.parametrize(
    ("lacking", "seen", "step"),
    [
        (0, ONCE, Step.READ_AGAIN),
        (FEW, ONCE, Step.READ_AGAIN),
        (0, TWICE_THE_SAME, Step.BELIEVE),
        (0, TWICE_AND_DIFFERENT, Step.READ_AGAIN),
        (0, TOO_OFTEN, Step.BELIEVE),
        (FEW, TOO_OFTEN, Step.ASK),
    ],
)
def test_a_list_after_which_only_changes_are_read_must_be_the_same_twice(
    lacking: int, seen: dict[str, Any], step: Step
) -> None:
    assert next_step(lacking, can_ask=True, begins=True, **seen) is step


def test_a_doubt_says_why() -> None:
    why = "rows may slip between the pages of its list (page.by: number)"
    assert (
        doubt(2, why, 3) == f"2 known rows did not come, and {why}; the list differed each of the 3 times it was read"
    )
    assert doubt(1, why, 1, "the server is down") == (
        f"1 known row did not come, and {why}; the list could not be read once more: the server is down"
    )
