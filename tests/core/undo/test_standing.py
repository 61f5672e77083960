"""Which changes of a run still stand after later runs, undos, and undos of undos."""

from __future__ import annotations

import pytest

from syncd.core.undo.standing import since


@pytest.mark.parametrize(
    ("changes", "later", "already"),
    [
        ([], {}, {}),
        ([("b", None)], {"1": "b"}, {}),
        ([("b", None), ("b", None), ("c", None)], {"1": "c"}, {}),
        ([("u", "a")], {}, {"1": "u"}),
        ([("u", "a"), ("b", None)], {"1": "b"}, {}),
        ([("u", "a"), ("b", None), ("v", "b")], {}, {"1": "u"}),
        ([("b", None), ("u", "b")], {}, {}),
        ([("b", None), ("u", "b"), ("v", "u")], {"1": "b"}, {}),
        ([("b", None), ("u", "b"), ("v", "u"), ("w", "v")], {}, {}),
        ([("u", "a"), ("v", "u")], {}, {}),
        ([("b", None), ("c", None), ("u", "b")], {"1": "u"}, {}),
    ],
)
def test_a_later_change_that_was_undone_is_not_in_the_way(
    changes: list[tuple[str, str | None]], later: dict[str, str], already: dict[str, str]
) -> None:
    assert since("a", [("1", by, undoes) for by, undoes in changes]) == (later, already)
