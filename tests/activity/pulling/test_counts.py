"""A server that does not say for a while how much it has: nothing is learned from its silence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.worlds.phone_company import DAY, Open, busy


@pytest.mark.parametrize("meta", [None, {}, {"total_calls": None}, {"total_calls": "many"}])
def test_a_sum_without_a_count_is_no_refusal_of_old_days(company: Open, meta: object) -> None:
    world = company()
    busy(world, "2026-03-09", 4)
    world.prove("2026-03-09")
    asked = list[Any]()

    def silent(body: Any, query: dict[str, Any]) -> Any:
        if query.get("limit") != 1 or "calls" not in body:
            return body
        asked.append(query)
        return body | {"meta": meta}

    world.line.changed = silent
    world.live(world.now + DAY)
    assert 1 <= len(asked) <= 2
    # A call that comes into a proved day is still found.
    world.line.changed = lambda body, _query: body
    busy(world, "2026-03-09", 1, hour=12)
    world.live(world.now + 1.5 * DAY)
    assert world.calls() == world.truth()
    assert world.states()["2026-03-09"] in {"changed", "proved"}
