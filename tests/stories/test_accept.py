"""``syncd state accept``: the same company, emptied or restored from a backup, goes on with its state."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

import pytest

from syncd.accept import Accepted, accept
from syncd.errors import OtherCompany, SourceBusy
from syncd.run.session import open_session
from tests.worlds.neighbour import neighbour, rotate
from tests.worlds.runs import last_run, undo
from tests.worlds.world import World

PEOPLE = [(str(number), f"Tenant {number}", f"212555{number:04}") for number in range(1, 13)]


@pytest.fixture
def twelve(world: World) -> World:
    """A company with 12 contacts, whose ids are 1 to 12."""
    world.write(PEOPLE)
    world.run()
    return world


def accepted(world: World) -> Accepted:
    with open_session(world.settings(), sleep=lambda _: None) as session:
        return accept(session)


def restore(world: World, contacts: list[Mapping[str, str]], first: int = 101) -> None:
    """Replace the company's contacts; the new ones have ids from ``first``."""
    store = world.sandbox.store
    for number in store.ids().copy():
        store.delete(number)
    store.next_id = first
    store.add_all(contacts)


def of(rows: list[tuple[str, str, str]]) -> list[Mapping[str, str]]:
    return [{"External ID": key, "Name": name, "Phone": phone} for key, name, phone in rows]


def test_a_company_that_was_restored_with_other_ids_is_refused_and_then_goes_on(twelve: World) -> None:
    restore(twelve, of(PEOPLE))
    rotate(twelve)
    with pytest.raises(OtherCompany):
        twelve.run()
    found = accepted(twelve)
    assert (found.known, found.found, found.moved, found.there) == (12, 12, 12, 12)
    twelve.write(PEOPLE[:-1])
    counts = twelve.run().counts
    assert {kind: count for kind, count in counts.items() if count} == {"delete": 1, "unchanged": 11}
    assert len(twelve.there()) == 11


def test_ids_of_before_delete_nothing_any_more(twelve: World) -> None:
    restore(twelve, [{"External ID": f"P{n}", "Name": f"Person {n}"} for n in range(1, 9)] + of(PEOPLE), first=1)
    accepted(twelve)
    twelve.write(PEOPLE[8:])
    twelve.sources["tenants"]["deletes"] = {"at_most": {"count": 100, "share": "100%"}}
    assert twelve.run(full=True).counts["delete"] == 8
    assert sorted(twelve.there()) == sorted([f"P{n}" for n in range(1, 9)] + [key for key, *_ in PEOPLE[8:]])


def test_what_an_older_backup_lacks_is_made_anew(twelve: World) -> None:
    restore(twelve, of([("1", "Tenant 1", "2125550009"), *PEOPLE[1:6]]))
    found = accepted(twelve)
    assert (found.known, found.found) == (12, 6)
    counts = twelve.run().counts
    assert (counts["create"], counts["update"], counts["unchanged"]) == (6, 1, 5)
    assert {fields["Phone"] for fields in twelve.there().values()} == {phone for *_, phone in PEOPLE}


def test_a_contact_of_the_same_match_value_and_another_name_is_a_persons(twelve: World) -> None:
    restore(twelve, [{"External ID": "1", "Name": "Somebody", "Phone": "7185550001"}])
    assert accepted(twelve).found == 0
    counts = twelve.run().counts
    assert (counts["adopt"], counts["create"]) == (1, 11)
    twelve.write(PEOPLE[1:])
    twelve.run()
    assert "1" in twelve.there()


def test_two_contacts_of_one_match_value_are_left_alone(twelve: World) -> None:
    restore(twelve, of([PEOPLE[0], PEOPLE[0], *PEOPLE[1:]]))
    assert accepted(twelve).found == 11
    report = twelve.run()
    assert report.counts["invalid"] == 1


def test_another_company_that_is_accepted_keeps_its_contacts(twelve: World) -> None:
    other = neighbour(twelve)
    with other.behind_the_key():
        accepted(twelve)
        twelve.write(PEOPLE[2:])
        assert twelve.run().counts["create"] == 10
        twelve.write(PEOPLE[3:])
        assert twelve.run().counts["delete"] == 1
        there = dict(other.store.rows)
        assert {number: there[number] for number in other.before} == other.before
        assert len(there) == 29
    assert len(twelve.there()) == 12


def test_calls_of_unknown_outcome_end_with_an_acceptance(twelve: World) -> None:
    twelve.write([PEOPLE[0], ("2", "Changed", "2125550002"), *PEOPLE[2:], ("13", "Tenant 13", "2125550013")])
    twelve.sandbox.arm({"kind": "drop", "method": "POST", "times": None, "done": False})
    twelve.run()
    twelve.sandbox.disarm()
    restore(twelve, of(PEOPLE), first=1)
    accepted(twelve)
    twelve.write([("2", "Changed", "2125550002"), *PEOPLE[2:], ("13", "Tenant 13", "2125550013")])
    counts = twelve.run().counts
    assert (counts["create"], counts["update"], counts["delete"]) == (1, 1, 1)
    assert twelve.there()["2"]["Name"] == "Changed"
    with twelve.state() as state:
        assert state.journal.open_calls() == []


def test_held_lists_and_approvals_end_with_an_acceptance(twelve: World) -> None:
    twelve.write(PEOPLE[:2])
    [held] = twelve.run().held
    with twelve.state() as state:
        state.holds.approve("tenants", held.digest)
    restore(twelve, of(PEOPLE))
    accepted(twelve)
    assert twelve.run().counts["delete"] == 0
    assert len(twelve.there()) == 12


def test_a_run_of_before_cannot_be_undone_on_contacts_that_are_gone(twelve: World) -> None:
    run = last_run(twelve)
    restore(twelve, [{"External ID": f"P{n}", "Name": f"Person {n}"} for n in range(1, 13)], first=1)
    accepted(twelve)
    report = undo(twelve, run)
    assert report.counts["delete"] == 0
    assert len(twelve.there()) == 12


def test_an_accepted_company_needs_no_further_proof(twelve: World) -> None:
    rotate(twelve)
    accepted(twelve)
    twelve.run()
    before = len(twelve.sandbox.requests)
    twelve.run()
    assert len(twelve.sandbox.requests) == before + 1


def test_a_company_whose_match_field_became_another_one_is_accepted(twelve: World) -> None:
    fields = [{"id": 7, "name": "External ID"}, {"id": 8, "name": "Name", "is_match": True}]
    fields += [{"id": 9, "name": "Phone", "is_phone": True}]
    twelve.sandbox.store.set_fields(fields)
    restore(twelve, of(PEOPLE))
    assert accepted(twelve).found == 12
    counts = twelve.run().counts
    assert (counts["unchanged"], counts["held"]) == (12, 0)


def test_nothing_is_accepted_while_a_run_holds_a_source(twelve: World) -> None:
    with twelve.state() as state:
        state.leases.take("tenants", f"{socket.gethostname()}:{os.getpid()}:x", 60)
        with pytest.raises(SourceBusy):
            accepted(twelve)
