"""How the target differs from what it last answered: ledger, target, and each contact's class and repair."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from syncd.core.change import Status
from syncd.core.columns import DIGEST, KEY, MATCH
from syncd.core.compare import BEFORE, ID, KIND
from syncd.core.drift import (
    AT,
    CLASS,
    FREE,
    HERE,
    HOLDING_SCHEMA,
    LEFT,
    LOST_GATE,
    OTHER,
    REMAINS_SCHEMA,
    RETURNED,
    SENT,
    Orders,
    edits,
    extra_ours,
    judge,
    listed,
    remade,
    repair_plan,
    repairs,
    with_orders,
)
from syncd.core.schema import Field, Schema
from syncd.core.settings.rules import GateRules

SCHEMA = Schema((Field(1, "ID", is_match=True), Field(2, "Name"), Field(3, "Phone", is_phone=True), Field(4, "Note")))
BEGAN = 1_000.0
"""When the list of the target began; the ledger's rows are older unless a test says so."""

Fields = dict[str, str]
ANN = {"ID": "a", "Name": "Ann", "Phone": "2125550100"}


def holding(sent: Fields = ANN, /, **more: Any) -> dict[str, Any]:
    """A row of the ledger: contact 1, accepted as it was sent."""
    row = {KEY: sent["ID"], ID: 1, "@status": Status.ACCEPTED, MATCH: sent["ID"], DIGEST: 5, SENT: json.dumps(sent)}
    return {**row, RETURNED: None, AT: BEGAN - 1, **more}


def ledger(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=HOLDING_SCHEMA)


def judged(held: dict[str, Any], there: dict[int, Fields], *, since: float = BEGAN) -> pl.DataFrame:
    return judge(ledger(held), listed(there, SCHEMA), SCHEMA, since=since)


def class_of(held: dict[str, Any], there: dict[int, Fields]) -> str:
    """The class of the one contact; one that is not told of is the same."""
    found = judged(held, there)
    return str(found[CLASS][0]) if found.height else "same"


CLASSES: dict[str, tuple[dict[str, Any], dict[int, Fields], str]] = {
    "as it was sent": (holding(), {1: ANN}, "same"),
    "not there": (holding(), {2: ANN}, "missing"),
    "another value": (holding(), {1: {**ANN, "Name": "Eve"}}, "edited"),
    "a value that was emptied": (holding(), {1: {**ANN, "Name": ""}}, "edited"),
    "a value that the list leaves out": (holding(), {1: {"ID": "a", "Name": "Ann"}}, "edited"),
    "another match value": (holding(), {1: {**ANN, "ID": "b"}}, "edited"),
    "spaces at the ends": (holding(), {1: {**ANN, "Name": " Ann "}}, "same"),
    "another form of Unicode": (
        holding({**ANN, "Name": "Zoë"}),
        {1: {**ANN, "Name": "Zoe\u0308"}},
        "same",
    ),
    "letters of another case": (holding(), {1: {**ANN, "Name": "ANN"}}, "edited"),
    "numbers written otherwise": (holding(), {1: {**ANN, "Phone": "+1 (212) 555-0100"}}, "same"),
    "numbers in another order": (
        holding({**ANN, "Phone": "2125550100;2125550101"}),
        {1: {**ANN, "Phone": "2125550101;2125550100"}},
        "same",
    ),
    "one number more": (holding(), {1: {**ANN, "Phone": "2125550100;2125550101"}}, "edited"),
    "a field that the mapping does not name": (holding(), {1: {**ANN, "Note": "calls late"}}, "same"),
    "as the target answered it": (
        holding(**{RETURNED: json.dumps({**ANN, "Name": "Ann (cut)"})}),
        {1: {**ANN, "Name": "Ann (cut)"}},
        "same",
    ),
    "as it was sent, which the target did not answer": (
        holding(**{RETURNED: json.dumps({**ANN, "Name": "Ann (cut)"})}),
        {1: ANN},
        "edited",
    ),
    "a call without an answer": (holding(**{"@status": Status.PENDING}), {}, "pending"),
    "written while the list was read": (holding(**{AT: BEGAN}), {}, "pending"),
    "refused": (holding(**{"@status": Status.REJECTED}), {}, "rejected"),
}


@pytest.mark.parametrize(("held", "there", "class_"), CLASSES.values(), ids=CLASSES)
def test_every_contact_of_the_ledger_has_a_class(held: dict[str, Any], there: dict[int, Fields], class_: str) -> None:
    assert class_of(held, there) == class_


def test_an_empty_ledger_has_nothing_to_say() -> None:
    assert judge(ledger(), listed({1: ANN}, SCHEMA), SCHEMA, since=BEGAN).is_empty()


def test_a_contact_that_is_the_same_is_told_of_if_an_unmapped_field_differs_from_what_is_known() -> None:
    answered = json.dumps({**ANN, "Note": "calls early"})
    found = judged(holding(**{RETURNED: answered}), {1: {**ANN, "Note": "calls late"}})
    assert found.select(CLASS, OTHER, HERE).row(0) == ("same", True, True)


