"""Which numbers get, lose or change their name by the changes of plans."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import polars as pl
import pytest

from syncd.core.callers.effects import (
    CALLERS,
    CROWD,
    CROWDS,
    HOLDS,
    OTHERS,
    Made,
    Touched,
    counts_of,
    crowded,
    differing,
    effects,
    holders,
    others_named,
    sides,
    with_names,
)
from syncd.core.callers.kinds import KINDS

N, M = "2125550101", "2125550102"
PHONES = {"Phone", "Mobile"}


def held(*names: str) -> pl.DataFrame:
    """Return contacts of these names that hold the number ``N``."""
    rows = [(N, "tenants", str(place), name) for place, name in enumerate(names)]
    return pl.DataFrame(rows, schema=CALLERS, orient="row")


def kinds(before: pl.DataFrame, after: pl.DataFrame) -> dict[str, str]:
    return dict(effects(before, after).iter_rows())


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ([], ["Ann"], "gain"),
        ([], ["Ann", "Bo"], "gain"),
        ([], [""], "gain"),
        (["Ann"], [], "lose"),
        (["Ann", "Bo"], [], "lose"),
        (["Ann"], ["Bo"], "change"),
        (["Ann"], [""], "change"),
        (["Ann"], ["Ann"], None),
        (["Ann"], ["Ann", "Bo"], "ambiguous"),
        (["Ann"], ["Ann", "Ann"], "ambiguous"),
        (["Ann"], ["Bo", "Cy"], "ambiguous"),
        (["Ann", "Bo"], ["Ann"], "resolved"),
        (["Ann", "Ann"], ["Ann"], "resolved"),
        (["Ann", "Bo"], ["Cy"], "resolved"),
        (["Ann", "Bo"], ["Bo", "Cy"], None),
        (["Ann", "Bo"], ["Ann", "Bo", "Cy"], None),
        ([], [], None),
    ],
)
def test_the_contacts_before_and_after_say_what_becomes_of_a_number(
    before: Sequence[str], after: Sequence[str], kind: str | None
) -> None:
    assert kinds(held(*before), held(*after)) == ({N: kind} if kind else {})


def test_every_kind_is_counted() -> None:
    assert counts_of(effects(held("Ann"), held("Bo"))) == {**dict.fromkeys(KINDS, 0), "change": 1}


def test_the_names_are_listed_for_each_number_in_order() -> None:
    before = pl.DataFrame([(M, "s", "1", "Ann"), (N, "s", "1", "Ann")], schema=CALLERS, orient="row")
    after = pl.DataFrame([(N, "s", "2", "Cy"), (N, "s", "1", "Bo")], schema=CALLERS, orient="row")
    assert with_names(effects(before, after), before, after).to_dicts() == [
        {"number": N, "kind": "ambiguous", "old": ["Ann"], "new": ["Bo", "Cy"]},
        {"number": M, "kind": "lose", "old": ["Ann"], "new": []},
    ]


Fields = Mapping[str, str | None]


def changes(*rows: tuple[str, str, Fields], before: Mapping[str, object] | None = None) -> pl.DataFrame:
    """Return changes: kind, key and the fields ``Name`` and ``Phone``."""
    was = None if before is None else json.dumps(before)
    return pl.DataFrame(
        [(kind, key, was, fields.get("Name"), fields.get("Phone")) for kind, key, fields in rows],
        schema=dict.fromkeys(("@kind", "@key", "@before", "Name", "Phone"), pl.String),
        orient="row",
    )


def known(sent: Mapping[str, str] | None = None, **fields: Mapping[str, str]) -> pl.DataFrame:
    """Return contacts of the ledger by their keys; ``sent``: what was sent, if the target holds something else."""
    rows = [(key, json.dumps(each), json.dumps(sent or each)) for key, each in fields.items()]
    return pl.DataFrame(rows, schema=dict.fromkeys(("@key", "fields", "sent"), pl.String), orient="row")


ANN = {"Name": "Ann", "Phone": N, "Mobile": M}


def sides_of(
    change: tuple[str, str, Fields],
    before: pl.DataFrame,
    display: str | None = "Name",
    at_target: Mapping[str, object] | None = None,
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    was, now = holders(changes(change, before=at_target), before, PHONES, display)
    assert was.schema == now.schema == pl.Schema(HOLDS)
    return sorted(was.rows()), sorted(now.rows())


def test_a_new_contact_holds_its_numbers() -> None:
    assert sides_of(("create", "a", {"Name": "Ann", "Phone": f"{N};1{M}"}), known()) == (
        [],
        [(N, "a", "Ann"), (M, "a", "Ann")],
    )


def test_a_field_that_a_change_does_not_mention_keeps_its_value() -> None:
    was = [(N, "a", "Ann"), (M, "a", "Ann")]
    assert sides_of(("update", "a", {"Name": "Bo"}), known(a=ANN)) == (was, [(N, "a", "Bo"), (M, "a", "Bo")])
    assert sides_of(("move", "a", {"Phone": ""}), known(a=ANN)) == (was, [(M, "a", "Ann")])
    assert sides_of(("delete", "a", {}), known(a=ANN)) == (was, [])


def test_the_target_makes_of_a_value_what_it_made_of_it_before() -> None:
    there = known(sent={"Name": "ann", "Phone": N}, a={"Name": "Ann", "Phone": N})
    was, now = sides_of(("update", "a", {"Name": "ann"}), there)
    assert was == now == [(N, "a", "Ann")]
    _, now = sides_of(("update", "a", {"Name": "anna"}), there)
    assert now == [(N, "a", "anna")]


def test_an_adopted_contact_is_not_known_before_and_keeps_what_a_person_wrote() -> None:
    there = {"Name": "Bo", "Phone": "2125550199", "Mobile": M}
    assert sides_of(("adopt", "a", {"Phone": N}), known(), at_target=there) == ([], [(N, "a", "Bo"), (M, "a", "Bo")])


def test_without_a_display_field_no_contact_has_a_name() -> None:
    assert sides_of(("update", "a", {"Phone": N}), known(a=ANN), display=None) == (
        [(N, "a", ""), (M, "a", "")],
        [(N, "a", ""), (M, "a", "")],
    )


def rows(*found: tuple[str, ...], schema: Mapping[str, type[pl.DataType]] = HOLDS) -> pl.DataFrame:
    return pl.DataFrame(found, schema=dict(schema), orient="row")


def others(*found: tuple[str, ...], ids: Sequence[int] = ()) -> pl.DataFrame:
    held = rows(*found, schema=CALLERS)
    return held.with_columns(pl.Series("@id", ids or range(1, held.height + 1), dtype=pl.Int64))


def found(*plans: Made) -> dict[str, str]:
    return kinds(*sides(plans))


GIVES = Touched("one", rows((N, "a", "Ann")), rows(), others((N, "two", "b", "Bo")))
TAKES = Touched("two", rows((N, "b", "Bo")), rows((N, "b", "Bo Park")), others((N, "one", "a", "Ann")))


def test_contacts_that_no_plan_changes_count_on_both_sides() -> None:
    assert found(Made(GIVES)) == {N: "resolved"}


def test_a_number_that_moves_between_sources_changes_its_name() -> None:
    gives = Touched("one", rows((N, "a", "Ann")), rows(), others())
    takes = Touched("two", rows(), rows((N, "b", "Bo")), others((N, "one", "a", "Ann")))
    assert found(Made(gives), Made(takes)) == {N: "change"}
    assert (found(Made(gives)), found(Made(takes))) == ({N: "lose"}, {N: "ambiguous"})


def test_a_contact_counts_as_its_own_plan_says_whoever_else_has_seen_it() -> None:
    assert found(Made(GIVES), Made(TAKES)) == {N: "resolved"}
    lasting = Touched("two", rows((N, "b", "Bo")), rows((N, "b", "Bo")), others((N, "one", "a", "Ann")))
    assert found(Made(GIVES), Made(lasting)) == {N: "resolved"}


def test_a_contact_that_another_one_takes_over_is_no_caller_any_more() -> None:
    takes = Touched(
        "one", rows(), rows((N, "a", "Ann")), others((N, "two", "b", "Bo"), (M, "two", "b", "Bo"), ids=[5, 5])
    )
    assert found(Made(takes, ids=pl.Series([5]))) == {N: "change", M: "lose"}
    assert found(Made(takes, ids=pl.Series([6]))) == {N: "ambiguous"}
    # The plan of its own source, which comes later, does not see it at the target any more.
    lets_go = Touched("two", rows(), rows(), others((N, "one", "a", "Ann")))
    assert found(Made(takes, ids=pl.Series([5])), Made(lets_go)) == {N: "change", M: "lose"}


def counts(**numbers: int) -> pl.DataFrame:
    return pl.DataFrame([(name[1:], n) for name, n in numbers.items()], schema=CROWDS, orient="row")


CROWDED = counts(n2125550101=CROWD)


def test_a_crowd_is_several_before_and_after() -> None:
    gives = Touched("one", rows((N, "a", "Ann"), (M, "a", "Ann")), rows(), others(), CROWDED)
    assert found(Made(gives)) == {M: "lose"}


def test_a_crowd_that_another_plan_changes_is_none() -> None:
    takes = Touched("one", rows(), rows((N, "a", "Ann")), others(), CROWDED)
    theirs = rows(*((N, str(key), f"Bo {key}") for key in range(CROWD)))
    exact = Touched("two", theirs, rows(), others((N, "one", "a", "Ann")))
    assert found(Made(takes), Made(exact)) == {N: "resolved"}
    # A later plan has seen what an earlier one gave.
    gives = Touched("two", rows(), theirs, others((N, "one", "a", "Ann")))
    assert found(Made(gives), Made(takes)) == {N: "ambiguous"}
    # Two of the eight stay as they are.
    most = Touched("two", theirs.head(CROWD - 2), rows(), others(), CROWDED)
    assert found(Made(takes), Made(most)) == {}


def test_contacts_that_a_plan_changes_are_no_part_of_a_crowd() -> None:
    seen = counts(n1=CROWD, n2=CROWD + 1)
    assert crowded(seen, pl.Series(["2"]), CROWD).rows() == [("1", CROWD), ("2", CROWD)]
    assert crowded(seen, pl.Series(["1", "2", "2"]), CROWD).is_empty()


def test_a_number_that_its_contact_keeps_does_not_differ() -> None:
    was = rows((N, "a", "Ann"), (M, "a", "Ann"), ("1", "b", "Bo"))
    now = rows((N, "a", "Ann"), ("1", "b", "Bo Park"), ("2", "a", "Ann"))
    assert sorted(differing(was, now)) == ["1", "2", M]


def test_what_an_earlier_plan_has_made_is_not_there_before() -> None:
    first = Touched("one", rows(), rows((N, "a", "Ann")), others())
    then = Touched("two", rows(), rows((N, "b", "Bo")), others((N, "one", "a", "Ann")))
    assert found(Made(first), Made(then)) == {N: "gain"}


def test_a_change_that_was_not_made_leaves_its_contact_as_it_was() -> None:
    nothing = pl.Series([], dtype=pl.String)
    assert found(Made(GIVES, nothing)) == {}
    assert found(Made(GIVES, pl.Series(["a"])), Made(TAKES, nothing)) == {N: "resolved"}
    assert found(Made(GIVES, nothing), Made(TAKES, pl.Series(["b"]))) == {}


def test_a_contact_that_goes_on_under_another_key_counts_once() -> None:
    # One plan has seen the contact under its old key, the other one under its new key.
    gains = Touched("one", rows(), rows((N, "new", "Ann")), others((N, "one", "7", "Cy")), new_keys={"7": "8"})
    also = Touched("two", rows(), rows(), others((N, "one", "8", "Cy")))
    assert found(Made(gains), Made(also)) == {N: "ambiguous"}


def test_other_holders_get_the_names_that_the_ledger_has() -> None:
    who = others((N, "two", "b", ""), (M, "two", "b", "")).drop("name", "@id")
    fields = pl.DataFrame({"@source": ["two"], "@key": ["b"], "fields": [json.dumps(ANN)], "@id": [7]})
    assert others_named(who, fields, "Name").rows() == [(N, "two", "b", "Ann", 7), (M, "two", "b", "Ann", 7)]
    assert others_named(who, fields, None).get_column("name").to_list() == ["", ""]
    assert others_named(who.clear(), fields.clear(), "Name").schema == pl.Schema(OTHERS)
