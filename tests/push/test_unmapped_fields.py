"""Values that people write into unmapped fields stay with the contact's key."""

from __future__ import annotations

import json
from typing import Any

import pytest

import syncd.finish.record
import syncd.push.run_plan
from syncd.push.result import PushResult
from syncd.run.session import Session
from tests.worlds.world import World

HEADER = "row,id,name,phone"
ANN, BOB = ("a", "7", "Ann", "2125550101"), ("b", "8", "Bob", "2125550102")
BOTH = pytest.mark.parametrize("update", ["merge", "replace"])
"""Both ways in which a target can treat fields that an update does not mention."""
LOST: dict[str, object] = {"kind": "drop", "method": "POST", "times": None, "done": True}
NOT_DONE: dict[str, object] = LOST | {"done": False}


@pytest.fixture
def keyed(world: World) -> World:
    """The key is a column of its own, so a row can change its match value."""
    world.sources["tenants"] |= {"key": "row", "updates": {"at_most": {"share": "100%"}}}
    return world


def run(world: World, *rows: tuple[str, str, str, str]) -> None:
    world.write(rows, header=HEADER)
    world.run()


def run_in_vain(world: World, fault: dict[str, object], *rows: tuple[str, str, str, str]) -> None:
    """Run while the answers to all calls are lost."""
    world.sandbox.arm(fault)
    world.write(rows, header=HEADER)
    assert world.run().unknown > 0
    world.sandbox.disarm()


def theirs(world: World, id_: str, name: str) -> None:
    """Add a person's contact with a note."""
    world.sandbox.store.add({"External ID": id_, "Name": name, "Note": f"on {name}"})


def write_on(world: World, *names: str, **fields: str) -> None:
    """Write a note on the contacts with these names; on all contacts if no name is given."""
    for number, row in list(world.sandbox.store.rows.items()):
        name = world.sandbox.store.fields.filled(row)["Name"]
        if name in names or not names:
            world.sandbox.store.edit(number, {"Note": f"on {name}", **fields})


def notes(world: World) -> dict[str, tuple[str, str | None]]:
    return {match: (each["Name"], each.get("Note") or None) for match, each in world.there().items()}


@BOTH
@pytest.mark.parametrize("moves", [1, 30])
def test_they_stay_at_a_persons_contact_that_a_row_moves_onto(keyed: World, update: str, moves: int) -> None:
    keyed.sandbox.dialect("update", update)
    keyed.sources["tenants"]["deletes"] = {"adopted": True}
    people = [(f"r{n}", f"{n}", f"T {n}", f"212556{n:04}") for n in range(10, 10 + moves)]
    for _, id_, name, _ in people:
        theirs(keyed, id_, name)
    run(keyed, *people)
    theirs(keyed, "110", "Own")
    run(keyed, *((key, f"1{id_}", name, phone) for key, id_, name, phone in people))
    expected = {f"1{id_}": (name, f"on {name}") for _, id_, name, _ in people} | {"110": ("T 10", "on Own")}
    assert notes(keyed) == expected


@BOTH
def test_they_stay_there_before_it_is_known_what_updates_do(keyed: World, update: str) -> None:
    keyed.sandbox.dialect("update", update)
    run(keyed, ANN)
    theirs(keyed, "8", "Own")
    run(keyed, ("a", "8", *ANN[2:]))
    assert notes(keyed) == {"8": ("Ann", "on Own")}


@BOTH
def test_they_stay_at_a_contact_that_its_row_has_let_go(keyed: World, update: str) -> None:
    keyed.sources["tenants"]["deletes"] = {"adopted": True}
    keyed.sandbox.dialect("update", update)
    theirs(keyed, "7", "Ann")
    theirs(keyed, "8", "Bob")
    run(keyed, ANN, BOB)
    run(keyed, ("a", "8", *ANN[2:]))
    assert notes(keyed) == {"8": ("Ann", "on Bob")}


