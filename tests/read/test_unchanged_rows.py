"""Unchanged rows are not mapped again, and the result is the same as if they were."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.core.identity import REPEATED
from syncd.read.unchanged_rows import Recall
from tests.examples import SOAKING, examples
from tests.worlds.world import World, company

ANN, BOB, CY = ("1", "Ann", "2125550101"), ("2", "Bob", "2125550102"), ("3", "Cy", "2125550103")


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of rows of each page that was mapped."""
    from syncd.core.mapping.compiler import Mapping

    heights: list[int] = []
    apply = Mapping.apply

    def counted(self: Mapping, frame: pl.DataFrame, lines: pl.Series) -> pl.DataFrame:
        heights.append(frame.height)
        return apply(self, frame, lines)

    monkeypatch.setattr(Mapping, "apply", counted)
    return heights


def test_only_new_and_edited_rows_are_mapped(world: World, mapped: list[int]) -> None:
    world.write([ANN, BOB, CY])
    world.run()
    world.write([("1", "Ann Lee", "2125550101"), BOB, CY, ("4", "Dee", "2125550104")])
    report = world.run()
    assert mapped == [3, 2]
    assert report.counts["update"] == report.counts["create"] == 1
    assert report.counts["unchanged"] == 2
    assert report.rows == 4


def test_after_an_edit_of_the_mapping_every_row_is_mapped_once_more(world: World, mapped: list[int]) -> None:
    world.write([ANN, BOB])
    world.run()
    world.sources["tenants"]["mapping"]["Name"] = {"from": "name", "trim": False}
    world.run()
    world.write([ANN, BOB, CY])
    world.run()
    assert mapped == [2, 2, 1]


def test_a_row_that_says_something_to_a_person_is_looked_at_every_time(world: World) -> None:
    world.write([ANN, ("2", "Bob", "12")])
    world.run()
    world.write([ANN, ("2", "Bob", "12"), CY])
    assert any("tenants.csv:3" in warning for warning in world.run().warnings)


