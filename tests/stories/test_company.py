"""A state file belongs to a company: nothing is sent to another one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from syncd.errors import OtherCompany, TargetUnavailable
from syncd.explain import explain
from syncd.push.run_plan import push_plan
from syncd.run.session import open_session
from syncd.sandbox.server import Sandbox
from syncd.target.lookup import Index
from tests.worlds import drift
from tests.worlds.neighbour import neighbour, rotate
from tests.worlds.runs import undo
from tests.worlds.world import FIELDS, World

PEOPLE = [(str(number), f"Tenant {number}", f"212555{number:04}") for number in range(1, 13)]
CHANGED = [("1", "Another Name", "2125550001"), *PEOPLE[1:7], *PEOPLE[8:]]

PROOF = 9
"""The most requests that a proof takes."""


@pytest.fixture
def twelve(world: World) -> World:
    """A company with 12 contacts, whose ids are 1 to 12; since the run one row has changed and one has left."""
    world.write(PEOPLE)
    world.run()
    world.write(CHANGED)
    return world


def requests(world: World, work: Callable[[], object]) -> int:
    before = len(world.sandbox.requests)
    work()
    return len(world.sandbox.requests) - before


def ledger(world: World) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(world.folder / "syncd.db")) as connection:
        rows = connection.execute(
            "SELECT source, key, remote_id, status, match, fields, digest FROM contact"
        ).fetchall()
        return [*rows, *connection.execute("SELECT id, outcome FROM change").fetchall()]


def look(world: World) -> None:
    settings = world.settings()
    with open_session(settings, dry_run=True, sleep=lambda _: None) as session:
        explain(session, settings.sources["tenants"], "1")


COMMANDS: dict[str, Callable[[World], object]] = {
    "run": World.run,
    "run --full": lambda world: world.run(full=True),
    "run --dry-run": lambda world: world.run(dry_run=True),
    "reconcile": drift.compare,
    "reconcile --repair": lambda world: drift.compare(world, repair=True),
    "undo": undo,
    "undo --dry-run": lambda world: undo(world, dry_run=True),
    "explain": look,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_sends_anything_to_another_company(twelve: World, command: str) -> None:
    other, known, writes = neighbour(twelve), ledger(twelve), twelve.writes()
    with other.behind_the_key(), pytest.raises(OtherCompany) as caught:
        COMMANDS[command](twelve)
    assert caught.value.exit_code == 3
    assert other.is_untouched
    assert twelve.writes() == writes
    assert ledger(twelve) == known


def test_the_message_names_both_ways_out(twelve: World) -> None:
    with neighbour(twelve).behind_the_key(), pytest.raises(OtherCompany) as caught:
        twelve.run()
    assert "set state: to another file" in str(caught.value)
    assert "syncd state accept" in str(caught.value)
    assert "the key" in str(caught.value)


def test_the_first_key_goes_on_as_if_nothing_had_been(twelve: World) -> None:
    with neighbour(twelve).behind_the_key(), pytest.raises(OtherCompany):
        twelve.run()
    counts = twelve.run().counts
    assert (counts["update"], counts["delete"]) == (1, 1)


OTHERS = {
    "an empty one": [],
    "the same customers' numbers": [
        {"External ID": str(n), "Name": f"Other {n}", "Phone": f"718555{n:04}"} for n in range(1, 21)
    ],
    "the same people with other ids": [{"External ID": "0", "Name": "First"}]
    + [{"External ID": key, "Name": name, "Phone": phone} for key, name, phone in PEOPLE],
    "more than one page": [{"External ID": f"B{n}", "Name": f"Neighbour {n}"} for n in range(1, 700)],
}


@pytest.mark.parametrize("contacts", OTHERS.values(), ids=OTHERS)
def test_another_company_is_known_by_its_contacts(twelve: World, contacts: list[dict[str, str]]) -> None:
    other = neighbour(twelve, contacts)
    with other.behind_the_key(), pytest.raises(OtherCompany):
        assert requests(twelve, twelve.run) <= 1 + PROOF
    assert other.is_untouched


def test_another_company_has_other_fields(twelve: World) -> None:
    fields = [{"id": 7, "name": "Company", "is_match": True}, {"id": 8, "name": "Phone", "is_phone": True}]
    other = neighbour(twelve, [{"Company": "Tenant 1", "Phone": "2125550001"}], fields)
    with other.behind_the_key(), pytest.raises(OtherCompany):
        twelve.run()
    assert twelve.run().counts["update"] == 1


def test_another_company_at_another_address_is_refused(twelve: World) -> None:
    with Sandbox(key="test-key", fields=FIELDS, limits=None) as other:
        other.store.add({"External ID": "B1", "Name": "Neighbour"})
        twelve.target["base_url"] = other.url
        with pytest.raises(OtherCompany, match="the address"):
            twelve.run()
        assert len(other.store.ids()) == 1


def test_a_rotated_key_goes_on_by_itself(twelve: World) -> None:
    usual = requests(twelve, lambda: twelve.run(dry_run=True))
    rotate(twelve)
    assert requests(twelve, lambda: twelve.run(dry_run=True)) == usual + 1
    counts = twelve.run().counts
    assert (counts["update"], counts["delete"]) == (1, 1)
    assert requests(twelve, twelve.run) == 1


def test_a_company_that_moved_to_another_address_goes_on_by_itself(twelve: World) -> None:
    with Sandbox(key="test-key", fields=FIELDS, limits=None) as moved:
        moved.store.write(twelve.sandbox.store.rows)
        twelve.target["base_url"] = moved.url
        counts = twelve.run().counts
        assert (counts["update"], counts["delete"]) == (1, 1)
        assert len(moved.store.ids()) == 11


def test_nothing_more_is_asked_if_nothing_is_new(twelve: World) -> None:
    calls = requests(twelve, twelve.run)
    assert calls == 4, "the fields, the update, the delete, and the list that shows that the delete had an effect"
    assert requests(twelve, twelve.run) == 1


def test_a_field_that_was_made_again_is_no_other_company(twelve: World) -> None:
    twelve.sandbox.store.set_fields([*FIELDS[:2], {**FIELDS[2], "id": 33}, FIELDS[3]])
    assert twelve.run().counts["delete"] == 1


def test_one_contact_that_people_left_alone_is_enough(twelve: World) -> None:
    store = twelve.sandbox.store
    for number in (1, 2, 3, 9):
        store.delete(number)
    for number in (4, 5, 6, 7, 8, 10, 11):
        store.edit(number, {"External ID": f"edited {number}"})
    rotate(twelve)
    assert twelve.run().counts["update"] == 1


def test_a_contact_that_a_person_edited_proves_it_too(world: World) -> None:
    world.write(PEOPLE[:1])
    world.run()
    world.sandbox.store.edit(1, {"Name": "By Hand", "Note": "called"})
    rotate(world)
    world.run()


def test_a_few_contacts_of_many_prove_a_large_company(world: World) -> None:
    world.sandbox.store.add_all([{"External ID": f"P{n}", "Name": f"Person {n}"} for n in range(600)])
    world.write(PEOPLE)
    world.run()
    world.sandbox.store.delete(612)
    rotate(world)
    assert requests(world, lambda: world.run(full=True)) <= 1 + PROOF


def test_a_proof_that_fails_halfway_records_nothing(twelve: World) -> None:
    rotate(twelve)
    twelve.sandbox.arm({"kind": "status", "status": 503, "method": "GET", "times": None, "after": 1})
    report = twelve.run()
    assert isinstance(report.error, TargetUnavailable)
    assert report.exit_code == 4
    twelve.sandbox.disarm()
    with twelve.state() as state:
        before = state.facts.company.get()
    assert twelve.run().counts["update"] == 1
    with twelve.state() as state:
        assert state.facts.company.get() != before


def test_a_state_without_contacts_belongs_to_the_company_of_its_next_run(world: World) -> None:
    world.write([])
    world.run()
    world.write(PEOPLE)
    other = neighbour(world)
    with other.behind_the_key():
        assert world.run().counts["create"] == 12
    with pytest.raises(OtherCompany):
        world.run()


def forget_the_company(world: World) -> None:
    """Make the state a state of an earlier version, which knows only the address."""
    with closing(sqlite3.connect(world.folder / "syncd.db")) as connection:
        connection.execute("DELETE FROM fact WHERE name = 'target.company'")
        connection.commit()


def test_a_state_of_an_earlier_version_is_proved_once(twelve: World) -> None:
    twelve.run()
    forget_the_company(twelve)
    writes = twelve.writes()
    assert requests(twelve, twelve.run) == 2
    assert requests(twelve, twelve.run) == 1
    assert twelve.writes() == writes


def test_a_state_of_an_earlier_version_is_not_used_for_another_company(twelve: World) -> None:
    forget_the_company(twelve)
    other = neighbour(twelve)
    with other.behind_the_key(), pytest.raises(OtherCompany):
        twelve.run()
    assert other.is_untouched


def test_several_sources_are_proved_once(twelve: World) -> None:
    more = {**twelve.sources["tenants"], "options": {"path": "more.csv", "settle": 0}}
    twelve.sources = {**twelve.sources, "more": more}
    twelve.write([("99", "Ann", "2125550199")], "more.csv")
    rotate(twelve)
    usual = 2 + 1  # the fields for each source, and the list for the source that is new
    assert requests(twelve, lambda: twelve.run(dry_run=True)) == usual + 1


def test_a_push_looks_once_more_whose_the_state_is(twelve: World) -> None:
    plan = twelve.run(dry_run=True).plan
    assert plan is not None
    other = neighbour(twelve)
    with other.behind_the_key(), open_session(twelve.settings(), sleep=lambda _: None) as session:
        index = Index(session.target.contacts, session.target.fields())
        with pytest.raises(OtherCompany):
            push_plan(session, "tenants", plan, index, since=0)
    assert other.is_untouched


def test_two_configurations_of_one_state_file_do_not_mix_two_companies(twelve: World) -> None:
    other = neighbour(twelve)
    for _ in range(2):
        with other.behind_the_key(), pytest.raises(OtherCompany):
            twelve.run()
        assert twelve.run().error is None
    assert other.is_untouched
    assert len(twelve.there()) == 11


def test_two_keys_of_one_company_may_take_turns(twelve: World) -> None:
    for key in ("one", "two", "one", "two"):
        rotate(twelve, key)
        assert twelve.run().error is None


def test_contacts_of_a_source_that_is_not_configured_any_more_prove_the_company_too(twelve: World) -> None:
    twelve.sources = {"others": {**twelve.sources["tenants"], "options": {"path": "others.csv", "settle": 0}}}
    twelve.write([("99", "Ann", "2125550199")], "others.csv")
    with neighbour(twelve).behind_the_key(), pytest.raises(OtherCompany):
        twelve.run()
    rotate(twelve)
    assert twelve.run().counts["create"] == 1


def test_rejected_contacts_are_not_sent_to_another_company(twelve: World) -> None:
    twelve.sandbox.arm({"kind": "poison", "field": "Name", "value": "Another Name"})
    assert twelve.run().counts["rejected"] == 1
    twelve.sandbox.disarm()
    with twelve.state() as state:
        state.ledger.retry_rejected("tenants")
    other = neighbour(twelve)
    with other.behind_the_key(), pytest.raises(OtherCompany):
        twelve.run()
    assert other.is_untouched


def test_the_state_does_not_hold_the_key(world: World) -> None:
    rotate(world, "a-secret-key")
    world.write(PEOPLE)
    world.run()
    assert b"a-secret-key" not in (world.folder / "syncd.db").read_bytes()
    with world.state() as state:
        company = state.facts.company.get()
    assert company is not None
    assert company.fingerprint
    assert json.loads(company.dump())["salt"]
