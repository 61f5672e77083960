"""Keys that take over a contact because their source merged another key into them."""

from __future__ import annotations

import pytest

from syncd.core.takeover.reported import reported


@pytest.mark.parametrize(
    ("merged", "known", "taken"),
    [
        ({"old": "new"}, {"old"}, {"new": "old"}),
        ({"old": "new"}, set(), {}),  # nothing to take over
        ({"old": "new"}, {"old", "new"}, {}),  # the survivor has a contact of its own
        ({"a": "b", "b": "c"}, {"a"}, {"c": "a"}),  # a survivor was merged in turn
        ({"b": "c", "a": "c"}, {"a", "b"}, {"c": "a"}),  # the first of two keys
        ({"a": "b", "b": "a"}, {"a"}, {}),  # a circle
    ],
)
def test_a_surviving_key_takes_over_the_contact_of_the_key_that_was_merged(
    merged: dict[str, str], known: set[str], taken: dict[str, str]
) -> None:
    assert reported(merged, known) == taken
