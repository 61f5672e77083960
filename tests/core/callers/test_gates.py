"""The gates of numbers: each fires on its own limit and holds the changes concerned, and only these."""

from __future__ import annotations

import json
from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.callers.forbidden import emergency_numbers, own_forms
from syncd.core.callers.gates import NumberRules, number_changes, number_gates
from syncd.core.columns import DIGEST, KEY
from syncd.core.compare import BEFORE, ID, KIND
from syncd.core.plan import Held
from syncd.core.settings.rules import NumberLimits

Line = tuple[str, str, str | None, dict[str, str]]
"""Kind, key, the phone field (None: left alone), the fields at the target before."""

SCHEMA = {KIND: pl.String, KEY: pl.String, "Phone": pl.String, BEFORE: pl.String, ID: pl.Int64, DIGEST: pl.Int64}
PHONES = {"Phone", "Other phone"}
FRONT_DESK = "2125550100"


def frame(*lines: Line) -> pl.DataFrame:
    rows = [(kind, key, phone, json.dumps(before) if before else None, 1, 2) for kind, key, phone, before in lines]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def held(*lines: Line, known: int = 100, rules: NumberRules | None = None) -> dict[str, Held]:
    changes = frame(*lines)
    found = number_gates(changes, number_changes(changes, PHONES), rules or NumberRules(), known)
    return {each.gate: each for each in found}


def number(n: int) -> str:
    return f"2125551{n:03}"


def creates(count: int, phone: str | None = None, first: int = 0) -> list[Line]:
    return [("create", f"c{n}", phone or number(n), {}) for n in range(first, first + count)]


def losing(count: int, phone: str = "") -> list[Line]:
    return [("update", f"u{n}", phone, {"Phone": number(n)}) for n in range(count)]


@pytest.mark.parametrize(("same", "others", "fires"), [(9, 0, False), (10, 0, True), (12, 28, False), (13, 28, True)])
def test_one_number_for_a_large_part_of_the_plan_waits(same: int, others: int, fires: bool) -> None:
    found = held(*creates(same, FRONT_DESK), *creates(others, first=same))
    assert set(found) == ({"numbers.same"} if fires else set())
    if fires:
        assert found["numbers.same"].keys == tuple(f"c{n}" for n in range(same))


def test_a_column_that_was_filled_down_holds_the_updates_and_not_the_contact_that_had_the_number() -> None:
    lines: list[Line] = [("update", f"u{n}", number(0), {"Phone": number(n)}) for n in range(20)]
    found = held(*lines, known=1_000)
    assert found["numbers.same"].keys == tuple(f"u{n}" for n in range(1, 20))
    assert found["numbers.same"].detail == (
        "19 of 20 created and updated contacts (95 %) would get one number; 30 % is allowed"
    )


def test_a_number_that_everybody_had_before_is_no_news() -> None:
    lines: list[Line] = [("update", f"u{n}", f"1{FRONT_DESK}", {"Other phone": FRONT_DESK}) for n in range(60)]
    assert held(*lines, rules=NumberRules(own=frozenset({FRONT_DESK}))) == {}


@pytest.mark.parametrize(
    ("count", "known", "fires"), [(10, 20, False), (11, 20, True), (19, 19, False), (50, 100, False)]
)
def test_more_lost_numbers_than_the_share_wait(count: int, known: int, fires: bool) -> None:
    found = held(*losing(count), known=known)
    assert set(found) == ({"numbers.lost"} if fires else set())


def test_the_loss_says_its_numbers_and_leaves_other_changes_alone() -> None:
    lines = [*losing(12), *creates(3), ("update", "same", number(40), {"Phone": number(40)})]
    [lost] = held(*lines, known=20).values()
    assert (lost.kind, lost.count) == ("update", 12)
    assert lost.detail == "12 of 20 known numbers (60 %) would leave their contacts or change country; 50 % is allowed"


def test_a_number_that_changes_its_country_is_lost() -> None:
    lines: list[Line] = [("update", f"u{n}", f"44{number(n)}", {"Phone": number(n)}) for n in range(20)]
    assert set(held(*lines, known=20)) == {"numbers.lost"}


def test_a_field_that_is_left_alone_and_one_that_is_not_mapped_keep_their_numbers() -> None:
    alone: list[Line] = [("update", f"u{n}", None, {"Phone": number(n)}) for n in range(20)]
    other: list[Line] = [("update", f"v{n}", "", {"Other phone": number(n)}) for n in range(20)]
    assert held(*alone, *other, known=40) == {}


def test_a_contact_that_is_adopted_loses_no_known_number() -> None:
    lines: list[Line] = [("adopt", f"a{n}", "", {"Phone": number(n)}) for n in range(30)]
    assert held(*lines, known=30) == {}


