"""However a list shifts while it is read: who stays in it stays at the target, and a quiet list is followed exactly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import SOAKING, examples
from tests.worlds.shifting_list import BY_ID, BY_IDS, WAYS, Shifting, shifting, source
from tests.worlds.world import company

LOOKUPS: dict[str, dict[str, Any]] = {"no lookup": {}, "by id": {"lookup": BY_ID}, "by ids": {"lookup": BY_IDS}}

SHIFTS = st.tuples(st.sampled_from(["goes", "comes", "to the front", "to the end", "both"]), st.integers(0, 11))


def shift(people: Shifting, what: str, place: int) -> None:
    """Let one row go or move, or another come."""
    ids = list(people.people)
    id_ = ids[place % len(ids)] if ids else None
    if what in {"goes", "both"} and id_:
        people.people.pop(id_)
    if what in {"comes", "both"}:
        people.come()
    if what in {"to the front", "to the end"} and id_:
        row = {id_: people.people.pop(id_)}
        people.people = {**row, **people.people} if what == "to the front" else {**people.people, **row}


@settings(
    max_examples=examples(5, 400), deadline=None, derandomize=not SOAKING, suppress_health_check=list(HealthCheck)
)
@given(
    way=st.sampled_from(list(WAYS)),
    lookup=st.sampled_from(list(LOOKUPS)),
    count=st.integers(3, 14),
    size=st.integers(2, 5),
    before=st.lists(SHIFTS, max_size=2),
    shifts=st.dictionaries(st.integers(1, 12), st.lists(SHIFTS, min_size=1, max_size=2), min_size=1, max_size=5),
)
def test_whatever_shifts_while_a_list_is_read_nobody_is_deleted_who_is_there(
    way: str,
    lookup: str,
    count: int,
    size: int,
    before: list[tuple[str, int]],
    shifts: dict[int, list[tuple[str, int]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with company(tmp_path_factory.mktemp("world")) as world, shifting() as people:
        people.fill(count)
        people.size = size
        world.sources = {"people": source(people, way, **LOOKUPS[lookup])}
        world.run()
        known = set(world.there())
        for each in before:
            shift(people, *each)
        begin = people.pages + 1

        def after(pages: int) -> None:
            for each in shifts.get(pages - begin, []):
                shift(people, *each)

        people.after_page = after
        world.run()
        assert known & set(people.people) <= set(world.there())
        people.after_page = None
        world.run()
        if people.people:  # an emptied source holds its deletes
            assert set(world.there()) == set(people.people)
