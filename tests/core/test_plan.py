"""The plan as a value: what it counts, how its lists are named, and what is left of an approval."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest

from syncd.core.change import KINDS
from syncd.core.columns import DIGEST, KEY
from syncd.core.compare import BEFORE, ID, KIND
from syncd.core.plan import NOTHING, Held, HeldKind, Plan, batches, closed, list_digest

SCHEMA = {KIND: pl.String, KEY: pl.String, ID: pl.Int64, DIGEST: pl.Int64, BEFORE: pl.String, "Name": pl.String}

Change = tuple[str, str]
"""The kind and the key of a change."""


def changes(*pairs: Change) -> pl.DataFrame:
    return pl.DataFrame([(kind, key, 1, 5, None, "x") for kind, key in pairs], schema=SCHEMA, orient="row")


def held(kind: HeldKind, *keys: str) -> Held:
    return Held("a gate", kind, keys, "digest", "why")


def planned(
    todo: Sequence[Change], waiting: Sequence[Change] = (), *lists: Held, opened: tuple[Held, ...] = ()
) -> Plan:
    return Plan(changes(*todo), lists, changes(*waiting), opened)


def test_every_kind_is_counted_though_there_is_none() -> None:
    plan = planned([("create", "a"), ("create", "b"), ("delete", "c")])
    assert plan.counts() == {"create": 2, "adopt": 0, "update": 0, "move": 0, "delete": 1}
    assert list(plan.counts()) == list(KINDS)


HELD_COUNTS: dict[str, tuple[list[Change], list[Held], int]] = {
    "nothing waits": ([], [], 0),
    "one list": ([("delete", "a"), ("delete", "b")], [held("delete", "a", "b")], 2),
    "a change in two lists counts once": ([("delete", "a")], [held("delete", "a"), held("delete", "a")], 1),
    "a contact that would only be let go counts too": ([], [held("all", "adopted")], 1),
    "a change and a contact that would be let go": (
        [("delete", "a")],
        [held("delete", "a"), held("all", "adopted")],
        2,
    ),
}


@pytest.mark.parametrize(("waiting", "lists", "count"), HELD_COUNTS.values(), ids=HELD_COUNTS)
def test_every_contact_that_waits_is_counted_once(waiting: list[Change], lists: list[Held], count: int) -> None:
    assert planned([], waiting, *lists).held_count() == count


@pytest.mark.parametrize(
    ("kind", "waits"),
    [("delete", ["delete"]), ("update", ["update", "move"]), ("all", list(KINDS))],
)
def test_a_list_holds_the_changes_of_its_kind_alone(kind: HeldKind, waits: list[str]) -> None:
    one_of_each = changes(*((each, "a") for each in KINDS), *((each, "b") for each in KINDS))
    found = one_of_each.filter(closed([held(kind, "a")]))
    assert found.select(KIND, KEY).rows() == [(each, "a") for each in waits]


def test_without_a_list_nothing_is_held() -> None:
    assert changes(("create", "a")).filter(closed([])).is_empty()


def test_a_plan_without_changes_has_one_digest() -> None:
    assert planned([]).digest() == list_digest(changes()) == NOTHING


@pytest.mark.parametrize(
    ("column", "value"), [(KIND, "update"), (KEY, "z"), (ID, 2), (ID, None), (DIGEST, 6), (DIGEST, None)]
)
def test_the_digest_names_every_kind_key_id_and_digest(column: str, value: object) -> None:
    first = changes(("create", "a"), ("delete", "b"))
    other = first.with_columns(pl.when(pl.col(KEY) == "a").then(pl.lit(value)).otherwise(pl.col(column)).alias(column))
    assert list_digest(other) != list_digest(first)


def test_the_digest_does_not_name_what_only_explains_a_change() -> None:
    first = changes(("create", "a"))
    assert list_digest(first.with_columns(pl.lit('{"Name": "Ann"}').alias(BEFORE))) == list_digest(first)


def test_of_an_approved_list_that_is_done_nothing_is_left() -> None:
    approved = held("delete", "a", "b")
    assert planned([("delete", "a"), ("delete", "b")], opened=(approved,)).still_approved(["a", "b"]) == ()


def test_of_an_approved_list_the_changes_that_are_not_done_stay_approved_under_a_digest_of_their_own() -> None:
    plan = planned([("delete", "a"), ("delete", "b"), ("create", "c")], opened=(held("delete", "a", "b"),))
    [left] = plan.still_approved(["a"])
    assert (left.gate, left.keys, left.digest) == ("a gate", ("b",), list_digest(changes(("delete", "b"))))


def test_of_an_approved_list_the_changes_that_another_gate_holds_stay_approved() -> None:
    plan = planned([("delete", "a")], [("delete", "b")], held("delete", "b"), opened=(held("delete", "a", "b"),))
    [left] = plan.still_approved(["a"])
    assert left.keys == ("b",)


def test_without_an_approval_nothing_stays_approved() -> None:
    assert planned([("delete", "a")]).still_approved([]) == ()


def test_upserts_and_deletes_are_all_that_is_to_be_made() -> None:
    plan = planned([(kind, kind) for kind in KINDS])
    assert plan.upserts()[KIND].to_list() == ["create", "adopt", "update", "move"]
    assert plan.deletes()[KIND].to_list() == ["delete"]


@pytest.mark.parametrize(
    ("kinds", "requests"),
    [
        ({}, 0),
        ({"create": 1}, 1),
        ({"create": 500}, 1),
        ({"create": 501}, 2),
        ({"delete": 1}, 1),
        ({"move": 1}, 2),  # a move may leave an id to be deleted
        ({"move": 1, "delete": 499}, 2),
        ({"move": 1, "delete": 500}, 3),
    ],
)
def test_requests_are_counted_by_batches_of_upserts_and_of_deletes(kinds: dict[str, int], requests: int) -> None:
    plan = planned([(kind, f"{kind}{n}") for kind, count in kinds.items() for n in range(count)])
    assert plan.requests() == requests


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (2, [2]), (3, [2, 1]), (4, [2, 2])])
def test_a_batch_is_full_before_the_next_one_begins(count: int, sizes: list[int]) -> None:
    found = changes(*(("create", f"{n}") for n in range(count)))
    assert [len(batch) for batch in batches(found, size=2)] == sizes
