"""Whose a contact is when an answer was lost, and what of it must survive: people's contacts, and people's fields."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from syncd.errors import TargetUnavailable
from syncd.push import deletes as removing
from syncd.state import State
from syncd.target.lookup import FEW
from tests.shell.world import FIELDS, World, company

ANN, BOB = ("1", "Ann", "2125550101"), ("2", "Bob", "2125550102")
NEVER_ARRIVES = {"kind": "drop", "method": "POST", "times": None, "done": False}
ROWS = "row,id,name,phone"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with company(tmp_path) as made:
        yield made


def two_sources(world: World) -> None:
    world.sources["owners"] = {**world.sources["tenants"], "options": {"path": "owners.csv", "settle": 0}}


@pytest.mark.parametrize("theirs", [{"Name": "Bob", "Note": "VIP"}, {"Name": "Robert"}, {"Phone": "2125550199"}])
@pytest.mark.parametrize("stays_a_run", [False, True])
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
    assert world.run().counts["create"] == lost
    world.write([ANN, *(row for row in many if row[0] not in ("12", "13"))])
    world.run()
    assert set(world.there()) == {"1", *(row[0] for row in many)} - {"13"}


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[World]:
    """A company all of whose fields are mapped, so that nothing a person wrote outlives an update; Ann is there."""
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


@pytest.mark.parametrize("new", [NEW[:4], NEW], ids=len)
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize(
    "trouble", [{"kind": "status", "status": 503}, {"kind": "html", "status": 502}, {"kind": "drop"}]
)
def test_a_persons_contact_that_a_batch_comes_upon_is_never_deleted_though_it_was_sent_again(
    plain: World, trouble: dict[str, Any], times: int, new: list[tuple[str, str, str]]
) -> None:
    plain.sandbox.store.add(EVE)
    plain.sandbox.arm({**trouble, "method": "POST", "times": times, "done": False})
    plain.write([ANN, *new])
    assert plain.run().counts["create"] == len(new)
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
    assert plain.run().counts["create"] == 3
    leave(plain, "12", others=NEW[:4])
    assert set(plain.there()) == {"1", "11", "12", "13"}


@pytest.mark.parametrize("new", [NEW[:4], NEW], ids=len)
@pytest.mark.parametrize("kind", ["drop", "empty", "truncate"])
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
    plain.write([ANN, *((str(number), f"T {number}", "2125550200") for number in range(10, 2_010))])
    posts, before = plain.posts(), gets(plain)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(plain.run)
        until = time.monotonic() + 20
        while plain.posts() < posts + 4 or not plain.sandbox.holding:
            assert time.monotonic() < until, "no list was begun"
            time.sleep(0.01)
        time.sleep(0.2)  # the others come to wait for it
        plain.sandbox.disarm()
        assert run.result(timeout=60).counts["create"] == 2_000
    assert gets(plain) - before <= 4  # the fields, the list that was held, and one of one or two pages for all others


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


@pytest.mark.parametrize(("after", "done"), [(0, True), (1, False), (1, True)])
def test_a_run_that_ends_between_the_first_update_and_what_it_restores_loses_no_field(
    world: World, after: int, done: bool
) -> None:
    world.sandbox.dialect("update", "replace")
    world.sandbox.store.add({"External ID": "1", "Name": "Old", "Note": "VIP"})
    world.write([ANN])
    world.sandbox.arm({"kind": "drop", "method": "POST", "after": after, "times": None, "done": done})
    world.run()
    world.sandbox.disarm()
    assert world.run().exit_code == 0
    assert world.there()["1"] == {"External ID": "1", "Name": "Ann", "Phone": "2125550101", "Note": "VIP"}
    assert world.run().counts["update"] == 0


def test_a_contact_that_one_source_released_keeps_its_other_fields_when_another_takes_it(world: World) -> None:
    world.sandbox.dialect("update", "replace")
    world.sandbox.store.add({"External ID": "1", "Name": "Old", "Note": "VIP"})
    two_sources(world)
    world.write([ANN, BOB])
    world.write([("3", "Cy", "2125550103")], "owners.csv")
    world.run_all()
    world.write([BOB])
    world.run_all()
    world.write([("3", "Cy", "2125550103"), ANN], "owners.csv")
    world.run_all()
    assert world.there()["1"]["Note"] == "VIP"


def test_a_persons_contact_keeps_its_other_fields_when_a_row_comes_to_speak_of_it(world: World) -> None:
    world.sandbox.dialect("update", "replace")
    world.sandbox.store.add({"External ID": "1", "Name": "Old", "Note": "VIP"})
    world.write([ANN])
    world.run()
    world.sandbox.store.add({"External ID": "2", "Name": "Robert", "Note": "the plumber"})
    world.write([ANN, BOB])
    assert world.run().counts["adopt"] == 1
    assert world.there()["2"] == {"External ID": "2", "Name": "Bob", "Phone": "2125550102", "Note": "the plumber"}


@pytest.mark.parametrize("bad", [("b", "7", "Ann", "x12"), ("b", "", "Ann", "2125550102")])
def test_a_merged_contact_keeps_the_numbers_of_a_row_that_becomes_unusable(
    world: World, bad: tuple[str, str, str, str]
) -> None:
    world.sources["tenants"] |= {"shared_match": "merge_phones", "key": "row", "phones": {"invalid": "reject"}}
    world.write([("a", "7", "Ann", "2125550101"), ("b", "7", "Ann", "2125550102")], header=ROWS)
    world.run()
    world.write([("a", "7", "Ann B", "2125550101"), bad], header=ROWS)
    report = world.run()
    assert {each["key"] for each in report.invalid} == {"a", "b"}
    assert world.there()["7"]["Phone"] == "2125550101;2125550102"
    world.write([("a", "7", "Ann B", "2125550101")], header=ROWS)
    assert world.run().exit_code == 0
    assert world.there()["7"] == {"External ID": "7", "Name": "Ann B", "Phone": "2125550101"}


RENAMED: list[dict[str, Any]] = [
    {"id": 1, "name": "External ID", "is_match": True},
    {"id": 2, "name": "Full name"},
    {"id": 3, "name": "Phone", "is_phone": True},
    {"id": 4, "name": "Remark"},
]


@pytest.mark.parametrize("kind", ["update", "move"])
def test_fields_that_are_renamed_at_the_target_keep_their_values(world: World, kind: str) -> None:
    world.sandbox.dialect("update", "replace")
    world.sandbox.dialect("unknown_field", "error")
    world.sources["tenants"]["key"] = "row"
    world.sandbox.store.add({"External ID": "1", "Name": "Old", "Note": "VIP"})
    world.write([("a", "1", "Ann", "2125550101")], header=ROWS)
    world.run()
    world.sandbox.store.set_fields(RENAMED)
    assert "'Name'" in str(world.run().error)
    world.sources["tenants"]["mapping"] = {"External ID": "id", "Full name": "name", "Phone": ["phone"]}
    world.write([("a", "1" if kind == "update" else "9", "Ann B", "2125550101")], header=ROWS)
    report = world.run()
    assert (report.exit_code, report.counts[kind]) == (0, 1)
    assert [(fields["Full name"], fields["Remark"]) for fields in world.there().values()] == [("Ann B", "VIP")]
    world.write([("a", "1", "Ann C", "2125550101")], header=ROWS)
    world.run()
    assert [(fields["Full name"], fields["Remark"]) for fields in world.there().values()] == [("Ann C", "VIP")]


def test_deletes_without_an_effect_are_noticed_and_stop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removing, "LOOKS", ())
    world.sandbox.dialect("delete_body", "lost")
    world.sandbox.dialect("delete_empty", "noop")
    world.write([ANN, BOB])
    world.run()
    world.write([BOB])
    for _ in range(2):
        report = world.run()
        assert isinstance(report.error, TargetUnavailable)
        assert "still lists it" in str(report.error)
        assert (report.exit_code, report.counts["delete"]) == (4, 0)
        assert set(world.there()) == {"1", "2"}
    world.sandbox.dialect("delete_body", "read")
    assert world.run().counts["delete"] == 1
    assert set(world.there()) == {"2"}


def test_that_deletes_have_an_effect_is_looked_at_once(world: World) -> None:
    world.write([ANN, BOB, ("3", "Cy", "2125550103")])
    world.run()
    for rows, requests in (([ANN, BOB], 3), ([ANN], 2)):  # the fields, the delete, and once a look
        before = len(world.sandbox.requests)
        world.write(rows)
        world.run()
        assert len(world.sandbox.requests) - before == requests


def test_where_the_target_folds_case_letters_that_have_no_single_lower_case_are_one_too(world: World) -> None:
    world.sandbox.dialect("match_case", "fold")
    world.write([("STRASSE 1", "Ann", "2125550101"), ("Straße 1", "Bob", "2125550102")])
    world.run()
    posts = world.posts()
    report = world.run(full=True)
    assert [each["key"] for each in report.invalid] == ["Straße 1"]
    assert world.posts() == posts
    with State(world.folder / "syncd.db", read_only=True) as state:
        assert state.ledger.rejected("tenants") == []


def test_a_field_that_becomes_a_match_field_moves_no_contact_whose_row_is_as_it_was(world: World) -> None:
    world.sources["tenants"]["key"] = "row"
    world.sandbox.store.add({"External ID": "1", "Name": "Old", "Note": "VIP"})
    world.write([("a", "1", "Ann", "2125550101")], header=ROWS)
    world.run()
    world.sandbox.store.edit(1, {"Note": "very important"})
    world.sandbox.store.set_fields(
        [{**field, "is_match": field["name"] in ("External ID", "Name")} for field in FIELDS]
    )
    world.write([("a", "1", "Ann", "2125550109")], header=ROWS)
    [held] = world.run().held
    with State(world.folder / "syncd.db") as state:
        state.holds.approve("tenants", held.digest)
    report = world.run()
    assert (report.counts["update"], report.counts["move"]) == (1, 0)
    assert world.there()["1"] == {
        "External ID": "1",
        "Name": "Ann",
        "Phone": "2125550109",
        "Note": "very important",
    }
    world.write([("a", "1", "Ann", "2125550108")], header=ROWS)
    assert world.run().counts["update"] == 1
    assert world.there()["1"]["Note"] == "very important"


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


def test_until_it_is_known_what_an_update_does_a_persons_contact_is_looked_at_before_a_new_row_covers_it(
    world: World,
) -> None:
    world.sandbox.dialect("update", "replace")
    world.write([ANN])
    world.run()
    world.sandbox.store.add({"External ID": "2", "Name": "Robert", "Note": "the plumber"})
    world.write([ANN, BOB])
    before = len(world.sandbox.requests)
    assert world.run().counts["adopt"] == 1
    assert world.there()["2"] == {"External ID": "2", "Name": "Bob", "Phone": "2125550102", "Note": "the plumber"}
    assert len(world.sandbox.requests) - before == 4  # the fields, one search, the update, and what it took away


def test_once_an_update_is_known_to_keep_fields_nobody_is_looked_for(world: World) -> None:
    world.sandbox.store.add({"External ID": "1", "Name": "Old", "Note": "VIP"})
    world.write([ANN])
    world.run()
    world.write([ANN, BOB])
    before = len(world.sandbox.requests)
    assert world.run().counts["create"] == 1
    assert len(world.sandbox.requests) - before == 2


def test_looking_for_new_rows_takes_no_more_requests_than_listing_would_or_than_there_are_rows(world: World) -> None:
    world.write([ANN])
    world.run()
    many = [(str(number), "Cy", "2125550103") for number in range(2, 40)]
    world.sandbox.store.add({"External ID": "30", "Name": "Robert", "Note": "the plumber"})
    world.sandbox.dialect("update", "replace")
    world.write([ANN, *many])
    before = len(world.sandbox.requests)
    assert world.run().counts["adopt"] == 1
    assert world.there()["30"]["Note"] == "the plumber"
    assert len(world.sandbox.requests) - before == 5  # the fields, the list, the update, what it took away, the others
