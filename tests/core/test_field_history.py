"""How the target's fields were called: renamed, exchanged and new names, and other match fields, as tables."""

from __future__ import annotations

import json

import polars as pl
import pytest

from syncd.core.compare import BEFORE, DETAIL_SCHEMA, ID, OLD_MATCH
from syncd.core.field_history import (
    called_now,
    exchanged,
    field_numbers,
    match_values,
    names_ever,
    numbered,
    other_match_fields,
    rematched,
    renamed,
    renames,
    taken_over,
)
from syncd.core.schema import Field, Schema

Names = dict[int, str]
"""The fields' names by their numbers."""


def schema(names: Names, *match: str) -> Schema:
    return Schema(tuple(Field(number, name, is_match=name in match) for number, name in names.items()))


WORLDS: dict[str, tuple[dict[str, list[str]], Names, dict[str, str], dict[str, str | None]]] = {
    # every name ever, the names now, the renames, and the names that changed hands
    "nothing is known yet": ({}, {1: "A", 2: "B"}, {}, {}),
    "nothing changed": ({"1": ["A"], "2": ["B"]}, {1: "A", 2: "B"}, {}, {}),
    "a field was renamed": ({"1": ["A"], "2": ["B"]}, {1: "X", 2: "B"}, {"A": "X"}, {}),
    "a field was renamed twice": ({"1": ["A", "B"]}, {1: "C"}, {"A": "C", "B": "C"}, {}),
    "a field has its former name again": ({"1": ["A", "B"]}, {1: "A"}, {"B": "A"}, {}),
    "a field is gone": ({"1": ["A"], "2": ["B"]}, {1: "A"}, {}, {}),
    "a field was added": ({"1": ["A"]}, {1: "A", 2: "B"}, {}, {}),
    "two fields exchanged their names": (
        {"1": ["A"], "2": ["B"]},
        {1: "B", 2: "A"},
        {"A": "B", "B": "A"},
        {"A": "B", "B": "A"},
    ),
    "a field took over the name of a renamed field": (
        {"1": ["A"], "2": ["B"]},
        {1: "X", 2: "A"},
        {"A": "X", "B": "A"},
        {"A": "X", "B": "A"},
    ),
    "a new field took over the name of a renamed field": ({"1": ["A"]}, {1: "X", 2: "A"}, {"A": "X"}, {"A": "X"}),
    "a known field took over the name of a field that is gone": (
        {"1": ["A"], "2": ["B"]},
        {2: "A"},
        {"B": "A"},
        {"A": None, "B": "A"},
    ),
    "a new field has the name of a field that is gone": ({"1": ["A"]}, {3: "A"}, {}, {}),
}


@pytest.mark.parametrize(("ever", "now", "expected", "moved"), WORLDS.values(), ids=WORLDS)
def test_a_former_name_means_the_field_that_had_it(
    ever: dict[str, list[str]], now: Names, expected: dict[str, str], moved: dict[str, str | None]
) -> None:
    assert renames(ever, schema(now)) == expected
    assert taken_over(ever, schema(now)) == moved


@pytest.mark.parametrize(
    ("before", "now", "after"),
    [
        ({}, {1: "A"}, {"1": ["A"]}),
        ({"1": ["A"]}, {1: "A"}, {"1": ["A"]}),
        ({"1": ["A"]}, {1: "B"}, {"1": ["A", "B"]}),
        ({"1": ["A", "B"]}, {1: "A"}, {"1": ["B", "A"]}),  # the newest name is the last
        ({"1": ["A"]}, {2: "B"}, {"1": ["A"], "2": ["B"]}),  # a field that is gone keeps its names
        ({"1": ["A"]}, {0: "B"}, {"1": ["A"]}),  # a field without a number cannot be recognised
    ],
)
def test_every_name_of_a_field_is_kept(before: dict[str, list[str]], now: Names, after: dict[str, list[str]]) -> None:
    assert names_ever(before, schema(now)) == after


def test_fields_are_known_by_their_numbers() -> None:
    fields = schema({7: "A", 9: "B", 0: "C"})
    assert numbered(fields) == {"7": "A", "9": "B"}
    assert field_numbers(fields, ["A", "C", "nobody's"]) == {"mapped": {"A": 7}, "all": [7, 9]}


