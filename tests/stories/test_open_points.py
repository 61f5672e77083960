"""Whole runs against targets that read the API guide in different ways."""

from __future__ import annotations

import json
from contextlib import closing

import httpx
import pytest

from syncd.core.schema import parse_fields
from syncd.core.settings.rules import DECIDING
from syncd.reconcile import reconcile
from syncd.report.drift_report import Reconciled
from syncd.rest import Client
from syncd.run.session import open_session
from syncd.target.contacts import Target
from tests.examples import crossed
from tests.worlds.tenants import ANY_NUMBERS
from tests.worlds.world import FIELDS, World

BAD = {"7", "250", "481"}
ROWS = [(str(n), f"T {n}", "2125550101") for n in range(1, 501)]


def reconciled(world: World) -> Reconciled:
    settings, found = world.settings(), Reconciled()
    with open_session(settings, sleep=lambda _: None) as session:
        reconcile(session, list(settings.sources.values()), found)
    return found


@pytest.mark.parametrize(
    ("whole", "dialects"),
    [
        (400, {}),
        (422, {}),
        (None, {"failed_status": "422", "failed_body": "error", "atomic": "all"}),
        (None, {"failed_status": "207", "errors": "unindexed", "contacts": "shuffled"}),
    ],
    ids=str,
)
def test_three_bad_rows_of_five_hundred_cost_no_other_and_few_requests(
    world: World, whole: int | None, dialects: dict[str, str]
) -> None:
    world.numbers = ANY_NUMBERS
    for name, value in dialects.items():
        world.sandbox.dialect(name, value)
    for number in BAD:
        world.sandbox.arm({"kind": "poison", "field": "External ID", "value": number, "whole": whole})
    world.write(ROWS)
    report = world.run()
    assert report.exit_code == 3
    assert report.counts["create"] == 497
    assert set(world.there()) == {row[0] for row in ROWS} - BAD
    assert {each["key"] for each in report.rejected} <= BAD
    assert world.posts() <= 2 * len(BAD) * 9 + 1


def test_a_request_that_is_too_large_is_sent_in_halves(world: World) -> None:
    world.numbers = ANY_NUMBERS
    world.sandbox.dialect("body_size", "64kb")
    world.write([(number, f"{name} {'x' * 400}", phone) for number, name, phone in ROWS])
    assert world.run().exit_code == 0
    assert len(world.there()) == 500


def test_deletes_that_are_too_many_for_one_request_all_come_through(world: World) -> None:
    world.numbers = ANY_NUMBERS
    world.sandbox.dialect("delete_cap", "100")
    world.sources["tenants"]["deletes"] = {"at_most": {"share": "100%", "count": 1000}}
    world.write(ROWS)
    world.run()
    world.write(ROWS[:10])
    assert world.run().counts["delete"] == 490
    assert len(world.there()) == 10


FOUR = "2125550101;2125550102;2125550103;2125550104"


@pytest.mark.parametrize(("dialect", "value", "phone"), [("clear", "ignored", ""), ("phone_count", "cut", FOUR)])
def test_a_value_that_comes_out_otherwise_is_reported_and_not_sent_again(
    world: World, dialect: str, value: str, phone: str
) -> None:
    world.sandbox.dialect(dialect, value)
    world.write([("1", "Ann", "2125550109")])
    world.run()
    world.write([("1", "Ann", phone)])
    [altered] = world.run().altered
    assert (altered["key"], list(altered["fields"])) == ("1", ["Phone"])
    posts = world.posts()
    world.run(full=True)
    assert world.posts() == posts


def test_two_fields_of_one_name_refuse_the_push(world: World) -> None:
    world.sandbox.store.set_fields([*FIELDS, {"id": 9, "name": "Note"}])
    world.write([("1", "Ann", "2125550101")])
    assert "two contact fields are called 'Note'" in str(world.run().error)
    assert world.writes() == 0


def test_what_is_sent_holds_contacts_and_nothing_else() -> None:
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.read()))
        fields = sent[-1]["contacts"][0]["fields"]
        return httpx.Response(201, json={"contacts": [{"contact": {"id": 1, "fields": fields}, "action": "created"}]})

    client = Client("https://target.example.com", headers={}, transport=httpx.MockTransport(answer))
    with closing(client):
        Target(client).upsert([{"External ID": "1", "Name": "Ann"}], parse_fields({"fields": FIELDS}))
    assert sent == [{"contacts": [{"fields": {"External ID": "1", "Name": "Ann"}}]}]