def test_a_new_row_with_the_key_of_an_unchanged_one_is_invalid(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.write([ANN, BOB, ("2", "Robert", "2125550109")])
    [bad] = world.run().invalid
    assert bad == {"key": "2", "at": "tenants.csv:4", "reason": "duplicate key: tenants.csv:3 has it too, and is used"}


def test_the_first_row_of_a_key_is_used_though_the_later_one_is_unchanged(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    world.write([("2", "Robert", "2125550109"), ANN, BOB])
    report = world.run()
    assert [each["at"] for each in report.invalid] == ["tenants.csv:4"]
    assert world.there()["2"]["Name"] == "Robert"


def test_an_unchanged_row_that_stands_there_twice_is_one_contact(world: World, mapped: list[int]) -> None:
    world.write([ANN, BOB])
    world.run()
    for copies in (2, 3, 2):
        world.write([ANN, *[BOB] * copies])
        report = world.run()
        assert (report.exit_code, report.counts["unchanged"], report.rows) == (0, 2, copies + 1)
        assert report.excluded == [{"reason": REPEATED, "count": copies - 1}]
    assert sum(mapped) == 2


def test_a_repeated_row_is_judged_alike_whether_or_not_it_is_unchanged(world: World) -> None:
    other = ("2", "Robert", "2125550109")
    world.write([ANN, BOB])
    world.run()
    world.write([ANN, BOB, other, other, BOB])
    for full in (False, False, True):
        report = world.run(full=full)
        assert [each["at"] for each in report.invalid] == ["tenants.csv:4"]
        assert report.excluded == [{"reason": REPEATED, "count": 2}]
        assert (report.counts["unchanged"], report.rows) == (2, 5)


def shared(world: World) -> None:
    world.sources["tenants"]["mapping"]["External ID"] = "ref"


def test_an_unchanged_row_that_loses_its_match_value_stays_invalid(world: World) -> None:
    shared(world)
    header = "id,name,phone,ref"
    loser = ("2", "Bob", "2125550102", "b")
    world.write([("1", "Ann", "2125550101", "a"), loser], header=header)
    world.run()
    for name in ("Ann", "Ann Lee", "Ann Diaz"):
        world.write([("1", name, "2125550101", "b"), loser], header=header)
        assert [each["key"] for each in world.run().invalid] == ["2"]


def test_a_canary_among_unchanged_rows_is_seen(world: World) -> None:
    world.sources["tenants"]["canaries"] = ["1"]
    world.write([ANN, BOB, CY])
    world.run()
    world.write([ANN, BOB])
    assert world.run().counts["delete"] == 1


def test_a_contact_that_was_made_to_be_sent_again_is_sent_though_its_row_is_the_same(world: World) -> None:
    world.write([ANN, BOB])
    world.run()
    with world.state() as state:
        state.execute("UPDATE contact SET digest = 0 WHERE key = '1'")
    world.write([ANN, BOB, CY])
    report = world.run()
    assert report.counts["create"] == 1
    assert report.counts["unchanged"] == 2  # the row was mapped, and equals the ledger


CELLS = st.sampled_from(["a", "A", "b", "c"])
NUMBERS = st.sampled_from(["2125550101", "12", "", "2125550102;2125550103"])
KEYS = st.sampled_from(["1", "2", "3", "4", ""])
EXAMPLES = examples(2, 200)
ROWS = st.tuples(KEYS, CELLS, NUMBERS, CELLS)
EDITS = st.lists(st.tuples(st.sampled_from(["tenants", "owners"]), st.integers(0, 5), st.none() | ROWS), max_size=2)


def edited(tables: dict[str, list[Any]], edits: list[tuple[str, int, Any]]) -> None:
    """Apply edits: each one replaces a row, appends one, or removes one."""
    for name, place, row in edits:
        tables[name][place : place + 1] = [] if row is None else [row]


@settings(max_examples=EXAMPLES, deadline=None, derandomize=not SOAKING, suppress_health_check=list(HealthCheck))
@given(
    first=st.lists(ROWS, min_size=3, max_size=6),
    second=st.lists(ROWS, max_size=3),
    steps=st.lists(EDITS, min_size=2, max_size=3),
    policy=st.sampled_from(["first", "hold", "merge_phones"]),
)
def test_what_is_not_looked_at_again_would_have_been_as_it_is(
    first: list[Any], second: list[Any], steps: list[Any], policy: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two sources share match values and have duplicate keys: the plan is the same with and without skipping rows."""
    with company(tmp_path_factory.mktemp("world")) as world:
        shared(world)
        tenants = world.sources["tenants"]
        tenants |= {"shared_match": policy, "deletes": {"at_most": {"share": "100%"}}}
        world.sources["owners"] = json.loads(json.dumps(tenants))
        world.sources["owners"]["options"]["path"] = "owners.csv"
        tables = {"tenants": first, "owners": second}
        for edits in [[], *steps]:
            edited(tables, edits)
            for name, table in tables.items():
                world.write(table, f"{name}.csv", header="id,name,phone,ref")
            for name in tables:
                _seen_alike(world, name)
                world.run(name)


def _seen_alike(world: World, name: str) -> None:
    quick = world.run(name, dry_run=True, full=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recall, "digests", _no_digests)
        slow = world.run(name, dry_run=True, full=True)
    assert _without_time(quick.to_json()) == _without_time(slow.to_json())


def _no_digests(_recall: Recall, page: pl.DataFrame) -> pl.Series:
    return pl.Series("@raw", [None] * page.height, dtype=pl.Int64)


def _without_time(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name not in {"requests", "run"}}


def test_a_recall_of_nothing_recognises_nothing() -> None:
    nothing = pl.DataFrame(schema={"@key": pl.String, "@raw": pl.Int64, "@match": pl.String})
    recall = Recall(lambda: nothing, ("a",), "context")
    digests = recall.digests(pl.DataFrame({"a": ["x", "y"]}))
    assert digests.n_unique() == 2
    assert not recall.recognised(digests).any()
    assert recall.unchanged == 0
