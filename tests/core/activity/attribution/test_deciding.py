"""Whose calls are, by the numbers that contacts have and had: as a table, and against a model that looks one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.activity.attribution import deciding
from syncd.core.activity.attribution.deciding import ASKED, MOST, Rules, decide
from syncd.core.activity.attribution.periods import ALIASES, HELD, MADE, MOVES, periods_of
from syncd.core.settings.sinks import Shared
from tests.examples import examples

N = "2125550101"
SOURCES = ["crm", "tenants"]
RULES = Rules("first", late=50.0, horizon=100.0, now=300.0)
EMPTY = pl.DataFrame(schema=MOVES)


class Had(NamedTuple):
    """A contact had a number. Times are small numbers of seconds."""

    key: str
    since: float | None = None
    until: float | None = None
    source: str = "tenants"
    match: str = ""
    number: str = N


def periods(*rows: Had) -> pl.DataFrame:
    held = [(row.source, row.key, row.match, row.number, row.since) for row in rows if row.until is None]
    ended = [row for row in rows if row.until is not None]
    steps: list[tuple[Any, ...]] = []
    for row in ended:
        who = (row.source, row.key, row.match, row.number)
        steps += [(len(steps), *who, row.since, True)] if row.since is not None else []
        steps.append((len(steps), *who, row.until, False))
    made = (pl.DataFrame(held, schema=HELD, orient="row"), pl.DataFrame(steps, schema=MOVES, orient="row"))
    return periods_of(*made, pl.DataFrame(schema=MADE), pl.DataFrame(schema=ALIASES), SOURCES)


def decided(
    at: float, *rows: Had, number: str | None = N, unknown: bool = False, direction: str = "incoming", **rules: Any
) -> tuple[str, str | None, list[str]]:
    """Return outcome, as of when, and the keys of the contacts."""
    asked = pl.DataFrame([(number, direction, at, unknown)], schema=ASKED, orient="row")
    known = periods(*rows)
    [row] = decide(asked, known, {"2125550100"}, Rules(**{**vars_of(RULES), **rules})).rows(named=True)
    keys = known["key"]
    return row["outcome"], row["as_of"], [keys[place] for place in row["contacts"]]


def vars_of(rules: Rules) -> dict[str, Any]:
    return {name: getattr(rules, name) for name in ("shared", "late", "horizon", "now")}


@pytest.mark.parametrize(
    ("at", "rows", "outcome"),
    [
        (200.0, [], ("unknown", None, [])),
        (200.0, [Had("7")], ("matched", "call", ["7"])),
        (200.0, [Had("7", since=200.0)], ("matched", "call", ["7"])),
        (200.0, [Had("7", until=200.0)], ("unknown", None, [])),
        (200.0, [Had("7", until=201.0)], ("matched", "call", ["7"])),
        (200.0, [Had("7", since=250.0)], ("matched", "late", ["7"])),
        (200.0, [Had("7", since=251.0)], ("unknown", None, [])),
        (200.0, [Had("7", since=210.0, until=220.0)], ("unknown", None, [])),
        (200.0, [Had("7", until=150.0), Had("3", since=210.0)], ("matched", "late", ["3"])),
        (200.0, [Had("7", until=210.0), Had("3", since=210.0)], ("matched", "call", ["7"])),
        (99.0, [Had("7", until=210.0), Had("3", since=210.0)], ("matched", "now", ["3"])),
        (99.0, [Had("7", since=299.0)], ("matched", "now", ["7"])),
        (99.0, [Had("7", until=210.0)], ("unknown", None, [])),
        (200.0, [Had("7"), Had("3")], ("shared", "call", ["3"])),
        (200.0, [Had("7"), Had("9", source="crm")], ("shared", "call", ["9"])),
        (200.0, [Had("7"), Had("1", since=210.0)], ("matched", "call", ["7"])),
        (200.0, [Had("7", match="m"), Had("9", source="crm", match="m")], ("matched", "call", ["9", "7"])),
        (200.0, [Had("7", match="m"), Had("9", source="crm", match="n")], ("shared", "call", ["9"])),
        (200.0, [Had("7", until=150.0), Had("7", since=180.0)], ("matched", "call", ["7"])),
    ],
)
def test_who_had_the_number(at: float, rows: list[Had], outcome: tuple[str, str | None, list[str]]) -> None:
    assert decided(at, *rows) == outcome
    assert decided(at, *reversed(rows)) == outcome


@pytest.mark.parametrize(
    ("number", "direction", "outcome"),
    [
        (None, "incoming", "withheld"),
        ("", "incoming", "withheld"),
        ("101", "incoming", "internal"),
        ("123456", "incoming", "internal"),
        ("2125550100", "incoming", "internal"),
        (N, "internal", "internal"),
        (None, "internal", "internal"),
        (N, "outgoing", "matched"),
    ],
)
def test_numbers_that_are_looked_for_at_no_contact(number: str | None, direction: str, outcome: str) -> None:
    rows = [Had("7", number=each) for each in ("101", "123456", "2125550100", N)]
    assert decided(200.0, *rows, number=number, direction=direction)[0] == outcome


def test_what_nobody_had_at_first_came_late() -> None:
    assert decided(99.0, Had("7", since=120.0), unknown=True) == ("matched", "late", ["7"])
    assert decided(200.0, Had("7", since=150.0), unknown=True) == ("matched", "call", ["7"])


def test_a_number_of_a_switchboard_names_the_first_contacts() -> None:
    rows = [Had(f"{key:04}") for key in range(MOST + 20)]
    assert decided(200.0, *rows, shared="all") == ("shared", "call", [row.key for row in rows[:MOST]])
    assert decided(200.0, *rows) == ("shared", "call", ["0000"])


def test_many_calls_of_a_switchboard_are_decided_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "_PAIRS", 25)
    asked = pl.DataFrame([(N, "incoming", 200.0, False)] * 30, schema=ASKED, orient="row")
    known = periods(*(Had(f"{key:04}") for key in range(10)))
    found = decide(asked, known, (), RULES)
    assert found.height == 30
    assert found["outcome"].unique().to_list() == ["shared"]
    assert found["candidates"].list.len().unique().to_list() == [10]


# A model that looks at one activity after the other.

_TIMES = st.none() | st.integers(80, 300).map(float)
_HAD = st.builds(
    Had,
    st.sampled_from(["1", "2", "3"]),
    _TIMES,
    _TIMES,
    st.sampled_from(SOURCES),
    st.sampled_from(["", "m", "n"]),
    st.sampled_from([N, "2125550102", "101", "2125550100"]),
)


def _sound(rows: Sequence[Had]) -> list[Had]:
    """Leave out periods without time, and second ones of one contact and number."""
    once = {(row.source, row.key, row.number): row for row in rows}
    return [row for row in once.values() if row.until is None or row.until > (row.since or 0.0)]


def model(number: str | None, at: float, unknown: bool, rows: Sequence[Had], rules: Rules) -> tuple[str, set[str]]:
    """Return outcome and contacts of one incoming call."""
    if not number:
        return "withheld", set()
    if len(number) <= 6 or number == "2125550100":
        return "internal", set()
    mine = [row for row in rows if row.number == number]
    now = [row for row in mine if row.until is None]
    if at < rules.horizon:
        found = now
    else:
        found = [row for row in mine if (row.since or 0) <= at and (row.until is None or at < row.until)]
        found = found or [row for row in now if row.since and at < row.since <= at + rules.late]
    found.sort(key=lambda row: (SOURCES.index(row.source), row.key))
    persons = {row.match or f"{row.source}{row.key}" for row in found}
    first = [row for row in found if (row.match and row.match == found[0].match) or row == found[0]]
    whose = {"first": first, "all": found}.get(rules.shared, []) if len(persons) > 1 else found
    outcome = "unknown" if not found else "shared" if len(persons) > 1 else "matched"
    return outcome, {f"{row.source} {row.key}" for row in whose}


@settings(max_examples=examples(40, 2_000), deadline=None)
@given(
    st.lists(_HAD, max_size=7).map(_sound),
    st.lists(
        st.tuples(
            st.sampled_from([N, "2125550102", "101", "2125550100", None]),
            st.just("incoming"),
            st.integers(80, 300).map(float),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["first", "all", "none", "hold"]),
    st.randoms(use_true_random=False),
)
def test_many_at_once_are_decided_as_one_by_one_in_any_order(
    rows: list[Had], asked: list[tuple[str | None, str, float, bool]], shared: Shared, chance: Any
) -> None:
    rules = Rules(shared, late=50.0, horizon=100.0, now=300.0)
    for _ in range(2):
        chance.shuffle(rows)
        chance.shuffle(asked)
        known = periods(*rows).sample(fraction=1.0, shuffle=True, seed=chance.randrange(1000))
        found = decide(pl.DataFrame(asked, schema=ASKED, orient="row"), known, ["2125550100"], rules)
        names = known.select(pl.format("{} {}", "source", "key")).to_series()
        said = [(row["outcome"], {names[place] for place in row["contacts"]}) for row in found.rows(named=True)]
        assert said == [model(number, at, unknown, rows, rules) for number, _, at, unknown in asked]