def test_an_edited_contact_has_each_field_as_sent_as_answered_and_as_it_is_there() -> None:
    found = judged(holding(), {1: {**ANN, "Name": "Eve"}})
    assert found.select("@sent:Name", "@was:Name", "@now:Name").row(0) == ("Ann", "Ann", "Eve")
    assert found.select("@sent:Note", "@was:Note", "@now:Note").row(0) == (None, "", "")


def test_the_edits_are_the_mapped_fields_that_differ_with_null_for_an_empty_one() -> None:
    found = judged(holding(), {1: {**ANN, "Name": "Eve", "Phone": "", "Note": "new"}})
    [(row, fields)] = edits(found, SCHEMA)
    assert row[KEY] == "a"
    assert fields == {"Name": {"old": "Ann", "new": "Eve"}, "Phone": {"old": "2125550100", "new": None}}


def index(*contacts: tuple[str, int, Fields, int]) -> pl.DataFrame:
    """The target's contacts by match value: value, id, fields, and how many have this value."""
    rows = [(match, id_, json.dumps(fields), many) for match, id_, fields, many in contacts]
    return pl.DataFrame(
        rows, schema={MATCH: pl.String, ID: pl.Int64, BEFORE: pl.String, "many": pl.UInt32}, orient="row"
    )


def made_again(
    there: dict[int, Fields],
    by_match: pl.DataFrame,
    *,
    claimed: tuple[int, ...] = (1,),
    held: dict[str, Any] | None = None,
) -> pl.DataFrame:
    found = judged(held or holding(), there)
    before = [json.dumps(there[id_]) if here else None for id_, here in found.select(ID, HERE).iter_rows()]
    found = found.with_columns(pl.Series(BEFORE, before, dtype=pl.String))
    return remade(found, by_match, pl.Series(claimed, dtype=pl.Int64), SCHEMA)


REMADE: dict[str, tuple[dict[int, Fields], pl.DataFrame, tuple[int, ...], tuple[str, int | None, str | None]]] = {
    "nobody has its match value": ({}, index(), (1,), ("missing", None, None)),
    "a free contact has it": ({9: ANN}, index(("a", 9, ANN, 1)), (1,), ("edited", 9, None)),
    "a contact of ours has it": (
        {9: ANN},
        index(("a", 9, ANN, 1)),
        (1, 9),
        ("missing", None, "another contact at the target has its match values: mend that one there"),
    ),
    "two contacts have it": (
        {8: ANN, 9: ANN},
        index(("a", 8, ANN, 2)),
        (1,),
        ("missing", None, "2 contacts at the target have its match values: delete all but one there"),
    ),
    "it is edited, and another one has its match value": (
        {1: {**ANN, "ID": "x"}, 9: ANN},
        index(("a", 9, ANN, 1)),
        (1,),
        ("edited", None, "another contact at the target has its match values: mend that one there"),
    ),
    "it is edited, and has its own match value": (
        {1: {**ANN, "Name": "Eve"}},
        index(("a", 1, {**ANN, "Name": "Eve"}, 1)),
        (1,),
        ("edited", None, None),
    ),
}


@pytest.mark.parametrize(("there", "by_match", "claimed", "expected"), REMADE.values(), ids=REMADE)
def test_a_missing_contact_is_found_under_another_id_if_its_match_value_is_free(
    there: dict[int, Fields], by_match: pl.DataFrame, claimed: tuple[int, ...], expected: tuple[Any, ...]
) -> None:
    found = made_again(there, by_match, claimed=claimed)
    assert found.select(CLASS, FREE, LEFT).row(0) == expected


def test_a_remade_contact_is_compared_by_the_values_that_it_has_now() -> None:
    eve = {**ANN, "Name": "Eve"}
    found = made_again({9: eve}, index(("a", 9, eve, 1)))
    assert found["@now:Name"].to_list() == ["Eve"]
    assert json.loads(found[BEFORE][0]) == eve


def remains(known: Fields) -> pl.DataFrame:
    return pl.DataFrame([(1, "a", "a", json.dumps(known))], schema=REMAINS_SCHEMA, orient="row")


@pytest.mark.parametrize(
    ("there", "ours"),
    [
        ({1: ANN}, True),
        ({1: {**ANN, "Phone": "(212) 555-0100"}}, True),
        ({1: {**ANN, "Name": "Eve"}}, False),  # with other values, it may be somebody's work
        ({1: {**ANN, "Note": "mine now"}}, False),
        ({2: ANN}, False),
        ({}, False),
    ],
)
def test_a_deleted_contact_is_ours_if_it_is_there_exactly_as_it_was(there: dict[int, Fields], ours: bool) -> None:
    found = extra_ours(listed(there, SCHEMA), remains(ANN), SCHEMA)
    assert found[ID].to_list() == ([1] if ours else [])