IS_ANOTHER = "{!r} is the name of another contact field now, and the one that it was is "
IS_CALLED = IS_ANOTHER + "called {!r}, to be written in the mapping"
IS_GONE = IS_ANOTHER + "gone"
EXCHANGED: dict[str, tuple[Names, list[str], list[str]]] = {
    # the names now (field 1 was A, field 2 was B), the mapped names, and what is said
    "nothing changed": ({1: "A", 2: "B"}, ["A", "B"], []),
    "a mapped field was renamed": ({1: "X", 2: "B"}, ["X", "B"], []),
    "two fields exchanged their names": (
        {1: "B", 2: "A"},
        ["A", "B"],
        [IS_CALLED.format("B", "A"), IS_CALLED.format("A", "B")],
    ),
    "the mapping names one of them": ({1: "B", 2: "A"}, ["A"], [IS_CALLED.format("A", "B")]),
    "the mapping names neither": ({1: "B", 2: "A"}, [], []),
    "a new field took over the name": ({1: "X", 2: "B", 3: "A"}, ["A"], [IS_CALLED.format("A", "X")]),
    "a known field took over the name of one that is gone": ({2: "A"}, ["A"], [IS_GONE.format("A")]),
    "a field was made again": ({2: "B", 3: "A"}, ["A"], []),
    "a field without a number": ({0: "A", 2: "B"}, ["A"], []),
}


@pytest.mark.parametrize(("now", "mapped", "said"), EXCHANGED.values(), ids=EXCHANGED)
def test_a_mapped_name_that_means_another_field_now_is_named(now: Names, mapped: list[str], said: list[str]) -> None:
    known = field_numbers(schema({1: "A", 2: "B"}), ["A", "B"])
    assert list(exchanged(known, schema(now), mapped)) == said


@pytest.mark.parametrize(
    ("known", "new", "match", "differs"),
    [
        (None, {}, ("A",), False),  # nothing was sent yet
        (["A"], {}, ("A",), False),
        (["B", "A"], {}, ("A", "B"), False),
        (["A"], {}, ("A", "B"), True),
        (["A", "B"], {}, ("A",), True),
        (["X"], {"X": "A"}, ("A",), False),  # only renamed
        (["X"], {}, ("A",), True),
        ([], {}, ("A",), True),
    ],
)
def test_other_match_fields_are_named(
    known: list[str] | None, new: dict[str, str], match: tuple[str, ...], differs: bool
) -> None:
    assert bool(list(other_match_fields(known, new, schema({1: "A", 2: "B"}, *match)))) is differs


def test_other_match_fields_are_named_as_they_are_called_now() -> None:
    [text] = other_match_fields(["Z", "X"], {"X": "A"}, schema({1: "A", 2: "B"}, "B"))
    assert text.startswith("the target's match fields were A, Z and are now B, so that ")


def test_values_go_under_the_names_of_now() -> None:
    assert called_now({"A": "1", "B": "2", "C": "3"}, {"A": "B", "B": "A"}) == {"B": "1", "A": "2", "C": "3"}


def test_json_is_renamed_in_the_columns_that_are_named_and_null_stays_null() -> None:
    frame = pl.DataFrame({"x": ['{"A": "Zoë"}', None], "y": ['{"A": "1"}', "{}"]})
    found = renamed(frame, {"A": "B"}, "x")
    assert found.rows() == [('{"B": "Zoë"}', '{"A": "1"}'), (None, "{}")]
    assert renamed(frame, {}, "x") is frame


@pytest.mark.parametrize(
    ("fields", "partly", "match"),
    [
        ({"A": " a ", "B": "b", "C": "c"}, False, "a\x1fb"),
        ({"A": "a"}, False, None),
        ({"A": "a", "B": ""}, False, None),
        ({"A": "a"}, True, "a\x1f"),
        ({"C": "c"}, True, None),
    ],
)
def test_a_match_value_is_made_of_the_match_fields(fields: dict[str, str], partly: bool, match: str | None) -> None:
    both = schema({1: "A", 2: "B", 3: "C"}, "A", "B")
    assert match_values([fields], both, partly=partly).to_list() == [match]


def test_without_contacts_there_are_no_match_values() -> None:
    assert match_values([], schema({1: "A"}, "A")).to_list() == []


REMATCHED: dict[str, tuple[int | None, dict[str, str] | None, str]] = {
    # the id at the target, what it holds, and the match value by the match field of now
    "it is at the target": (7, {"A": "old", "B": "b"}, "b"),
    "it lacks the new match field": (7, {"A": "old"}, "old"),
    "what it holds is not known": (7, None, "old"),
    "it is not known to be there": (None, {"A": "old", "B": "b"}, "old"),
}


@pytest.mark.parametrize(("id_", "holds", "match"), REMATCHED.values(), ids=REMATCHED)
def test_a_contact_at_the_target_has_the_match_value_that_its_values_make(
    id_: int | None, holds: dict[str, str] | None, match: str
) -> None:
    row = ("k", id_, "a", "old", holds and json.dumps(holds), "created", None)
    detail = pl.DataFrame([row], schema=DETAIL_SCHEMA, orient="row")
    found = rematched(detail, schema({1: "A", 2: "B"}, "B"))
    assert found.select(ID, OLD_MATCH, BEFORE).row(0) == (id_, match, row[4])
