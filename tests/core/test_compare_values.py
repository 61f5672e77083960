"""Changes that are left out, and values that differ: tables of what was there and what would be sent."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.change import KINDS
from syncd.core.changes.left_out import in_mode, without_adopted
from syncd.core.columns import DIGEST, KEY
from syncd.core.compare import (
    BEFORE,
    CHANGE_SCHEMA,
    DETAIL_SCHEMA,
    KIND,
    WHY,
    any_of,
    emptied,
    field_changes,
    first_case,
    values_before,
    values_differ,
    without_same,
)
from syncd.core.schema import Field, Schema
from syncd.core.settings.rules import DeleteLimits, GateRules, Mode

SCHEMA = Schema((Field(1, "Name", is_match=True), Field(2, "Phone", is_phone=True)))
NAMES = dict.fromkeys(SCHEMA.names, pl.String)

Fields = dict[str, str]
ANN = {"Name": "Ann", "Phone": "1;2"}


def change(kind: str, before: Fields | None, after: dict[str, str | None], **more: object) -> dict[str, object]:
    return {KIND: kind, KEY: "k", DIGEST: 5, BEFORE: before if before is None else json.dumps(before), **after, **more}


def frame(*changes: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(changes, schema={**CHANGE_SCHEMA, **NAMES})


VALUES: dict[str, tuple[Fields | None, dict[str, str | None], bool]] = {
    "the same": (ANN, {**ANN}, False),
    "another name": (ANN, {**ANN, "Name": "Eve"}, True),
    "numbers in another order": (ANN, {**ANN, "Phone": "2;1"}, False),
    "a number twice": (ANN, {**ANN, "Phone": "1;2;1"}, False),
    "one number less": (ANN, {**ANN, "Phone": "1"}, True),
    "a field that is left alone": (ANN, {"Name": "Ann", "Phone": None}, False),
    "a field that is cleared": (ANN, {"Name": "Ann", "Phone": ""}, True),
    "an empty field that the target lacks": ({"Name": "Ann"}, {"Name": "Ann", "Phone": ""}, False),
    "a field that the target lacks": ({"Name": "Ann"}, {**ANN}, True),
    "a field that the mapping lacks": ({**ANN, "Note": "x"}, {**ANN}, False),
    "nothing is known": (None, {**ANN}, True),
}


@pytest.mark.parametrize(("before", "after", "differs"), VALUES.values(), ids=VALUES)
def test_values_differ_if_a_field_would_change(
    before: Fields | None, after: dict[str, str | None], differs: bool
) -> None:
    assert values_differ(frame(change("update", before, after)), SCHEMA.phones).to_list() == [differs]


NUMBERS = st.lists(st.sampled_from(["1", "2", "3", ""]), max_size=4).map(";".join)
VALUE = st.fixed_dictionaries({"Name": st.sampled_from(["", "a", "A"]), "Phone": NUMBERS})


@given(st.lists(st.tuples(VALUE, VALUE), min_size=1, max_size=5))
def test_one_look_at_all_changes_says_the_same_as_a_look_at_each(pairs: list[tuple[Fields, Fields]]) -> None:
    found = frame(*(change("update", before, dict(after)) for before, after in pairs))
    singly = [bool(field_changes(before, after, SCHEMA.phones)) for before, after in pairs]
    assert values_differ(found, SCHEMA.phones).to_list() == singly


def test_values_before_are_empty_where_nothing_is_known() -> None:
    found = frame(change("update", None, {}), change("update", {"Name": "Ann", "Note": "x"}, {}))
    assert values_before(found).rows() == [("", ""), ("Ann", "")]


SAME: dict[str, tuple[dict[str, object], list[str], bool]] = {
    "an update that changes nothing": (change("update", ANN, {**ANN}), [], True),
    "an update that changes a field": (change("update", ANN, {**ANN, "Name": "Eve"}), [], False),
    "a move": (change("move", ANN, {**ANN}), [], False),
    "an update of unknown outcome": (change("update", ANN, {**ANN}, **{WHY: "unknown"}), [], False),
    "an update of a contact that was refused": (change("update", ANN, {**ANN}), ["k"], False),
    "nothing is known of the contact": (change("update", None, {"Name": "", "Phone": ""}), [], False),
    "nothing is known to be in the contact": (change("update", {}, {"Name": "", "Phone": ""}), [], False),
}


@pytest.mark.parametrize(("found", "again", "same"), SAME.values(), ids=SAME)
def test_an_update_that_changes_no_field_is_left_out(found: dict[str, object], again: list[str], same: bool) -> None:
    rest, kept = without_same(frame(found), pl.Series(again, dtype=pl.String), SCHEMA)
    fields = '{"Name": "Ann", "Phone": "1;2"}'
    assert (rest.height, dict(kept)) == ((0, {"k": (5, fields)}) if same else (1, {}))


def one_of_each() -> pl.DataFrame:
    return frame(*(change(kind, ANN, {**ANN}, **{KEY: kind}) for kind in KINDS))


@pytest.mark.parametrize(
    ("mode", "made", "barred"),
    [
        ("mirror", ["create", "adopt", "update", "move", "delete"], []),
        ("upsert", ["create", "adopt", "update", "move"], ["delete"]),
        ("update_only", ["adopt", "update", "move"], ["create", "delete"]),
        ("create_only", ["create"], ["adopt", "update", "move", "delete"]),
    ],
)
def test_a_mode_makes_its_own_changes_and_names_those_that_it_does_not_make(
    mode: Mode, made: list[str], barred: list[str]
) -> None:
    assert [each[KIND].to_list() for each in in_mode(one_of_each(), mode)] == [made, barred]


@pytest.mark.parametrize(
    ("origin", "allowed", "deletes"),
    [("created", False, ["delete"]), ("adopted", False, []), ("adopted", True, ["delete"])],
)
def test_an_adopted_contact_is_deleted_only_if_that_is_allowed(origin: str, allowed: bool, deletes: list[str]) -> None:
    detail = pl.DataFrame(
        [(kind, 1, "a", "m", None, origin, None) for kind in ("update", "delete")], schema=DETAIL_SCHEMA, orient="row"
    )
    rest, kept = without_adopted(one_of_each(), detail, GateRules(deletes=DeleteLimits(adopted=allowed)))
    assert [kind for kind in rest[KIND] if kind == "delete"] == deletes
    assert kept[KIND].to_list() == [] if deletes else ["delete"]
    assert rest.height + kept.height == len(KINDS)


def test_fields_that_edits_would_empty_are_counted() -> None:
    empty: dict[str, str | None] = {"Name": "", "Phone": ""}
    found = frame(
        change("update", {"Name": "Ann", "Phone": "1"}, empty),
        change("move", {"Name": "Bob"}, empty),
        change("create", {"Name": "Cy"}, empty),
        change("update", {"Name": "Di", "Phone": "1"}, {"Name": None, "Phone": "2"}),
    )
    assert emptied(found) == {"Name": 2, "Phone": 1}


def test_the_first_case_that_holds_counts() -> None:
    found = pl.DataFrame({"n": [1, 2, 3, None]})
    cases = ((pl.col("n") < 2, "one"), (pl.col("n") < 3, "two"))
    assert found.select(first_case(*cases, otherwise="more")).to_series().to_list() == ["one", "two", "more", "more"]
    assert found.select(first_case(*cases)).to_series().to_list() == ["one", "two", None, None]
    assert found.filter(any_of(condition for condition, _ in cases))["n"].to_list() == [1, 2]
    assert found.filter(any_of(())).is_empty()