@pytest.mark.parametrize(
    ("status", "errors"), crossed(["200", "207", "422"], ["index0", "index1", "unindexed", "none"])
)
def test_an_answer_with_every_row_failed_rejects_each_and_loses_none(world: World, status: str, errors: str) -> None:
    world.sandbox.dialect("failed_status", status)
    world.sandbox.dialect("errors", errors)
    rows = [(str(number), f"T {number}", "2125550101") for number in range(1, 4)]
    for number, *_ in rows:
        world.sandbox.arm({"kind": "poison", "field": "External ID", "value": number})
    world.write(rows)
    report = world.run()
    assert (report.exit_code, report.counts["create"], world.there()) == (3, 0, {})
    assert {each["key"] for each in report.rejected} == {"1", "2", "3"}
    world.sandbox.disarm()
    with world.state() as state:
        state.ledger.retry_rejected("tenants")
    assert world.run().counts["create"] == 3


@pytest.mark.parametrize("kind", ["html", "empty", "truncate"])
@pytest.mark.parametrize("done", [True, False])
def test_what_is_not_an_answer_to_a_push_leaves_no_twin_and_nothing_unknown(
    world: World, kind: str, done: bool
) -> None:
    world.write([("1", "Ann", "2125550101"), ("2", "Bob", "2125550102")])
    world.sandbox.arm({"kind": kind, "method": "POST", "times": 1, "done": done})
    world.run()
    report = world.run(full=True)
    assert (report.exit_code, report.unknown, set(world.there())) == (0, 0, {"1", "2"})
    world.write([("1", "Ann", "2125550101")])
    world.run()
    assert set(world.there()) == {"1"}


SHARING = [("1", "Ann", "2125550101"), ("2", "Bob", "2125550102;2125550101"), ("3", "Cy", "2125550103")]


def test_a_number_that_several_contacts_have_is_warned_of_and_everybody_keeps_it(world: World) -> None:
    world.write(SHARING)
    report = world.run()
    [warning] = report.warnings
    assert warning.startswith(
        "2 contacts share a number with another (1, 2); which of them is shown when it calls is not"
    )
    assert "leave a number with one contact; or in each source, set phones: {shared: first}" in warning
    assert all(policy in warning for policy in [*DECIDING, "allow"])
    assert "2125550101" not in warning
    assert (report.exit_code, world.there()["2"]["Phone"]) == (0, "2125550102;2125550101")


def test_a_number_that_may_be_shared_is_not_warned_of(world: World) -> None:
    world.sources["tenants"]["phones"] = {"shared": "allow"}
    world.write(SHARING)
    assert world.run().warnings == []
    assert reconciled(world).shared == []


@pytest.mark.parametrize("stored", ["kept", "11"])
def test_reconcile_tells_of_every_number_that_is_shared_with_people_s_own_contacts_too(
    world: World, stored: str
) -> None:
    world.sandbox.dialect("phone_us", stored)
    world.write([("1", "Ann", "2125550101"), ("2", "Bob", "2125550102")])
    world.run()
    world.sandbox.store.add({"External ID": "X", "Name": "Zoe", "Phone": "(212) 555-0102"})
    world.write([("1", "Ann", "2125550101"), ("2", "Bob", "2125550102"), ("3", "Cy", "2125550101")])
    assert world.run().warnings == []  # a run checks only the contacts that it sends
    assert reconciled(world).shared == [[1, 4], [2, 3]]


def test_several_phone_fields_are_warned_of_with_what_to_map_instead(world: World) -> None:
    world.sandbox.store.set_fields([*FIELDS, {"id": 9, "name": "Mobile", "is_phone": True}])
    world.sources["tenants"]["mapping"]["Mobile"] = ["phone"]
    world.write([("1", "Ann", "2125550101")])
    for _ in range(2):
        [warning] = world.run(full=True).warnings
        assert warning.startswith("numbers go to 2 phone fields (Phone, Mobile), and whether Callpop looks in all")
        assert "map every number to one of them, as Phone: [mobile, home]" in warning
