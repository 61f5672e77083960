"""Which changes of an older plan are made now: those that both plans have; each other one has a reason."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.changes.applying import WHY_NOT, Applicable, Now, Why, applicable
from syncd.core.columns import DIGEST, KEY, MATCH
from syncd.core.compare import BEFORE, CHANGE_SCHEMA, ID, KIND, OLD_MATCH
from syncd.core.plan import Held, Plan
from syncd.core.schema import Field, Schema

SCHEMA = Schema((Field(1, "Ref", is_match=True), Field(2, "Name"), Field(3, "Phone", is_phone=True)))
LEDGER = {
    KEY: pl.String,
    ID: pl.Int64,
    "@status": pl.String,
    OLD_MATCH: pl.String,
    BEFORE: pl.String,
    DIGEST: pl.Int64,
}
Row = dict[str, Any]


def frame(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema={**CHANGE_SCHEMA, "Name": pl.String, "Phone": pl.String})


def update(key: str, name: str, old: str = "Ann", **more: Any) -> Row:
    was = json.dumps({"Name": old})
    return {
        KIND: "update",
        KEY: key,
        ID: 1,
        MATCH: key,
        OLD_MATCH: key,
        DIGEST: hash(name),
        BEFORE: was,
        "Name": name,
    } | more


def create(key: str, name: str, **more: Any) -> Row:
    return update(key, name, **{KIND: "create", ID: None, OLD_MATCH: None, BEFORE: None, **more})


def delete(key: str, **more: Any) -> Row:
    return update(key, "", **{KIND: "delete", DIGEST: None, "Name": None, **more})


def known(key: str, name: str, status: str = "accepted", digest: int | None = None) -> tuple[Any, ...]:
    return (key, 1, status, key, json.dumps({"Name": name}), hash(name) if digest is None else digest)


def keys(*found: str) -> pl.Series:
    return pl.Series(KEY, found, dtype=pl.String)


def decide(older: Sequence[Row], newer: Sequence[Row], **more: Any) -> Applicable:
    ledger = pl.DataFrame(more.pop("ledger", []), schema=LEDGER, orient="row")
    plan = Plan(frame(*newer), more.pop("held", ()), frame(*more.pop("waiting", [])), more.pop("opened", ()))
    given_ = {"former": SCHEMA, "schema": SCHEMA, "rows": keys(), "gone": keys(), "deleted": keys(), "begun": keys()}
    return applicable(frame(*older), Now(plan=plan, ledger=ledger, **{**given_, **more}))


def reason(older: Row, *newer: Row, **more: Any) -> Why | None:
    found = decide([older], newer, **more)
    [*reasons] = found.refused.get_column(WHY_NOT)
    assert len(reasons) + found.todo.height + len(more.get("waiting", [])) == 1
    return Why(reasons[0]) if reasons else None


def test_a_change_that_both_plans_have_is_made() -> None:
    assert reason(update("1", "Anna"), update("1", "Anna")) is None
    assert reason(create("1", "Anna", Phone="1"), create("1", "Anna", Phone="1")) is None
    assert reason(delete("1"), delete("1")) is None


@pytest.mark.parametrize(
    ("older", "newer", "why"),
    [
        (update("1", "Anna"), update("1", "Anne"), Why.ROW),
        (update("1", "Anna"), update("1", "Anna", **{MATCH: "2", KIND: "move"}), Why.ROW),
        (delete("1"), update("1", "Anna"), Why.ROW),
        (update("1", "Anna"), update("1", "Anna", old="Bob"), Why.CONTACT),
        (update("1", "Anna"), update("1", "Anna") | {ID: 2}, Why.CONTACT),
        (create("1", "Anna"), update("1", "Anna"), Why.CONTACT),
        (create("1", "Anna"), update("1", "Anna", **{KIND: "adopt"}), Why.CONTACT),
        (delete("1"), delete("1", **{ID: 2}), Why.CONTACT),
        (update("1", "Anna"), delete("1"), Why.GONE),
    ],
)
def test_a_change_that_the_new_plan_has_otherwise_is_refused(older: Row, newer: Row, why: Why) -> None:
    assert reason(older, newer) is why


@pytest.mark.parametrize(
    ("older", "now", "why"),
    [
        (update("1", "Anna"), {"ledger": [known("1", "Anna")], "rows": keys("1")}, Why.MADE),
        (update("1", "Anna"), {"ledger": [known("1", "Anna", digest=0)]}, Why.MADE),
        (update("1", "Anna"), {"ledger": [known("1", "Bob")], "rows": keys("1")}, Why.ROW),
        (update("1", "Anna"), {"ledger": [known("1", "Anna", "rejected")], "rows": keys("1")}, Why.CONTACT),
        (update("1", "Anna"), {"ledger": [known("1", "Ann")], "gone": keys("1")}, Why.GONE),
        (create("1", "Anna"), {"rows": keys("1")}, Why.ROW),
        (create("1", "Anna"), {}, Why.GONE),
        (delete("1"), {"deleted": keys("1")}, Why.MADE),
        (delete("1"), {}, Why.GONE),
        (delete("1"), {"ledger": [known("1", "Ann")], "rows": keys("1")}, Why.ROW),
    ],
)
def test_a_change_that_the_new_plan_lacks_is_refused(older: Row, now: dict[str, Any], why: Why) -> None:
    assert reason(older, **now) is why


def test_a_change_that_a_gate_holds_is_neither_made_nor_refused() -> None:
    assert reason(update("1", "Anna"), waiting=[update("1", "Anna")]) is None


def test_a_change_of_an_unknown_outcome_goes_on_whatever_the_target_held_before() -> None:
    again = create("1", "Anna", **{BEFORE: '{"Name": "Al"}'})
    assert reason(update("1", "Anna", **{KIND: "adopt"}), again) is Why.CONTACT
    assert reason(update("1", "Anna", **{KIND: "adopt"}), again, begun=keys("1")) is None
    assert reason(update("1", "Anna"), update("1", "Anne"), begun=keys("1")) is Why.ROW


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ((SCHEMA.fields[0], SCHEMA.fields[1], Field(3, "Phone")), None),  # the change does not speak of it
        ((SCHEMA.fields[0], Field(2, "Name", is_phone=True), SCHEMA.fields[2]), Why.FIELD),
        ((SCHEMA.fields[0], Field(2, "Contact"), SCHEMA.fields[2]), Why.FIELD),
        ((*SCHEMA.fields, Field(4, "More")), None),
        ((*SCHEMA.fields, Field(4, "More", is_match=True)), Why.FIELD),
    ],
)
def test_a_field_of_the_change_that_is_another_one_now_refuses_it(fields: tuple[Field, ...], why: Why | None) -> None:
    assert reason(update("1", "Anna"), update("1", "Anna"), schema=Schema(fields)) is why


def test_nobody_takes_the_place_of_a_contact_whose_move_is_refused() -> None:
    moves = update("1", "Ann", **{KIND: "move", MATCH: "b", OLD_MATCH: "a"})
    takes = create("2", "Bob", **{MATCH: "a"})
    found = decide([moves, takes], [takes, {**moves, MATCH: "c"}])
    assert found.todo.is_empty()
    assert dict(found.refused.select(KEY, WHY_NOT).iter_rows()) == {"1": Why.ROW, "2": Why.CONTACT}


rows = st.lists(
    st.builds(
        lambda kind, key, name, old: kind(key, name, old=old) if kind is not delete else delete(key),
        st.sampled_from([update, create, delete]),
        st.sampled_from("12345"),
        st.sampled_from(["Ann", "Bob"]),
        st.sampled_from(["Al", "Bo"]),
    ),
    unique_by=lambda row: row[KEY],
)


@given(rows, rows, st.sets(st.sampled_from("12345")))
def test_each_change_of_the_older_plan_is_made_or_held_or_refused_and_nothing_else_is_made(
    older: list[Row], newer: list[Row], held: set[str]
) -> None:
    waiting = [row for row in newer if row[KEY] in held]
    newer = [row for row in newer if row[KEY] not in held]
    found = decide(older, newer, waiting=waiting)
    wanted, made = frame(*older), found.todo
    assert made.sort(KEY).equals(wanted.filter(pl.col(KEY).is_in(made[KEY].implode())).sort(KEY))
    kept = {row[KEY] for row in waiting if row in older}
    assert sorted([*made[KEY], *found.refused[KEY], *kept]) == sorted(wanted[KEY])
    assert sorted([*made[KEY], *found.rest[KEY]]) == sorted(row[KEY] for row in newer)


ONE, TWO = "2125550101", "2125550102"


def phones(key: str, old: str, new: str, name: str = "Ann") -> Row:
    return update(key, name, **{BEFORE: json.dumps({"Name": "Ann", "Phone": old}), "Phone": new})


@pytest.mark.parametrize(
    ("loses", "now"),
    [
        (phones("1", ONE, ""), phones("1", ONE, "", name="Other")),
        (phones("1", ONE, "") | {KIND: "move", MATCH: "b"}, phones("1", ONE, "")),
        (phones("1", ONE, ""), delete("1", **{BEFORE: json.dumps({"Phone": ONE})})),
    ],
)
def test_nobody_gets_a_number_while_the_contact_that_has_it_keeps_it(loses: Row, now: Row) -> None:
    # The second contact loses what the third one gets.
    gets, next_ = phones("2", TWO, ONE), create("3", "Cy", Phone=TWO)
    found = decide([loses, gets, next_], [now, gets, next_], one_contact=True)
    assert found.todo.is_empty()
    why = dict(found.refused.select(KEY, WHY_NOT).iter_rows())
    assert why["2"] == why["3"] == Why.CONTACT
    assert found.rest.get_column(KEY).to_list() == ["1", "2", "3"]
    several = decide([loses, gets, next_], [now, gets, next_])
    assert several.todo.get_column(KEY).to_list() == ["2", "3"]
    together = decide([now, gets, next_], [now, gets, next_], one_contact=True)
    assert together.todo.get_column(KEY).to_list() == ["1", "2", "3"]


def test_a_gate_holds_a_part_of_a_plan_that_it_would_let_through_as_a_whole() -> None:
    plan = [update(key, "Anna") for key in "12345"]

    def gates(changes: pl.DataFrame) -> list[Held]:
        there = "2" in changes.get_column(KEY)
        return [Held("numbers.same", "all", ("2",), "digest", "too many")] if there and changes.height <= 3 else []

    assert decide(plan, plan, gates=gates).todo.height == 5
    part = decide(plan[:3], plan, gates=gates)
    assert part.todo.get_column(KEY).to_list() == ["1", "3"]
    assert [each.gate for each in part.held] == ["numbers.same"]
    assert part.waiting.get_column(KEY).to_list() == ["2"]
    assert part.refused.is_empty()
    assert part.rest.get_column(KEY).to_list() == ["4", "5"]
    # The gate holds another part of the plan already: it has one list.
    held = (Held("numbers.same", "all", ("6",), "before", "many"),)
    more = decide(plan[:3], plan, gates=gates, held=held, waiting=[update("6", "Anna")])
    assert [each.keys for each in more.held] == [("2", "6")]
    # A person has approved more than that.
    opened = (Held("numbers.same", "all", ("1", "2"), "other", "too many"),)
    assert decide(plan[:3], plan, gates=gates, opened=opened).todo.height == 3
