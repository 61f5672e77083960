"""The gates: each fires on its own numbers, holds its own part, and opens by exactly its approval."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.columns import DIGEST, KEY, MATCH
from syncd.core.compare import ID, KIND, OLD_MATCH
from syncd.core.gates import Read, gate
from syncd.core.plan import Held, Plan, batches, list_digest
from syncd.core.settings.rules import DeleteLimits, GateRules

SCHEMA = {
    KIND: pl.String,
    KEY: pl.String,
    ID: pl.Int64,
    DIGEST: pl.Int64,
    "@before": pl.String,
    MATCH: pl.String,
    OLD_MATCH: pl.String,
    "Name": pl.String,
}


def changes(**counts: int) -> pl.DataFrame:
    lines = [
        (kind, f"{kind}{n:04}", n, n, None, f"{kind}{n}", f"{kind}{n} before", "x")
        for kind, count in counts.items()
        for n in range(count)
    ]
    return pl.DataFrame(lines, schema=SCHEMA, orient="row")


def planned(found: pl.DataFrame, **options: Any) -> Plan:
    given_ = {
        "read": Read(proved=True, rows=100),
        "rules": GateRules(),
        "known": 100,
        "missing_for": pl.DataFrame(schema={KEY: pl.String, "seconds": pl.Float64}),
        "approved": set(),
        **options,
    }
    return gate(found, **given_)


def emptying(count: int) -> pl.DataFrame:
    """51 updates, so many of which empty the name."""
    found = changes(update=51).with_columns(pl.lit('{"Name": "Ann"}').alias("@before")).with_row_index("@n")
    emptied = pl.when(pl.col("@n") < count).then(pl.lit("")).otherwise(pl.col("Name"))
    return found.with_columns(emptied.alias("Name")).drop("@n")


def gates(plan: Plan) -> list[str]:
    return [held.gate for held in plan.held]


@pytest.mark.parametrize(
    ("deletes", "known", "held"),
    [(5, 6, []), (6, 29, ["deletes.share"]), (6, 30, []), (20, 100, []), (21, 100, ["deletes.share"])],
)
def test_a_share_of_the_ledger_may_be_deleted_and_a_few_always(deletes: int, known: int, held: list[str]) -> None:
    assert gates(planned(changes(delete=deletes), known=known)) == held


def test_the_count_is_a_bar_of_its_own() -> None:
    plan = planned(changes(delete=501), known=100_000)
    assert [(held.gate, held.count) for held in plan.held] == [("deletes.count", 501)]
    assert "501 of 100,000 contacts would be deleted; 500 are allowed" in plan.held[0].detail


def test_the_share_says_its_numbers() -> None:
    [held] = planned(changes(delete=30)).held
    assert held.detail == "30 of 100 contacts (30 %) would be deleted; 20 % is allowed"


def test_an_unproved_read_may_not_delete_and_cannot_be_approved() -> None:
    read = Read(proved=False, rows=9, why="the file changed")
    first = planned(changes(delete=1, create=1), read=read)
    assert gates(first) == ["deletes.unproved"]
    again = planned(changes(delete=1, create=1), read=read, approved={first.held[0].digest})
    assert gates(again) == ["deletes.unproved"]
    assert again.counts()["create"] == 1


def test_an_empty_source_deletes_nothing() -> None:
    assert gates(planned(changes(delete=3), known=3, read=Read(proved=True, rows=0))) == ["deletes.empty"]


def test_empty_and_empty_is_fine() -> None:
    assert planned(changes(), known=0, read=Read(proved=True, rows=0)).held == ()


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (Read(proved=True, rows=9, keyless=1), "deletes.keyless"),
        (Read(proved=True, rows=9, missing=("100042",)), "deletes.canary"),
    ],
)
def test_what_cannot_be_told_from_a_vanished_row_holds_deletes(read: Read, name: str) -> None:
    assert gates(planned(changes(delete=1), read=read)) == [name]


def test_grace_holds_only_those_that_are_missing_for_too_short() -> None:
    rules = GateRules(deletes=DeleteLimits(grace=3600))
    missing = pl.DataFrame({KEY: ["delete0000", "delete0001"], "seconds": [10.0, 4000.0]})
    plan = planned(changes(delete=2), rules=rules, missing_for=missing)
    assert [(held.gate, held.keys) for held in plan.held] == [("deletes.grace", ("delete0000",))]
    assert plan.deletes()[KEY].to_list() == ["delete0001"]


@pytest.mark.parametrize(("known", "held"), [(19, []), (20, ["updates.share"]), (40, [])])
def test_many_updates_wait_where_enough_is_known(known: int, held: list[str]) -> None:
    assert gates(planned(changes(update=15, move=5), known=known)) == held


def test_a_field_that_would_be_emptied_widely_holds_updates() -> None:
    assert "updates.emptied" in gates(planned(emptying(51)))
    assert "updates.emptied" not in gates(planned(emptying(50)))


def test_a_gate_holds_only_its_own_part() -> None:
    plan = planned(changes(create=7, update=3, delete=40))
    assert plan.counts() == {"create": 7, "adopt": 0, "update": 3, "move": 0, "delete": 0}
    assert plan.waiting.height == 40


def test_a_changed_match_field_holds_the_source() -> None:
    plan = planned(changes(create=1, update=1, delete=1), schema_changed="the match fields were A and are now A, B")
    assert gates(plan) == ["schema.match"]
    assert plan.todo.is_empty()


def test_one_approval_opens_every_gate_with_the_same_list_and_no_other() -> None:
    read = Read(proved=True, rows=0)
    first = planned(changes(delete=100), read=read)
    assert gates(first) == ["deletes.empty", "deletes.share"]
    assert len({held.digest for held in first.held}) == 1
    opened = planned(changes(delete=100), read=read, approved={first.held[0].digest})
    assert opened.held == ()
    used = {each.digest for each in opened.opened}
    assert used == {first.held[0].digest}
    assert gates(planned(changes(delete=99), read=read, approved=used)) == ["deletes.empty", "deletes.share"]


def test_the_plan_is_sorted_by_kind_and_key() -> None:
    plan = planned(changes(delete=1, move=1, create=2, update=1).sample(fraction=1, shuffle=True, seed=1))
    assert plan.todo[KIND].to_list() == ["create", "create", "update", "move", "delete"]
    assert plan.todo[KEY].to_list()[:2] == ["create0000", "create0001"]


@given(st.permutations(range(6)))
def test_the_digest_names_the_list_in_any_order(order: list[int]) -> None:
    found = changes(create=3, delete=3)
    assert list_digest(found[order]) == list_digest(found)
    assert list_digest(found.head(5)) != list_digest(found)


@pytest.mark.parametrize(
    ("upserts", "deletes", "moves", "requests"), [(0, 0, 0, 0), (500, 0, 0, 1), (501, 1, 0, 3), (0, 1, 1, 2)]
)
def test_requests_are_counted_by_batches(upserts: int, deletes: int, moves: int, requests: int) -> None:
    plan = planned(changes(create=upserts, delete=deletes, move=moves), known=10_000)
    assert plan.requests() == requests


def test_batches_hold_500_at_most_and_every_change_once() -> None:
    found = list(batches(changes(create=1001)))
    assert [len(batch) for batch in found] == [500, 500, 1]
    assert len({change.key for batch in found for change in batch}) == 1001


@pytest.mark.parametrize("folds", [False, True])
def test_whoever_would_take_the_place_of_a_held_move_waits_to_the_end_of_the_row(folds: bool) -> None:
    count = 5_000
    lines: list[tuple[Any, ...]] = [("move", f"m{n:05}", n, n, None, f"v{n + 1}", f"v{n}", "x") for n in range(count)]
    lines += [("create", "new", None, 1, None, "V0" if folds else "v0", None, "x")]
    lines += [("create", "other", None, 1, None, "w", None, "x")]
    undone = pl.DataFrame({KEY: [f"m{count - 1:05}"], DIGEST: [count - 1]}, schema={KEY: pl.String, DIGEST: pl.Int64})
    plan = planned(pl.DataFrame(lines, schema=SCHEMA, orient="row"), undone=undone, known=0, case_insensitive=folds)
    assert [(held.gate, held.count) for held in plan.held] == [("undone", 1), ("updates.behind", count)]
    assert plan.todo.get_column(KEY).to_list() == ["other"]


@given(
    kinds=st.lists(st.sampled_from(["create", "update", "move", "delete"]), min_size=1, max_size=8),
    undone=st.sets(st.integers(0, 7)),
    rules=st.sampled_from(
        [GateRules(updates_share=0.0, updates_known=0), GateRules(deletes=DeleteLimits(free=0, count=0))]
    ),
    schema_changed=st.sampled_from(["", "a match field was added"]),
)
def test_whoever_approves_what_is_held_again_and_again_has_it_all_done(
    kinds: list[str], undone: set[int], rules: GateRules, schema_changed: str
) -> None:
    lines = [(kind, f"k{n}", n, n, None, f"v{n}", f"was {n}", "x") for n, kind in enumerate(kinds)]
    left = pl.DataFrame(lines, schema=SCHEMA, orient="row")
    back = pl.DataFrame(
        [(f"k{n}", None if kinds[n] == "delete" else n) for n in undone if n < len(kinds)],
        schema={KEY: pl.String, DIGEST: pl.Int64},
        orient="row",
    )
    left = left.with_columns(pl.when(pl.col(KIND) == "delete").then(None).otherwise(DIGEST).alias(DIGEST))
    approved: set[tuple[str, str]] = set()
    for _ in range(3):
        plan = planned(left, rules=rules, undone=back, schema_changed=schema_changed, approved=approved)
        left = plan.waiting
        lists = [*plan.held, *plan.still_approved(plan.todo.get_column(KEY))]
        approved = {(held.gate, held.digest) for held in lists if held.approvable}
    assert left.is_empty()


def test_a_gates_approval_opens_no_other_gate_that_holds_the_same_list() -> None:
    rules = GateRules(deletes=DeleteLimits(free=0, count=0, share=0.0))
    first = planned(changes(delete=3), rules=rules)
    assert gates(first) == ["deletes.count", "deletes.share"]
    assert len({held.digest for held in first.held}) == 1
    again = planned(changes(delete=3), rules=rules, approved={("deletes.count", first.held[0].digest)})
    assert again.todo.is_empty()
    assert planned(changes(delete=3), rules=rules, approved={first.held[0].digest}).held == ()


UNDONE = {KEY: pl.String, DIGEST: pl.Int64}


@pytest.mark.parametrize(
    ("kind", "digest", "waits"),
    [
        ("update", 0, True),
        ("update", 1, False),  # the source has changed since
        ("update", None, False),
        ("delete", None, True),
    ],
)
def test_an_undone_change_waits_if_the_source_asks_for_exactly_the_same(
    kind: str, digest: int | None, waits: bool
) -> None:
    found = changes(**{kind: 1}).with_columns(pl.when(pl.col(KIND) != "delete").then(DIGEST).alias(DIGEST))
    undone = pl.DataFrame([(f"{kind}0000", digest)], schema=UNDONE, orient="row")
    plan = planned(found, undone=undone)
    assert gates(plan) == (["undone"] if waits else [])
    if waits:
        assert plan.held[0].detail == "1 change was undone, and the source still asks for just that"


def test_undone_changes_are_no_concern_of_the_other_gates_until_they_are_approved() -> None:
    found = changes(delete=21).with_columns(pl.lit(None, dtype=pl.Int64).alias(DIGEST))
    undone = pl.DataFrame([("delete0000", None)], schema=UNDONE, orient="row")
    first = planned(found, undone=undone)
    assert [(held.gate, held.count) for held in first.held] == [("undone", 1)]
    again = planned(found, undone=undone, approved={("undone", first.held[0].digest)})
    assert [(held.gate, held.count) for held in again.held] == [("undone", 1), ("deletes.share", 21)]


EMPTY = Read(proved=True, rows=0)
LET_GO: dict[str, tuple[Read, int, list[str]]] = {
    "the source has rows": (Read(proved=True, rows=9), 0, []),
    "the source is empty": (EMPTY, 0, ["deletes.empty"]),
    "the source is empty, and lacks a canary": (
        Read(proved=True, rows=0, missing=("1",)),
        0,
        ["deletes.empty", "deletes.canary"],
    ),
    "the source seems empty": (Read(proved=False, rows=0), 0, ["deletes.unproved"]),
    "a partial read is empty": (Read(proved=True, rows=0, whole=False), 0, []),
    "contacts would be deleted too": (EMPTY, 1, ["deletes.empty"]),
}


@pytest.mark.parametrize(("read", "deletes", "held"), LET_GO.values(), ids=LET_GO)
def test_an_empty_source_lets_no_adopted_contact_go_unasked(read: Read, deletes: int, held: list[str]) -> None:
    adopted = changes(delete=2).with_columns(pl.format("adopted {}", KEY).alias(KEY))
    plan = planned(changes(delete=deletes), read=read, let_go=adopted)
    assert gates(plan) == held
    assert plan.held_count() == (0 if not held else deletes or 2)


def test_an_approval_to_let_contacts_go_is_none_to_delete_them() -> None:
    deletes = changes(delete=2)
    [held] = planned(changes(), read=EMPTY, let_go=deletes).held
    assert gates(planned(deletes, read=EMPTY, approved={held.digest})) == ["deletes.empty"]
    assert planned(changes(), read=EMPTY, let_go=deletes, approved={held.digest}).held == ()


def test_a_list_that_something_else_holds_waits_like_that_of_a_gate() -> None:
    other = Held("another gate", "all", ("create0000",), list_digest(changes(create=1)), "why")
    plan = planned(changes(create=2), also=(other,))
    assert (plan.held, plan.todo.height) == ((other,), 1)
    assert planned(changes(create=2), also=(other,), approved={other.digest}).held == ()


def test_the_gates_of_deletes_say_their_numbers_and_their_remedy_is_an_approval() -> None:
    read = Read(proved=False, rows=0, why="the file changed", keyless=2, missing=("7", "8"))
    plan = planned(changes(delete=6), read=read, known=7, rules=GateRules(deletes=DeleteLimits(count=5)))
    assert {held.gate: held.detail for held in plan.held} == {
        "deletes.unproved": "the read was not proved complete: the file changed",
        "deletes.empty": "the source is empty; 6 of 7 contacts would be deleted",
        "deletes.keyless": "2 rows have no readable key, so who is gone is unknown",
        "deletes.canary": "not in the source: 7, 8 (canaries)",
        "deletes.count": "6 of 7 contacts would be deleted; 5 are allowed",
        "deletes.share": "6 of 7 contacts (85 %) would be deleted; 20 % is allowed",
    }
    assert [held.gate for held in plan.held if not held.approvable] == ["deletes.unproved"]


def test_without_a_known_contact_there_is_no_share() -> None:
    assert gates(planned(changes(delete=6), known=0)) == []


def test_undone_updates_do_not_count_as_emptied() -> None:
    found = emptying(51)
    undone = found.head(30).select(KEY, DIGEST)
    assert gates(planned(found, undone=undone)) == ["undone"]


def test_gates_of_numbers_do_not_count_what_was_undone() -> None:
    undone = pl.DataFrame({KEY: ["update0001"], DIGEST: [1]})
    asked: list[list[str]] = []

    def numbers(going: pl.DataFrame) -> list[Held]:
        asked.append(going[KEY].to_list())
        return []

    planned(changes(update=3), undone=undone, numbers=numbers)
    assert asked == [["update0000", "update0002"]]