@BOTH
@pytest.mark.parametrize("moves", [1, 30])
def test_they_go_with_a_contact_that_moves(keyed: World, update: str, moves: int) -> None:
    keyed.sandbox.dialect("update", update)
    people = [(f"r{n}", f"{n}", f"T {n}", f"212556{n:04}") for n in range(10, 10 + moves)]
    run(keyed, *people)
    write_on(keyed)
    run(keyed, *((key, f"1{id_}", name, phone) for key, id_, name, phone in people))
    assert notes(keyed) == {f"1{id_}": (name, f"on {name}") for _, id_, name, _ in people}


@BOTH
@pytest.mark.parametrize("written", [("Ann", "Bob"), ("Bob",)])
def test_they_go_with_contacts_that_swap_what_they_are_known_by(
    keyed: World, update: str, written: tuple[str, ...]
) -> None:
    keyed.sandbox.dialect("update", update)
    run(keyed, ANN, BOB)
    write_on(keyed, *written)
    run(keyed, ("a", "8", *ANN[2:]), ("b", "7", *BOB[2:]))
    assert notes(keyed) == {"8": ("Ann", "on Ann" if "Ann" in written else None), "7": ("Bob", "on Bob")}


@pytest.mark.parametrize("fault", [LOST, NOT_DONE])
@pytest.mark.parametrize("count", [2, 600])
def test_they_go_with_contacts_that_turn_in_a_circle_though_answers_are_lost(
    keyed: World, fault: dict[str, object], count: int
) -> None:
    people = [(f"r{n:03}", f"{n}", f"T {n}", f"212556{n:04}") for n in range(count)]
    run(keyed, *people)
    write_on(keyed)
    turned = [(key, f"{(n + 1) % count}", name, phone) for n, (key, _, name, phone) in enumerate(people)]
    run_in_vain(keyed, {**fault, "after": count // 500}, *turned)
    run(keyed, *turned)
    assert [(match, found) for match, found in notes(keyed).items() if found[1] != f"on {found[0]}"] == []


@BOTH
def test_they_come_back_with_a_contact_that_had_lost_its_place(keyed: World, update: str) -> None:
    keyed.sandbox.dialect("update", update)
    run(keyed, ANN, BOB)
    write_on(keyed)
    ann = ("a", "8", *ANN[2:])
    run(keyed, ann, BOB)
    assert notes(keyed) == {"8": ("Ann", "on Ann")}
    run(keyed, ann, ("b", "9", *BOB[2:]))
    assert notes(keyed) == {"8": ("Ann", "on Ann"), "9": ("Bob", "on Bob")}


def test_they_come_back_with_a_contact_whose_move_the_target_refused(keyed: World) -> None:
    run(keyed, ANN, BOB)
    write_on(keyed)
    ann = ("a", "8", *ANN[2:])
    keyed.sandbox.arm({"kind": "poison", "field": "External ID", "value": "9", "times": None})
    run(keyed, ann, ("b", "9", *BOB[2:]))
    keyed.sandbox.disarm()
    run(keyed, ann, ("b", "10", *BOB[2:]))
    assert notes(keyed) == {"8": ("Ann", "on Ann"), "10": ("Bob", "on Bob")}


def split(world: World) -> None:
    """Move Ann to source ``a``, and Bob to source ``b``."""
    tenants = world.sources.pop("tenants")
    for name in "ab":
        world.sources[name] = {**json.loads(json.dumps(tenants)), "options": {"path": f"{name}.csv", "settle": 0}}


def run_both(world: World, ann: str, bob: str, name: str = "Bob", times: int = 2) -> None:
    """Run both sources, with these match values."""
    world.write([("a", ann, *ANN[2:])], "a.csv", header=HEADER)
    world.write([("b", bob, name, BOB[3])], "b.csv", header=HEADER)
    for _ in range(times):
        world.run_all()


@pytest.mark.parametrize("to", ["9", "7"])
def test_they_go_with_a_contact_whose_place_another_source_takes(keyed: World, to: str) -> None:
    split(keyed)
    run_both(keyed, "7", "8")
    write_on(keyed)
    run_both(keyed, "8", to)
    assert notes(keyed) == {"8": ("Ann", "on Ann"), to: ("Bob", "on Bob")}


@BOTH
def test_they_go_with_another_sources_contact_whose_last_answer_was_lost(keyed: World, update: str) -> None:
    keyed.sandbox.dialect("update", update)
    split(keyed)
    run_both(keyed, "7", "8")
    keyed.write([("b", "8", "Bobby", BOB[3])], "b.csv", header=HEADER)
    keyed.sandbox.arm(LOST)
    keyed.run("b")
    keyed.sandbox.disarm()
    write_on(keyed, "Bobby")
    run_both(keyed, "8", "9", "Bobby", times=3)
    assert notes(keyed) == {"8": ("Ann", None), "9": ("Bobby", "on Bobby")}


def test_they_go_with_a_contact_whose_place_another_source_takes_after_it_was_planned(
    keyed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    split(keyed)
    run_both(keyed, "7", "8")
    write_on(keyed)
    push_plan, first = syncd.push.run_plan.push_plan, ["a"]

    def after_another_run(session: Session, source: str, *plan: Any, **since: Any) -> PushResult:
        if source == "b" and first:
            keyed.run(first.pop())
        return push_plan(session, source, *plan, **since)

    monkeypatch.setattr(syncd.finish.record, "push_plan", after_another_run)
    keyed.write([("a", "8", *ANN[2:])], "a.csv", header=HEADER)
    keyed.write([("b", "9", *BOB[2:])], "b.csv", header=HEADER)
    keyed.run("b")
    run_both(keyed, "8", "9")
    assert notes(keyed) == {"8": ("Ann", "on Ann"), "9": ("Bob", "on Bob")}


@BOTH
@pytest.mark.parametrize("written", [("Ann", "Bob"), ("Bob",)])
def test_they_come_back_to_their_place_when_a_mistake_is_put_right(
    keyed: World, update: str, written: tuple[str, ...]
) -> None:
    """These calls do not show how updates treat unmapped fields; still no newer note is overwritten by an older one."""
    keyed.sandbox.dialect("update", update)
    run(keyed, ANN, BOB)
    write_on(keyed, *written)
    run(keyed, ("a", "8", *ANN[2:]), BOB)
    run(keyed, ANN, BOB)
    assert notes(keyed) == {"7": ("Ann", "on Ann" if "Ann" in written else None), "8": ("Bob", "on Bob")}
    with keyed.state() as state:
        assert state.facts.update_semantics.get() in (None, update)
    if update == "merge":
        write_on(keyed, "Bob", Note="newer")
        run(keyed, ANN, ("b", "8", "Bobby", BOB[3]))
        assert notes(keyed)["8"] == ("Bobby", "newer")


def test_they_come_back_to_their_place_when_a_mistake_of_another_source_is_put_right(keyed: World) -> None:
    split(keyed)
    run_both(keyed, "7", "8")
    write_on(keyed)
    run_both(keyed, "8", "8")
    run_both(keyed, "7", "8", times=3)
    assert notes(keyed) == {"7": ("Ann", "on Ann"), "8": ("Bob", "on Bob")}


@BOTH
@pytest.mark.parametrize("settings", [{"canaries": ["c"]}, {"mode": "upsert"}])
def test_they_stay_at_a_contact_that_was_adopted_though_its_row_may_be_missing(
    keyed: World, update: str, settings: dict[str, object]
) -> None:
    keyed.sandbox.dialect("update", update)
    theirs(keyed, "8", "Bob")
    cy = ("c", "6", "Cy", "2125550103")
    run(keyed, ANN, BOB, cy)
    keyed.sources["tenants"] |= settings
    run(keyed, ("a", "8", *ANN[2:]))
    run(keyed, ("a", "8", *ANN[2:]), cy)
    assert notes(keyed)["8"] == ("Ann", "on Bob")


@BOTH
def test_they_stay_at_a_contact_that_two_rows_become(keyed: World, update: str) -> None:
    keyed.sandbox.dialect("update", update)
    keyed.sources["tenants"]["shared_match"] = "merge_phones"
    run(keyed, ANN, BOB)
    write_on(keyed, "Bob")
    for _ in range(2):
        run(keyed, ("a", "8", *ANN[2:]), BOB)
    assert notes(keyed) == {"8": ("Ann", "on Bob")}


@BOTH
def test_they_are_not_covered_by_older_ones_where_a_person_corrects_the_target_too(keyed: World, update: str) -> None:
    keyed.sandbox.dialect("update", update)
    theirs(keyed, "7", "Ann")
    run(keyed, ANN)
    write_on(keyed, "Ann", Note="newer", **{"External ID": "8"})
    run(keyed, ("a", "8", *ANN[2:]))
    assert notes(keyed) == {"8": ("Ann", "newer")}


@BOTH
def test_they_are_seen_after_an_update_whose_answer_was_lost(keyed: World, update: str) -> None:
    keyed.sandbox.dialect("update", update)
    run(keyed, ANN)
    run_in_vain(keyed, LOST, ("a", "7", "Anna", ANN[3]))
    write_on(keyed)
    run(keyed, ("a", "8", "Anna", ANN[3]))
    assert notes(keyed) == {"8": ("Anna", "on Anna")}


def test_they_are_seen_after_a_move_that_never_arrived(keyed: World) -> None:
    run(keyed, ANN)
    moved = ("a", "8", *ANN[2:])
    run_in_vain(keyed, NOT_DONE, moved)
    write_on(keyed)
    run(keyed, moved)
    assert notes(keyed) == {"8": ("Ann", "on Ann")}


def test_they_are_seen_after_a_lost_move_that_was_taken_back(keyed: World) -> None:
    run(keyed, ANN)
    run_in_vain(keyed, NOT_DONE, ("a", "8", *ANN[2:]))
    run(keyed, ANN)
    write_on(keyed)
    run(keyed, ("a", "9", *ANN[2:]))
    assert notes(keyed) == {"9": ("Ann", "on Ann")}


def test_they_go_with_their_own_contact_where_another_takes_what_a_lost_move_had_made(keyed: World) -> None:
    cy = ("c", "6", "Cy", "2125550103")
    run(keyed, ANN, cy)
    write_on(keyed)
    run_in_vain(keyed, LOST, ANN, ("c", "8", *cy[2:]))
    run(keyed, ("a", "8", *ANN[2:]), ("c", "9", *cy[2:]))
    assert notes(keyed) == {"8": ("Ann", "on Ann"), "9": ("Cy", "on Cy")}


def test_they_are_found_where_a_search_shows_too_many_others_first(keyed: World) -> None:
    others = [(f"m{n}", f"x{n}", f"T {n}", f"212777{n:04}") for n in range(2_200)]
    run(keyed, *others, ("a", "77", "Ann", ""))
    write_on(keyed, "Ann")
    run(keyed, *others, ("a", "78", "Ann", ""))
    assert notes(keyed)["78"] == ("Ann", "on Ann")


@BOTH
def test_they_stay_at_a_persons_contact_that_a_search_shows_too_late(keyed: World, update: str) -> None:
    keyed.sandbox.dialect("update", update)
    others = [(f"m{n}", f"x{n}", f"T {n}", f"212787{n:04}") for n in range(2_200)]
    run(keyed, *others, ("a", "55551", "Ann", ""))
    write_on(keyed, "Ann")
    theirs(keyed, "787", "Own")
    run(keyed, *others, ("a", "787", "Ann", ""))
    assert notes(keyed)["787"] == ("Ann", "on Own")