EDITED = {1: {**ANN, "Name": "Eve"}}
ORDERS: dict[str, tuple[dict[int, Fields], Orders, str | None]] = {
    "missing": ({}, Orders(GateRules(), "report"), None),
    "missing, and creates are off": (
        {},
        Orders(GateRules(mode="update_only"), "overwrite"),
        "mode: update_only creates none",
    ),
    "missing, and a gate holds it": ({}, Orders(GateRules(), "overwrite", {"a"}), "a gate holds its changes"),
    "missing, and a gate holds another one": ({}, Orders(GateRules(), "overwrite", {"b"}), None),
    "edited, to be overwritten": (EDITED, Orders(GateRules(), "overwrite"), None),
    "edited, to be reported": (EDITED, Orders(GateRules(), "report"), "on_edit: report"),
    "edited, to be kept": (EDITED, Orders(GateRules(), "keep"), "on_edit: keep"),
    "edited, and updates are off": (
        EDITED,
        Orders(GateRules(mode="create_only"), "overwrite"),
        "mode: create_only changes none",
    ),
}


@pytest.mark.parametrize(("there", "orders", "left"), ORDERS.values(), ids=ORDERS)
def test_a_repair_says_why_it_leaves_a_contact_alone(
    there: dict[int, Fields], orders: Orders, left: str | None
) -> None:
    found = with_orders(made_again(there, index()), orders, SCHEMA)
    assert found[LEFT].to_list() == [left]


NO_EXTRA = pl.DataFrame(schema=REMAINS_SCHEMA)
REPAIRS: dict[str, tuple[pl.DataFrame, tuple[str, int | None]]] = {
    "missing": (made_again({}, index()), ("create", None)),
    "made again": (made_again({9: ANN}, index(("a", 9, ANN, 1))), ("adopt", 9)),
    "edited": (made_again(EDITED, index()), ("update", 1)),
    "moved": (made_again({1: {**ANN, "ID": "x"}}, index()), ("move", 1)),
}


@pytest.mark.parametrize(("found", "expected"), REPAIRS.values(), ids=REPAIRS)
def test_a_repair_is_a_change_that_sends_what_the_ledger_says(
    found: pl.DataFrame, expected: tuple[str, int | None]
) -> None:
    changes = repairs(found, NO_EXTRA, SCHEMA, deletes=True)
    assert changes.select(KIND, ID).rows() == [expected]
    assert changes.select(SCHEMA.names).row(0) == ("a", "Ann", "2125550100", None)


def test_what_is_left_alone_or_not_judged_is_not_repaired() -> None:
    kept = with_orders(made_again(EDITED, index()), Orders(GateRules(), "keep"), SCHEMA)
    waiting = made_again({}, index(), held=holding(**{"@status": Status.PENDING}))
    for found in (kept, waiting):
        assert repairs(found, NO_EXTRA, SCHEMA, deletes=True).is_empty()


@pytest.mark.parametrize(("deletes", "kinds"), [(True, ["create", "delete"]), (False, ["create"])])
def test_a_contact_that_was_deleted_before_is_deleted_again_if_the_mode_deletes(
    deletes: bool, kinds: list[str]
) -> None:
    extra = remains({**ANN, "ID": "b"}).with_columns(pl.lit("b").alias(KEY))
    assert repairs(made_again({}, index()), extra, SCHEMA, deletes=deletes)[KIND].to_list() == kinds


def creates(count: int) -> pl.DataFrame:
    rows = [holding({**ANN, "ID": f"{number:03}"}, **{ID: number}) for number in range(1, count + 1)]
    found = judge(ledger(*rows), listed({}, SCHEMA), SCHEMA, since=BEGAN)
    found = found.with_columns(pl.lit(None, dtype=pl.String).alias(BEFORE))
    return repairs(remade(found, index(), pl.Series([], dtype=pl.Int64), SCHEMA), NO_EXTRA, SCHEMA, deletes=True)


@pytest.mark.parametrize(
    ("missing", "known", "held"),
    [
        (50, 100, []),
        (51, 100, [LOST_GATE]),
        (19, 19, []),  # so few contacts say nothing of the account
        (20, 20, [LOST_GATE]),
    ],
)
def test_a_target_that_lacks_most_contacts_may_be_another_account(missing: int, known: int, held: list[str]) -> None:
    plan = repair_plan(creates(missing), GateRules(), known=known, approved=set())
    assert [each.gate for each in plan.held] == held
    assert plan.counts()["create"] == (0 if held else missing)


def test_the_gate_of_missing_contacts_says_its_numbers_and_opens_by_approval() -> None:
    changes = creates(60)
    [held] = repair_plan(changes, GateRules(), known=80, approved=set()).held
    assert held.detail == ("60 of 80 contacts (75 %) are not at the target; 50 % is allowed. Is it the right account?")
    plan = repair_plan(changes, GateRules(), known=80, approved={held.digest})
    assert (plan.held, plan.counts()["create"]) == ((), 60)
