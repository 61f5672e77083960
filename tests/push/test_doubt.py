"""Lost answers: syncd finds the contacts that it made, and never deletes a person's contact."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from syncd.target.lookup import FEW
from tests.examples import crossed
from tests.worlds.patience import PATIENCE, until
from tests.worlds.world import FIELDS, World, company

ANN, BOB = ("1", "Ann", "2125550101"), ("2", "Bob", "2125550102")
NEVER_ARRIVES = {"kind": "drop", "method": "POST", "times": None, "done": False}
ROWS = "row,id,name,phone"


THEIRS = [{"Name": "Bob", "Note": "VIP"}, {"Name": "Robert"}, {"Phone": "2125550199"}]


@pytest.mark.parametrize(("theirs", "stays_a_run"), crossed(THEIRS, [False, True]))
def test_a_persons_contact_that_takes_the_place_of_a_lost_create_is_never_deleted(
    world: World, theirs: dict[str, str], stays_a_run: bool
) -> None:
    world.write([ANN])
    world.run()
    world.sandbox.arm(NEVER_ARRIVES)
    world.write([ANN, BOB])
    world.run()
    world.sandbox.disarm()
    world.sandbox.store.add({"External ID": "2", **theirs})
    if stays_a_run:
        assert world.run().exit_code == 0
        assert world.there()["2"]["Name"] == "Bob"
    world.write([ANN])
    world.run()
    world.run()
    assert set(world.there()) == {"1", "2"}


@pytest.mark.parametrize("lost", [FEW, FEW + 1])
def test_a_persons_contact_among_many_lost_creates_is_never_deleted(world: World, lost: int) -> None:
    many = [(str(number), f"T {number}", f"21255502{number}") for number in range(10, 10 + lost)]
    world.write([ANN])
    world.run()
    world.sandbox.arm(NEVER_ARRIVES)
    world.write([ANN, *many])
    world.run()
    world.sandbox.disarm()
    world.sandbox.store.add({"External ID": "12", "Name": "Eve", "Phone": "2125550199"})
    report = world.run()
    assert (report.counts["create"], report.counts["adopt"]) == (lost - 1, 1)
    world.write([ANN, *(row for row in many if row[0] not in ("12", "13"))])
    world.run()
    assert set(world.there()) == {"1", *(row[0] for row in many)} - {"13"}


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[World]:
    """A company that maps all its fields, so that an update overwrites a person's values; Ann is at the target."""
    with company(tmp_path, fields=FIELDS[:3]) as world:
        world.write([ANN])
        world.run()
        yield world


NEW = [(str(number), f"T {number}", f"21255502{number}") for number in range(10, 11 + FEW)]
EVE = {"External ID": "12", "Name": "Eve", "Phone": "2125550199"}


def leave(world: World, *keys: str, others: Sequence[tuple[str, str, str]]) -> None:
    world.write([ANN, *(row for row in others if row[0] not in keys)])
    assert world.run().error is None


def gets(world: World) -> int:
    return len(world.sandbox.requests) - world.writes()


TROUBLE: list[dict[str, Any]] = [{"kind": "status", "status": 503}, {"kind": "html", "status": 502}, {"kind": "drop"}]


@pytest.mark.parametrize(("trouble", "times", "new"), crossed(TROUBLE, [1, 3], [NEW[:4], NEW]))
def test_a_persons_contact_that_a_batch_comes_upon_is_never_deleted_though_it_was_sent_again(
    plain: World, trouble: dict[str, Any], times: int, new: list[tuple[str, str, str]]
) -> None:
    plain.sandbox.store.add(EVE)
    plain.sandbox.arm({**trouble, "method": "POST", "times": times, "done": False})
    plain.write([ANN, *new])
    report = plain.run()
    assert (report.counts["create"], report.counts["adopt"]) == (len(new) - 1, 1)
    leave(plain, "12", "13", others=new)
    assert set(plain.there()) == {"1", *(row[0] for row in new)} - {"13"}


@pytest.mark.parametrize(
    ("dialects", "whole"),
    [
        ({"failed_status": "422", "failed_body": "error", "atomic": "partial"}, None),
        ({"failed_status": "422", "failed_body": "error", "atomic": "all"}, None),
        ({"errors": "none", "errors_summary": "zero", "atomic": "all"}, None),
        ({"errors": "strings", "atomic": "all"}, None),
        ({}, 413),
    ],
    ids=str,
)
def test_a_persons_contact_in_one_batch_with_a_bad_row_is_never_deleted(
    plain: World, dialects: dict[str, str], whole: int | None
) -> None:
    for name, value in dialects.items():
        plain.sandbox.dialect(name, value)
    plain.sandbox.store.add(EVE)
    plain.sandbox.arm({"kind": "poison", "value": "T 10", "whole": whole})
    plain.write([ANN, *NEW[:4]])
    report = plain.run()
    assert report.counts["create"] + report.counts["adopt"] == 3
    leave(plain, "12", others=NEW[:4])
    assert set(plain.there()) == {"1", "11", "12", "13"}


@pytest.mark.parametrize(("kind", "new"), crossed(["drop", "empty", "truncate"], [NEW, NEW[:4]]))
def test_what_a_batch_made_whose_answer_was_lost_is_ours_when_it_was_sent_again(
    plain: World, kind: str, new: list[tuple[str, str, str]]
) -> None:
    plain.sandbox.arm({"kind": kind, "method": "POST", "times": 1, "done": True})
    plain.write([ANN, *new])
    assert plain.run().counts["create"] == len(new)
    leave(plain, "12", others=new)
    assert set(plain.there()) == {"1", *(row[0] for row in new)} - {"12"}


