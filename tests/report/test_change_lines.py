"""Changes as lines of text, and the choice of changes for one page."""

from __future__ import annotations

from collections import Counter
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.compare import FORMERLY_UNKNOWN
from syncd.report.change_lines import change_lines
from syncd.report.run_screen import page_of


def text_of(change: dict[str, Any], phones: frozenset[str] = frozenset({"Phone"})) -> list[str]:
    return [
        "".join(part if isinstance(part, str) else part[0] for part in line) for line in change_lines(change, phones)
    ]


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ({"kind": "delete", "key": "9", "id": 4, "fields": {}}, ["delete 9 (id 4)"]),
        (
            {"kind": "delete", "key": "9", "id": 4, "fields": {"Name": {"old": "Ada", "new": None}}},
            ["delete 9 (id 4)  Name: Ada"],
        ),
        (
            {"kind": "update", "key": "9", "id": 4, "fields": {"Name": {"old": "Ada", "new": ""}}},
            ["update 9 (id 4)", "    Name  Ada → (empty)"],
        ),
        ({"kind": "adopt", "key": "a\x1fb", "id": 4, "fields": {}}, ["adopt a+b (id 4) (no field differs)"]),
        (
            {"kind": "update", "key": "9", "id": 4, "fields": {"Phone": {"old": "1;2", "new": "2;3"}}},
            ["update 9 (id 4)", "    Phone  -1 +3 (as before: 2)"],
        ),
        (
            {"kind": "update", "key": "9", "id": 4, "fields": {}, "why": "the outcome of an earlier call is unknown"},
            ["update 9 (id 4) (the outcome of an earlier call is unknown)"],
        ),
        (
            {
                "kind": "adopt",
                "key": "9",
                "id": 4,
                "why": FORMERLY_UNKNOWN,
                "fields": {"Name": {"old": None, "new": "Ada"}},
            },
            [f"adopt 9 (id 4) ({FORMERLY_UNKNOWN})", "    Name  (not known) → Ada"],
        ),
    ],
)
def test_a_change_as_text(change: dict[str, Any], lines: list[str]) -> None:
    assert text_of(change) == lines


@given(st.dictionaries(st.sampled_from(["create", "adopt", "update", "move", "delete"]), st.integers(1, 60)))
def test_a_page_is_parted_evenly_and_filled(counts: dict[str, int]) -> None:
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    page = page_of(pl.DataFrame({"@kind": kinds}, schema={"@kind": pl.String}), 20).get_column("@kind").to_list()
    shares = Counter(page)
    assert page == sorted(page, key=kinds.index)
    assert sum(shares.values()) == min(20, sum(counts.values()))
    for kind, share in shares.items():
        assert share == counts[kind] or share >= max(shares.values()) - 1