def test_an_own_number_waits_with_its_contacts_only() -> None:
    rules = NumberRules(own=own_forms(["+1 (212) 555-0100"], ["US"]))
    found = held(*creates(3), ("create", "own", f"{number(9)};{FRONT_DESK}", {}), rules=rules)
    assert [(each.gate, each.keys) for each in found.values()] == [("numbers.forbidden", ("own",))]
    assert found["numbers.forbidden"].detail == "1 contact would get one of the company's own numbers"


@pytest.mark.parametrize(
    ("region", "digits", "fires"), [("US", "911", 1), ("GB", "999", 1), ("GB", "911", 0), ("DE", "112", 1)]
)
def test_an_emergency_number_is_one_of_the_sources_region(region: str, digits: str, fires: int) -> None:
    found = held(("create", "c", digits, {}), rules=NumberRules(region=region))
    assert [each.detail for each in found.values()] == ["1 contact would get an emergency number"] * fires


def test_a_forbidden_number_that_a_contact_has_already_does_not_wait() -> None:
    assert held(("update", "u", "911;2125550101", {"Phone": "911"})) == {}


@pytest.mark.parametrize(("count", "fires"), [(50, False), (51, True)])
def test_a_number_that_comes_to_many_contacts_waits_however_large_the_plan_is(count: int, fires: bool) -> None:
    found = held(*creates(count, FRONT_DESK), *creates(200, first=count))
    assert [(each.gate, each.count) for each in found.values()] == ([("numbers.contacts", count)] if fires else [])


def test_no_detail_says_a_number() -> None:
    rules = NumberRules(NumberLimits(same=0.1, contacts=1), own=frozenset({FRONT_DESK}))
    found = held(*creates(60, FRONT_DESK), *losing(30), ("create", "e", "911", {}), known=30, rules=rules)
    assert set(found) == {"numbers.same", "numbers.lost", "numbers.forbidden", "numbers.contacts"}
    assert not any(FRONT_DESK in each.detail or "911" in each.detail for each in found.values())


@pytest.mark.parametrize(
    ("text", "regions", "form"),
    [
        ("212-555-0100", ["US"], "2125550100"),
        ("1 212 555 0100", ["US"], "2125550100"),
        ("+44 20 7946 0000", ["GB"], "02079460000"),
        ("+44 20 7946 0000", ["US"], "442079460000"),
        ("+44 20 7946 0000", ["US"], "02079460000"),  # as rows send it whose column says GB
        ("020 7946 0000", ["US", "GB"], "442079460000"),
        ("101", ["US"], "101"),
    ],
)
def test_an_own_number_is_known_in_every_form_that_a_source_sends(text: str, regions: list[str], form: str) -> None:
    assert form in own_forms([text], regions)


def test_a_long_number_is_no_emergency_number() -> None:
    assert emergency_numbers(["9112125550", "911", "912"], "us") == {"911"}


phones = st.lists(st.sampled_from(["911", FRONT_DESK, *map(number, range(4))]), max_size=3).map(";".join)
lines = st.lists(
    st.tuples(st.sampled_from(["create", "update", "move", "adopt", "delete"]), phones, phones), max_size=40
)


@given(lines, st.sampled_from([0.0, 0.3, 1.0]), st.sampled_from([1, 5]))
def test_each_gate_holds_exactly_the_changes_that_its_limit_names(
    plan: list[tuple[str, str, str]], share: float, contacts: int
) -> None:
    rules = NumberRules(NumberLimits(share, share, contacts), own=frozenset({FRONT_DESK}))
    upserts: dict[str, tuple[set[str], set[str]]] = {}
    changes: list[Line] = []
    for n, (kind, old, new) in enumerate(plan):
        before = {} if kind == "create" else {"Phone": old}
        changes.append((kind, str(n), None if kind == "delete" else new, before))
        if kind != "delete":
            upserts[str(n)] = ({*new.split(";")} - {""}, {*before.get("Phone", "").split(";")} - {""})
    came = {key: new - old for key, (new, old) in upserts.items()}
    edits = {key for key in upserts if changes[int(key)][0] in {"update", "move"}}
    went = {key: old - new for key, (new, old) in upserts.items() if key in edits}
    counts = Counter(each for numbers in came.values() for each in numbers)
    known = 20 + sum(map(len, went.values()))

    def getting(wanted: set[str]) -> set[str]:
        return {key for key, numbers in came.items() if numbers & wanted}

    lost = {key for key, numbers in went.items() if numbers}
    expected = {
        "numbers.same": getting({each for each, n in counts.items() if n >= 10 and n > share * len(upserts)}),
        "numbers.contacts": getting({each for each, n in counts.items() if n > contacts}),
        "numbers.forbidden": getting({"911", FRONT_DESK}),
        "numbers.lost": lost if sum(map(len, went.values())) > share * known else set(),
    }
    found = held(*changes, known=known, rules=rules)
    assert {gate: {*each.keys} for gate, each in found.items()} == {
        gate: keys for gate, keys in expected.items() if keys
    }