def test_what_is_sent_again_since_the_target_took_two_for_one_is_still_ours(plain: World) -> None:
    plain.sandbox.dialect("match_case", "fold")
    plain.write([ANN, ("a", "T", "2125550202"), ("A", "T", "2125550203")])
    plain.run()
    leave(plain, others=())
    assert set(plain.there()) == {"1"}


@pytest.mark.parametrize(
    "trouble",
    [
        {"kind": "status", "status": 429, "method": "POST", "retry_after": "1"},
        {"kind": "poison", "value": "T 10", "whole": 422},
        {"kind": "poison", "value": "T 10"},
    ],
    ids=str,
)
@pytest.mark.parametrize("errors", ["index0", "strings"])
def test_where_no_answer_was_lost_nothing_is_looked_at(plain: World, trouble: dict[str, Any], errors: str) -> None:
    plain.sandbox.dialect("errors", errors)
    plain.sandbox.arm(trouble)
    before = gets(plain)
    plain.write([ANN, *NEW])
    plain.run()
    assert gets(plain) - before == 1  # the fields


def test_batches_that_one_outage_strikes_are_looked_at_together(plain: World) -> None:
    plain.target |= {"in_flight": 4, "timeout": "60s"}
    plain.sandbox.arm({"kind": "status", "status": 503, "method": "POST", "times": 4})
    plain.sandbox.arm({"kind": "hold", "method": "GET", "path": "/contacts"})
    plain.write([ANN, *((str(number), f"T {number}", f"212556{number:04}") for number in range(10, 2_010))])
    posts, before = plain.posts(), gets(plain)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(plain.run)
        until(lambda: plain.posts() >= posts + 4 and plain.sandbox.holding)
        time.sleep(0.3)  # the other batches begin to wait for the same list
        plain.sandbox.disarm()
        assert run.result(timeout=PATIENCE).counts["create"] == 2_000
    assert gets(plain) - before <= 4  # the fields, the held list, and one list of at most two pages for the rest


def test_what_a_lost_create_made_is_ours_also_when_another_row_takes_it_over(world: World) -> None:
    world.sources["tenants"]["key"] = "row"
    world.sandbox.arm({"kind": "drop", "method": "POST", "times": None, "done": True})
    world.write([("a", "1", "Ann", "2125550101")], header=ROWS)
    world.run()
    world.sandbox.disarm()
    world.write([("b", "1", "Ann", "2125550101"), ("c", "2", "Bob", "2125550102")], header=ROWS)
    world.run()
    world.write([("c", "2", "Bob", "2125550102")], header=ROWS)
    world.run()
    assert set(world.there()) == {"2"}


def test_what_a_lost_create_made_is_ours_also_when_another_contact_moves_there(world: World) -> None:
    world.sources["tenants"]["key"] = "row"
    ann, bob = ("a", "1", "Ann", "2125550101"), ("b", "2", "Bob", "2125550102")
    world.write([ann], header=ROWS)
    world.run()
    world.sandbox.arm({"kind": "drop", "method": "POST", "times": None, "done": True})
    world.write([ann, bob], header=ROWS)
    world.run()
    world.sandbox.disarm()
    world.write([("a", "2", "Ann", "2125550101"), ("b", "1", "Bob", "2125550102")], header=ROWS)
    world.run()
    world.write([("b", "1", "Bob", "2125550102")], header=ROWS)
    world.run()
    assert set(world.there()) == {"1"}


def test_what_two_lost_calls_made_and_changed_is_found_when_its_row_leaves(world: World) -> None:
    world.write([ANN])
    world.run()
    world.sandbox.arm({"kind": "drop", "method": "POST", "times": None, "done": True})
    for name in ("Bob", "Robert"):
        world.write([ANN, ("2", name, "2125550102")])
        world.run(full=True)
        world.sandbox.store.add({"External ID": f"X{name}"})
    world.sandbox.disarm()
    world.write([ANN])
    world.run()
    assert set(world.there()) == {"1", "XBob", "XRobert"}


def test_a_lost_create_that_the_list_does_not_show_yet_is_found_later(world: World) -> None:
    world.write([ANN])
    world.run()
    world.sandbox.dialect("read_lag", "1000")
    world.sandbox.arm({"kind": "drop", "method": "POST", "times": None, "done": True})
    world.write([ANN, BOB])
    world.run()
    world.sandbox.disarm()
    world.write([ANN])
    for _ in range(2):
        report = world.run()
        assert (report.exit_code, report.unknown, report.counts["delete"]) == (4, 1, 0)
        assert set(world.there()) == {"1", "2"}
    world.sandbox.dialect("read_lag", "0")
    assert world.run().exit_code == 0
    assert set(world.there()) == {"1"}


def test_what_a_lost_move_may_have_left_unseen_is_told_until_it_is_found(world: World) -> None:
    world.sources["tenants"]["key"] = "row"
    world.write([("a", "1", "Ann", "2125550101")], header=ROWS)
    world.run()
    world.sandbox.dialect("read_lag", "1000")
    world.sandbox.arm({"kind": "drop", "method": "POST", "times": None, "done": True})
    world.write([("a", "2", "Ann", "2125550101")], header=ROWS)
    world.run()
    world.sandbox.disarm()
    world.write([("a", "1", "Ann", "2125550101")], header=ROWS)
    report = world.run()
    assert (report.exit_code, report.unknown) == (4, 1)
    world.sandbox.dialect("read_lag", "0")
    assert world.run().exit_code == 0
    assert set(world.there()) == {"1"}
