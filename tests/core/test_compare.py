"""The changes between the ledger and a read: tables of before, after and change."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.change import Change, Status
from syncd.core.columns import CONTACT, DIGEST, EXCLUDED, INVALID, KEY, STATE
from syncd.core.compare import (
    DETAIL_SCHEMA,
    INDEX_SCHEMA,
    LEDGER_SCHEMA,
    classify,
    diff,
    field_changes,
    rows,
)

PHONES = frozenset({"Phone"})
READ = {KEY: pl.String, STATE: pl.UInt8, DIGEST: pl.Int64}


def read(**states: tuple[int, int]) -> pl.DataFrame:
    rows_ = [(key, state, value) for key, (state, value) in states.items()]
    return pl.DataFrame(rows_, schema=READ, orient="row")


def ledger(**known: tuple[int, str]) -> pl.DataFrame:
    return pl.DataFrame([(key, *value) for key, value in known.items()], schema=LEDGER_SCHEMA, orient="row")


@pytest.mark.parametrize(
    ("now", "before", "changed", "gone", "unchanged"),
    [
        ({"a": (CONTACT, 1)}, {}, ["a"], [], 0),
        ({"a": (CONTACT, 1)}, {"a": (1, Status.ACCEPTED)}, [], [], 1),
        ({"a": (CONTACT, 2)}, {"a": (1, Status.ACCEPTED)}, ["a"], [], 0),
        ({}, {"a": (1, Status.ACCEPTED)}, [], ["a"], 0),
        ({"a": (INVALID, 2)}, {"a": (1, Status.ACCEPTED)}, [], [], 0),
        ({"a": (EXCLUDED, 2)}, {"a": (1, Status.ACCEPTED)}, [], ["a"], 0),
        ({"a": (CONTACT, 1)}, {"a": (1, Status.PENDING)}, ["a"], [], 0),
        ({}, {"a": (1, Status.PENDING)}, [], ["a"], 0),
        ({"a": (CONTACT, 1)}, {"a": (1, Status.REJECTED)}, [], [], 0),
        ({"a": (CONTACT, 2)}, {"a": (1, Status.REJECTED)}, ["a"], [], 0),
        ({}, {"a": (1, Status.REJECTED)}, [], ["a"], 0),
    ],
    ids=[
        "new", "same", "differs", "vanished", "held", "excluded", "unknown outcome", "unknown and gone",
        "refused as it is", "refused and mended", "refused and gone",
    ],
)  # fmt: skip
def test_what_a_row_and_the_ledger_make(
    now: dict[str, tuple[int, int]],
    before: dict[str, tuple[int, str]],
    changed: list[str],
    gone: list[str],
    unchanged: int,
) -> None:
    found = diff(read(**now), ledger(**before), whole=True)
    assert (found.changed.to_list(), found.gone.to_list(), found.unchanged) == (changed, gone, unchanged)


def test_in_a_partial_read_only_what_is_named_is_gone() -> None:
    found = diff(
        read(a=(CONTACT, 1), x=(EXCLUDED, 1)),
        ledger(a=(1, Status.ACCEPTED), b=(1, Status.ACCEPTED), c=(1, Status.ACCEPTED), x=(1, Status.ACCEPTED)),
        whole=False,
        deleted=["c", "a", "nobody"],
    )
    assert sorted(found.gone) == ["c", "x"]


def change_of(detail: tuple[object, ...] | None, index: tuple[object, ...] | None, match: str = "m") -> Change:
    contact = pl.DataFrame(
        {KEY: ["k"], "@line": [2], "@origin": [0], "@match": [match], DIGEST: [1], "@raw": [9], "Phone": ["1"]},
        schema_overrides={"@line": pl.UInt32, "@origin": pl.UInt32},
    )
    details = pl.DataFrame([detail] if detail else [], schema=DETAIL_SCHEMA, orient="row")
    there = pl.DataFrame([index] if index else [], schema=INDEX_SCHEMA, orient="row")
    [found] = rows(classify(contact, pl.Series(KEY, [], pl.String), details, there))
    return found


def test_a_new_key_is_a_create() -> None:
    found = change_of(None, None)
    assert (found.kind, found.id, found.before, found.after) == ("create", None, {}, {"Phone": "1"})


def test_a_new_key_whose_contact_is_there_is_an_adoption_with_the_old_values() -> None:
    found = change_of(None, ("m", 7, '{"Phone": "9", "Note": "x"}'))
    assert (found.kind, found.id, found.before) == ("adopt", 7, {"Phone": "9", "Note": "x"})


def test_a_known_key_is_an_update_and_with_another_match_value_a_move() -> None:
    assert change_of(("k", 7, Status.ACCEPTED, "m", '{"Phone": "9"}', "created", None), None).kind == "update"
    assert change_of(("k", 7, Status.ACCEPTED, "old", '{"Phone": "9"}', "created", None), None).kind == "move"


def test_a_create_of_unknown_outcome_is_a_create_again() -> None:
    found = change_of(("k", None, Status.PENDING, "m", None, "created", None), ("m", 7, "{}"))
    assert (found.kind, found.why) == ("create", "the outcome of an earlier call is unknown")


def test_a_delete_shows_what_is_lost() -> None:
    detail = pl.DataFrame(
        [("k", 7, Status.ACCEPTED, "m", '{"Phone": "9"}', "created", None)], schema=DETAIL_SCHEMA, orient="row"
    )
    contacts = pl.DataFrame(
        schema={
            KEY: pl.String,
            "@line": pl.UInt32,
            "@origin": pl.UInt32,
            "@match": pl.String,
            DIGEST: pl.Int64,
            "@raw": pl.Int64,
            "Phone": pl.String,
        }
    )
    index = pl.DataFrame(schema=INDEX_SCHEMA)
    [found] = rows(classify(contacts, pl.Series(KEY, ["k"]), detail, index))
    assert (found.kind, found.id, found.after) == ("delete", 7, None)
    assert field_changes(found.before, None, PHONES) == {"Phone": {"old": "9", "new": None}}


def test_only_the_fields_that_differ_are_changes() -> None:
    before = {"Phone": "1;2", "Name": "Ann", "Note": "x", "Foreign": "y"}
    after = {"Phone": "2;1", "Name": "Anna", "Note": ""}
    assert field_changes(before, after, PHONES) == {
        "Name": {"old": "Ann", "new": "Anna"},
        "Note": {"old": "x", "new": ""},
    }


KEYS = st.sampled_from("abcdef")
STATES = st.tuples(st.sampled_from([CONTACT, INVALID, EXCLUDED]), st.integers(1, 2))
KNOWN = st.tuples(st.integers(1, 2), st.sampled_from("apr"))


@given(st.dictionaries(KEYS, STATES), st.dictionaries(KEYS, KNOWN))
def test_every_key_is_accounted_for_once(now: dict[str, tuple[int, int]], before: dict[str, tuple[int, str]]) -> None:
    found = diff(read(**now), ledger(**before), whole=True)
    changed, gone = set(found.changed), set(found.gone)
    valid = {key for key, (state, _) in now.items() if state == CONTACT}
    held = {key for key, (state, _) in now.items() if state == INVALID}
    assert not changed & gone
    assert not (changed | gone) & held
    assert changed <= valid
    assert gone == set(before) - valid - held
    assert len(changed) + found.unchanged + found.rejected == len(valid)
