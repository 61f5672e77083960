"""What a JSON text takes once it is parsed."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from syncd.rest import weights

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
)


@given(values, st.booleans())
def test_no_text_weighs_more_than_its_ceiling(value: Any, is_ascii: bool) -> None:
    content = json.dumps(value, ensure_ascii=is_ascii).encode(errors="replace")
    known = weights.marks(content)
    assert weights.texts(content) + known + weights.keys(content, 1 << 40) <= weights.ceiling(content, known)


def test_an_ordinary_page_is_light_by_its_ceiling_alone() -> None:
    row = {"call_id": "0" * 36, "remote_name": "Max Roe", "start_time": "2026-03-10T14:30:00.000Z", "duration": 120.5}
    content = json.dumps([row | {"journey": [row, row, row]}] * 500).encode()
    assert weights.ceiling(content, weights.marks(content)) < 40_000_000
