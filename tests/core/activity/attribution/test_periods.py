"""Since when and until when contacts had their numbers, by what the ledger knows now and the changes before."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.activity.attribution.periods import ALIASES, HELD, MADE, MOVES, moves_of, periods_of
from tests.examples import examples

N, M = "2125550101", "2125550102"
NO_MADE = pl.DataFrame(schema=MADE)
NO_ALIASES = pl.DataFrame(schema=ALIASES)
Row = tuple[str, float | None, float | None, bool]


def frame(schema: Any, *rows: tuple[Any, ...]) -> pl.DataFrame:
    return pl.DataFrame([*rows], schema=schema, orient="row")


def held(*rows: tuple[str, float | None]) -> pl.DataFrame:
    return frame(HELD, *(("tenants", key, key, N, since) for key, since in rows))


def moves(*rows: tuple[str, float, bool]) -> pl.DataFrame:
    return frame(MOVES, *((n, "tenants", key, key, N, at, gained) for n, (key, at, gained) in enumerate(rows)))


def found(now: pl.DataFrame, steps: pl.DataFrame) -> list[Row]:
    periods = periods_of(now, steps, NO_MADE, NO_ALIASES, ["tenants"])
    return sorted(periods.select("key", "since", "until", "there").iter_rows(), key=str)


def test_a_contact_has_its_numbers_since_it_was_made() -> None:
    assert found(held(("7", 5.0)), moves()) == [("7", 5.0, None, True)]
    assert found(held(("7", None)), moves()) == [("7", None, None, True)]


def test_a_number_that_came_later_is_there_since_then() -> None:
    assert found(held(("7", 5.0)), moves(("7", 9.0, True))) == [("7", 9.0, None, True)]


def test_a_number_that_moved_was_the_one_contacts_and_is_the_others() -> None:
    steps = moves(("7", 9.0, False), ("3", 9.0, True))
    assert found(held(("3", 5.0)), steps) == [("3", 9.0, None, True), ("7", None, 9.0, False)]


def test_a_number_that_came_and_went_and_came_again() -> None:
    steps = moves(("7", 3.0, True), ("7", 5.0, False), ("7", 8.0, True))
    assert found(held(("7", 1.0)), steps) == [("7", 3.0, 5.0, False), ("7", 8.0, None, True)]


def test_a_number_that_was_there_at_the_first_change_was_there_before() -> None:
    assert found(held(), moves(("7", 5.0, False))) == [("7", None, 5.0, False)]


def test_a_number_that_was_there_when_a_contact_was_made_was_not_there_before() -> None:
    made = frame(MADE, ("tenants", "7", 2.0), ("tenants", "3", 9.0))
    periods = periods_of(held(), moves(("7", 5.0, False), ("3", 6.0, False)), made, NO_ALIASES, ["tenants"])
    assert sorted(periods.select("key", "since", "until").iter_rows()) == [("3", None, 6.0), ("7", 2.0, 5.0)]


def test_what_no_change_tells_of_is_not_made_up() -> None:
    # Gained twice: the loss between them is not known. Lost twice: so is the gain.
    assert found(held(), moves(("7", 3.0, True), ("7", 4.0, True), ("7", 5.0, False))) == [("7", 3.0, 5.0, False)]
    assert found(held(("7", 1.0)), moves(("7", 3.0, False), ("7", 4.0, False))) == [
        ("7", 3.0, None, True),
        ("7", None, 3.0, False),
    ]
    # The ledger does not know the contact, and no change took its number.
    assert found(held(), moves(("7", 3.0, True))) == [("7", 3.0, None, False)]


def test_a_row_of_another_source_for_the_same_person_has_its_numbers() -> None:
    aliases = frame(ALIASES, ("7", "crm", "551"), ("7", "crm", "552"), ("7", "tenants", "8"), ("x", "crm", "9"))
    periods = periods_of(held(("7", 5.0)), moves(), NO_MADE, aliases, ["crm", "tenants"])
    assert sorted(periods.select("source", "key", "match", "since").iter_rows()) == [
        ("crm", "551", "7", 5.0),
        ("tenants", "7", "7", 5.0),
    ]


def test_contacts_that_share_a_number_are_ranked_by_source_and_key() -> None:
    rows = [("web", "1"), ("tenants", "7"), ("crm", "9"), ("tenants", "10"), ("gone", "0")]
    now = frame(HELD, *((source, key, "", N, None) for source, key in rows), ("crm", "1", "", M, None))
    ranked = periods_of(now, moves(), NO_MADE, NO_ALIASES, ["tenants", "crm"]).drop_nulls("rank").sort("rank")
    assert [*ranked.select("source", "key").iter_rows()] == [
        ("tenants", "10"),
        ("tenants", "7"),
        ("crm", "9"),
        ("gone", "0"),
        ("web", "1"),
    ]


# A history that a test plays: at each step a contact is made, gets other numbers, or goes.

_STEPS = st.lists(
    st.tuples(st.sampled_from("abc"), st.none() | st.frozensets(st.sampled_from([N, M]), max_size=2)), max_size=12
)


@settings(max_examples=examples(40, 2_000), deadline=None)
@given(_STEPS, st.integers(0, 8))
def test_the_periods_are_what_happened(steps: list[tuple[str, frozenset[str] | None]], known: int) -> None:
    """``known``: the first step that the history tells of."""
    contacts: dict[str, frozenset[str]] = {}
    made: dict[str, float] = {}
    sides: dict[str, list[tuple[Any, ...]]] = {"before": [], "after": []}
    past = []
    for n, (key, phones) in enumerate(steps):
        # When a contact was created that was never deleted, the ledger says.
        if n >= known and (key in contacts or (key, None) in steps[known:]):
            for side, numbers in (("before", contacts.get(key, ())), ("after", phones or ())):
                sides[side] += [(n, "s", key, key, number, float(n)) for number in numbers]
        if phones is None:
            contacts.pop(key, None)
            made.pop(key, None)
        else:
            made.setdefault(key, float(n))
            contacts[key] = phones
        past.append({(each, number) for each, numbers in contacts.items() for number in numbers})
    schema = {name: kind for name, kind in MOVES.items() if name != "gained"}
    now = frame(HELD, *(("s", key, key, number, made[key]) for key, numbers in contacts.items() for number in numbers))
    changed = moves_of(*(frame(schema, *sides[side]) for side in ("before", "after")))
    changed = changed.sample(fraction=1.0, shuffle=True, seed=1)
    born = frame(MADE, *(("s", key, at) for key, at in made.items()))
    periods = periods_of(now, changed, born, NO_ALIASES, ["s"]).rows(named=True)
    for n, there in enumerate(past):
        if n >= known:
            then = [
                (row["key"], row["number"])
                for row in periods
                if (row["since"] or 0.0) <= n and (row["until"] is None or n < row["until"])
            ]
            assert sorted(then) == sorted(there), n
