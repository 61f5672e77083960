"""Contacts that share a match value, in one source or several: who has it, and what the others become."""

from __future__ import annotations

import pytest

from syncd.state import State
from tests.worlds.tenants import ANN, BOB, CY, holds
from tests.worlds.world import World


def test_two_sources_hand_a_contact_over(world: World) -> None:
    world.sources["owners"] = {**world.sources["tenants"], "options": {"path": "owners.csv", "settle": 0}}
    world.write([ANN, BOB])
    world.write([CY], "owners.csv")
    world.run_all()
    world.write([BOB])
    world.write([CY, ANN], "owners.csv")
    for _ in range(2):
        world.run_all()
    assert set(world.there()) == {"1", "2", "3"}
    world.write([CY], "owners.csv")
    world.run_all()
    assert set(world.there()) == {"2", "3"}


def test_the_first_source_wins_a_shared_match_value(world: World) -> None:
    world.sources["owners"] = {**world.sources["tenants"], "options": {"path": "owners.csv", "settle": 0}}
    world.write([ANN])
    world.write([("1", "Owner Ann", "2125550199")], "owners.csv")
    tenants, owners = world.run_all()
    assert tenants.counts["create"] == 1
    assert "shares match fields with 1 of source tenants" in owners.invalid[0]["reason"]
    world.run_all()
    assert world.there()["1"]["Name"] == "Ann Smith"
    world.write([])
    world.sources["tenants"]["deletes"] = {"at_most": {"free": 5}}
    world.run_all()


@pytest.mark.parametrize(
    ("policy", "there"),
    [
        ("first", {"7": "2125550101"}),
        ("merge_phones", {"7": "2125550101;2125550102"}),
        ("hold", {}),
    ],
)
def test_contacts_with_one_match_value(world: World, policy: str, there: dict[str, str]) -> None:
    world.sources["tenants"] |= {"shared_match": policy, "key": "row"}
    header = "row,id,name,phone"
    world.write([("a", "7", "Ann", "2125550101"), ("b", "7", "Ann", "2125550102")], header=header)
    world.run()
    assert {key: fields["Phone"] for key, fields in world.there().items()} == there
    assert world.run().counts["create"] == 0
    assert world.posts() <= 1


def test_a_number_that_only_a_merged_contact_has_is_followed(world: World) -> None:
    world.sources["tenants"] |= {"shared_match": "merge_phones", "key": "row"}
    header = "row,id,name,phone"
    first, second = ("a", "7", "Ann", "2125550101"), ("b", "7", "Ann", "2125550102")
    world.write([first, second], header=header)
    world.run()
    world.write([first, ("b", "7", "Ann", "2125550199")], header=header)
    assert world.run().counts["update"] == 1
    assert world.there()["7"]["Phone"] == "2125550101;2125550199"
    assert world.run(full=True).counts["unchanged"] == 1
    world.write([second], header=header)
    world.run()
    assert world.there()["7"]["Phone"] == "2125550102"


def test_merged_contacts_without_a_number_leave_the_targets_alone_where_empty_values_do(world: World) -> None:
    world.sources["tenants"] |= {"shared_match": "merge_phones", "key": "row"}
    world.sources["tenants"]["mapping"]["Phone"] = {"from": "phone", "empty": "keep"}
    world.sandbox.store.add({"External ID": "7", "Name": "Ann", "Phone": "2125550188"})
    world.write([("a", "7", "Ann", ""), ("b", "7", "Ann", "")], header="row,id,name,phone")
    world.run()
    assert world.there()["7"]["Phone"] == "2125550188"


UPPER = ("A1", "Bea Brown", "2125550102")
LOWER = ("a1", "Ann Smith", "2125550101")


@pytest.mark.parametrize("first", [[LOWER], [UPPER, LOWER]])
def test_where_the_target_folds_case_the_later_of_two_contacts_is_invalid(
    world: World, first: list[tuple[str, str, str]]
) -> None:
    world.sandbox.dialect("match_case", "fold")
    world.write(first)
    world.run()
    world.write([LOWER, UPPER])
    world.run()
    posts = world.posts()
    report = world.run(full=True)
    assert [(each["key"], each["reason"]) for each in report.invalid] == [("a1", "shares match fields with A1")]
    assert (world.posts(), report.counts["rejected"]) == (posts, 0)
    assert holds(world) == {"A1": UPPER[1:]}
    world.write([LOWER])
    assert world.run().exit_code == 0
    assert holds(world) == {"a1": LOWER[1:]}


def test_hold_holds_contacts_of_all_sources_until_one_has_the_match_value_alone(world: World) -> None:
    world.sources["tenants"] |= {"shared_match": "hold", "key": "row"}
    world.sources["owners"] = {**world.sources["tenants"], "options": {"path": "owners.csv", "settle": 0}}
    header = "row,id,name,phone"
    ann, twin, owner = ("a", "7", "Ann", "1"), ("b", "7", "Ann B", "1"), ("c", "7", "Owner", "1")
    other, changed = ("d", "8", "Other", "1"), ("a", "7", "Ann Brown", "1")

    def run(tenants: list[tuple[str, str, str, str]], owners: list[tuple[str, str, str, str]]) -> dict[str, str]:
        world.write(tenants, header=header)
        world.write(owners, "owners.csv", header=header)
        for _ in range(2):
            world.run_all()
        return {match: fields["Name"] for match, fields in world.there().items()}

    assert run([ann, twin], [owner, other]) == {"8": "Other"}, "two of one source hold that of another as well"
    assert run([ann], [owner, other]) == {"8": "Other"}
    assert run([ann], [other]) == {"7": "Ann", "8": "Other"}
    assert run([ann], [owner, other]) == {"7": "Ann", "8": "Other"}
    assert run([changed], [owner, other]) == {"7": "Ann", "8": "Other"}, "a contact that is there is left as it is"
    reasons = [each["reason"] for report in world.run_all() for each in report.invalid]
    assert reasons == ["shares match fields with c of source owners", "shares match fields with a of source tenants"]
    assert run([changed], [other]) == {"7": "Ann Brown", "8": "Other"}


def test_contacts_of_two_sources_that_exchange_match_values_do_not_hold_each_other(world: World) -> None:
    world.sources["tenants"] |= {"shared_match": "hold", "key": "row"}
    world.sources["owners"] = {**world.sources["tenants"], "options": {"path": "owners.csv", "settle": 0}}
    header = "row,id,name,phone"
    for one, other in (("7", "8"), ("8", "7")):
        world.write([("a", one, "Ann", "1")], header=header)
        world.write([("b", other, "Owner", "1")], "owners.csv", header=header)
        for _ in range(2):
            reports = world.run_all()
        assert [report.invalid for report in reports] == [[], []]
        assert {match: fields["Name"] for match, fields in world.there().items()} == {one: "Ann", other: "Owner"}


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
