"""Contacts whose row is not sent, or is unknown, keep their match value at the target."""

from __future__ import annotations

import json

import pytest

from syncd.report.source_report import SourceReport
from tests.worlds.tenants import ANY_NUMBERS
from tests.worlds.world import FIELDS, World

HEADER = "row,id,name,phone"
ANN, BOB = ("a", "2", "Ann", "2125550102"), ("b", "1", "Bob", "2125550101")


@pytest.fixture
def keyed(world: World) -> World:
    """The key is a column of its own, so a row can change its match value."""
    world.sources["tenants"]["key"] = "row"
    return world


@pytest.fixture
def two(keyed: World) -> World:
    """Two sources: ``a`` has precedence over ``b``."""
    tenants = keyed.sources.pop("tenants")
    for name in "ab":
        keyed.sources[name] = {**json.loads(json.dumps(tenants)), "options": {"path": f"{name}.csv", "settle": 0}}
    return keyed


def run(world: World, *rows: tuple[str, str, str, str]) -> SourceReport:
    world.write(rows, header=HEADER)
    return world.run()


def holds(world: World) -> dict[str, tuple[str, str]]:
    return {match: (each["Name"], each.get("Phone", "")) for match, each in world.there().items()}


def reasons(report: SourceReport) -> dict[str, str]:
    return {each["key"]: each["reason"] for each in report.invalid}


def known_by(world: World, *names: str) -> None:
    """Make the fields ``names`` the target's match fields."""
    world.sandbox.store.set_fields([{**each, "is_match": each["name"] in names} for each in FIELDS])


def approve(world: World, report: SourceReport) -> None:
    with world.state() as state:
        for each in report.held:
            state.holds.approve(report.source, each.digest)


LEFT = "shares match fields with {}, whose contact is left as it is"


def test_a_contact_that_is_not_sent_keeps_the_match_value_that_it_has(keyed: World) -> None:
    run(keyed, ANN, BOB)
    moved, new = ("b", "2", "Bob", "2125550101"), ("c", "1", "Cy", "2125550103")
    report = run(keyed, ANN, moved, new)
    assert reasons(report) == {"b": "shares match fields with a", "c": LEFT.format("b")}
    assert holds(keyed) == {"2": ("Ann", "2125550102"), "1": ("Bob", "2125550101")}
    run(keyed, ANN, moved)
    assert holds(keyed) == {"2": ("Ann", "2125550102"), "1": ("Bob", "2125550101")}
    run(keyed, ANN, ("b", "3", "Bob", "2125550101"), new)
    assert holds(keyed) == {"2": ANN[2:], "3": BOB[2:], "1": new[2:]}


def test_a_row_of_contacts_that_wait_for_one_another_is_left_alone_to_its_end(keyed: World) -> None:
    three, four = ("c", "3", "Cy", "2125550103"), ("d", "4", "Di", "2125550104")
    run(keyed, ANN, BOB, three, four)
    report = run(keyed, ANN, ("b", "2", *BOB[2:]), ("c", "1", *three[2:]), ("d", "3", *four[2:]))
    assert reasons(report) == {
        "b": "shares match fields with a",
        "c": LEFT.format("b"),
        "d": LEFT.format("c"),
    }
    assert holds(keyed) == {"2": ANN[2:], "1": BOB[2:], "3": three[2:], "4": four[2:]}


def test_a_contact_whose_move_the_target_refuses_keeps_the_match_value_that_it_has(keyed: World) -> None:
    keyed.sandbox.dialect("value_length", "refused")
    run(keyed, ANN, BOB)
    refused, new = ("b", "9" * 300, "Bob", "2125550101"), ("c", "1", "Cy", "2125550103")
    run(keyed, ANN, refused)
    report = run(keyed, ANN, refused, new)
    assert reasons(report) == {"c": LEFT.format("b")}
    assert holds(keyed) == {"2": ANN[2:], "1": BOB[2:]}
    run(keyed, ANN, ("b", "5", "Bob", "2125550101"), new)
    assert holds(keyed) == {"2": ANN[2:], "5": BOB[2:], "1": new[2:]}


def test_a_contact_that_another_has_overwritten_is_not_left_alone(keyed: World) -> None:
    keyed.sandbox.dialect("value_length", "refused")
    run(keyed, BOB)
    refused, new = ("b", "9" * 300, "Bob", "2125550101"), ("c", "1", "Cy", "2125550103")
    run(keyed, refused, new)
    assert holds(keyed) == {"1": new[2:]}
    report = run(keyed, refused, ("c", "1", "Cyril", "2125550103"))
    assert (report.counts["update"], report.invalid) == (1, [])
    assert holds(keyed) == {"1": ("Cyril", "2125550103")}


def test_a_shifted_file_is_looked_through_in_one_pass(keyed: World) -> None:
    count, keyed.numbers = 1_000, ANY_NUMBERS
    run(keyed, *((f"r{n:04}", str(n), f"T {n}", "2125550101") for n in range(count)))
    shifted = [(f"r{n:04}", str(n + 1) if n + 1 < count else "", f"T {n}", "2125550101") for n in range(count)]
    report = run(keyed, *shifted)
    assert report.counts["invalid"] == count
    assert holds(keyed)["7"][0] == "T 7"


def test_a_contact_whose_move_waits_keeps_the_match_value_that_it_has(keyed: World) -> None:
    people = [(f"r{n}", f"{n}", f"T {n}", f"21255501{n}") for n in range(10, 30)]
    run(keyed, *people)
    moved, new = [(key, f"1{id_}", name, phone) for key, id_, name, phone in people], ("new", "10", "Cy", "2125550199")
    report = run(keyed, *moved, new)
    assert [(each.gate, each.count, each.approvable) for each in report.held] == [
        ("updates.share", 20, True),
        ("updates.behind", 1, False),
    ]
    assert holds(keyed)["10"] == people[0][2:]
    approve(keyed, report)
    assert run(keyed, *moved, new).counts["held"] == 0
    assert holds(keyed)["110"] == people[0][2:]
    assert holds(keyed)["10"] == new[2:]


def test_a_contact_is_not_deleted_for_one_that_cannot_take_its_numbers(keyed: World) -> None:
    keyed.sources["tenants"]["shared_match"] = "merge_phones"
    first, third, other = (
        ("a", "7", "Ann", "2125550101"),
        ("c", "7", "Ann", "2125550102"),
        ("b", "8", "Ann", "2125550103"),
    )
    run(keyed, first, other, third)
    report = run(keyed, first, ("b", "7", *other[2:]), ("c", "", *third[2:]))
    assert reasons(report) == {
        "a": LEFT.format("c"),
        "b": LEFT.format("c"),
        "c": "an empty match value (External ID)",
    }
    assert holds(keyed) == {"7": ("Ann", "2125550101;2125550102"), "8": other[2:]}
    run(keyed, first, ("b", "7", *other[2:]), third)
    assert {*holds(keyed)["7"][1].split(";")} == {"2125550101", "2125550102", "2125550103"}


def test_by_other_match_fields_too_an_unusable_row_keeps_its_contact(keyed: World) -> None:
    run(keyed, ANN, BOB)
    known_by(keyed, "Name")
    edited = ("b", "1", "Bob", "2125550109")
    approve(keyed, run(keyed, ("a", "2", "", "2125550102"), edited, ("c", "3", "Ann", "2125550103")))
    report = keyed.run()
    assert reasons(report) == {"a": "an empty match value (Name)", "c": LEFT.format("a")}
    assert holds(keyed) == {"2": ANN[2:], "1": ("Bob", "2125550109")}


def test_by_other_match_fields_too_a_merged_contact_keeps_its_numbers(keyed: World) -> None:
    keyed.sources["tenants"]["shared_match"] = "merge_phones"
    run(keyed, ("a", "1", "Ann", "2125550101"), ("b", "1", "Ann", "2125550102"))
    known_by(keyed, "Name")
    report = run(keyed, ("a", "1", "Ann", "2125550101"), ("b", "1", "", "2125550102"))
    approve(keyed, report)
    keyed.run()
    assert holds(keyed) == {"1": ("Ann", "2125550101;2125550102")}


@pytest.mark.parametrize("policy", ["first", "hold"])
def test_by_other_match_fields_too_the_contacts_of_other_sources_are_known(two: World, policy: str) -> None:
    for source in two.sources.values():
        source["shared_match"] = policy
    two.write([("a1", "1", "Ann", "2125550101")], "a.csv", header=HEADER)
    two.write([("b1", "5", "Bob", "2125550102")], "b.csv", header=HEADER)
    two.run_all()
    known_by(two, "Name")
    two.write([("b1", "5", "Bob", "2125550103"), ("b2", "9", "Ann", "2125550109")], "b.csv", header=HEADER)
    approve(two, two.run("b"))
    report = two.run("b")
    assert reasons(report) == {"b2": "shares match fields with a1 of source a"}
    assert holds(two) == {"1": ("Ann", "2125550101"), "5": ("Bob", "2125550103")}


def test_hold_counts_contacts_whose_keys_cannot_be_read_now(two: World) -> None:
    for source in two.sources.values():
        source["shared_match"] = "hold"
    twins = [("b2", "7", "Ann", "2125550102"), ("b3", "7", "Ann", "2125550103")]
    two.write([("a1", "1", "One", "")], "a.csv", header=HEADER)
    two.write(twins, "b.csv", header=HEADER)
    two.run_all()
    two.write([("a1", "1", "One", ""), ("a2", "7", "Ann", "2125550101")], "a.csv", header=HEADER)
    two.write([("", *each[1:]) for each in twins], "b.csv", header=HEADER)
    for _ in range(2):
        two.run_all()
    assert set(holds(two)) == {"1"}
    two.write([("b2", "8", "Ann", "2125550102"), ("b3", "9", "Ann", "2125550103")], "b.csv", header=HEADER)
    for _ in range(2):
        two.run_all()
    assert set(holds(two)) == {"1", "7", "8", "9"}


def test_a_contact_that_another_source_took_over_is_deleted_with_the_row_that_has_it(two: World) -> None:
    two.write([("y", "9", "Yan", "2125550109")], "a.csv", header=HEADER)
    two.write([("x", "7", "Xia", "2125550107")], "b.csv", header=HEADER)
    two.run_all()
    two.write([("x", "9", "Xia", "2125550107")], "b.csv", header=HEADER)
    two.run_all()
    two.write([("y", "9", "Yan", "2125550109"), ("z", "7", "Zoe", "2125550101")], "a.csv", header=HEADER)
    two.run_all()
    assert holds(two)["7"] == ("Zoe", "2125550101")
    two.write([("y", "9", "Yan", "2125550109")], "a.csv", header=HEADER)
    assert two.run("a").counts["delete"] == 1
    assert set(holds(two)) == {"9"}
    two.write([("x", "7", "Xia", "2125550107")], "b.csv", header=HEADER)
    two.run_all()
    assert holds(two)["7"] == ("Xia", "2125550107")


def test_an_emptied_source_lets_adopted_contacts_go_once_that_is_approved(two: World) -> None:
    two.sandbox.store.add({"External ID": "7", "Name": "Own"})
    two.write([("x", "7", "Xia", "2125550107"), ("y", "9", "Yan", "2125550109")], "a.csv", header=HEADER)
    two.write([("z", "7", "Zoe", "2125550101")], "b.csv", header=HEADER)
    two.run_all()
    two.write([], "a.csv", header=HEADER)
    emptied, other = two.run_all()
    assert [each.gate for each in emptied.held] == ["deletes.empty"]
    assert reasons(other) == {"z": "shares match fields with x of source a"}
    approve(two, emptied)
    two.run_all()
    assert holds(two) == {"7": ("Zoe", "2125550101")}


def test_an_emptied_source_that_only_adopted_lets_its_contacts_go_once_that_is_approved(two: World) -> None:
    two.sandbox.store.add({"External ID": "7", "Name": "Own"})
    two.write([("x", "7", "Xia", "2125550107")], "a.csv", header=HEADER)
    two.write([("z", "7", "Zoe", "2125550101")], "b.csv", header=HEADER)
    two.run_all()
    two.write([], "a.csv", header=HEADER)
    for _ in range(2):
        emptied, other = two.run_all()
        [held] = emptied.held
        assert held.gate == "deletes.empty"
        assert held.detail == "the source is empty; 1 adopted contact would stay at the target and be let go"
        assert emptied.warnings == []
        assert reasons(other) == {"z": "shares match fields with x of source a"}
    approve(two, emptied)
    emptied, other = two.run_all()
    assert (emptied.held, other.held, reasons(other)) == ((), (), {})
    assert holds(two) == {"7": ("Zoe", "2125550101")}


def test_a_contact_that_another_source_holds_keeps_its_place_from_one_that_would_exchange_with_it(two: World) -> None:
    for source in two.sources.values():
        source["shared_match"] = "hold"
    two.write([("f", "1", "Flo", "2125550101")], "a.csv", header=HEADER)
    two.write([("s", "5", "Sam", "2125550105")], "b.csv", header=HEADER)
    two.run_all()
    two.write([("f", "5", "Flo", "2125550101")], "a.csv", header=HEADER)
    two.write([("s", "1", "Sam", "2125550105"), ("t", "5", "Tom", "2125550106")], "b.csv", header=HEADER)
    for _ in range(3):
        two.run_all()
    assert holds(two) == {"1": ("Flo", "2125550101"), "5": ("Sam", "2125550105")}
    two.write([("s", "1", "Sam", "2125550105")], "b.csv", header=HEADER)
    for _ in range(3):
        two.run_all()
    assert holds(two) == {"1": ("Sam", "2125550105"), "5": ("Flo", "2125550101")}


@pytest.mark.parametrize("blocked", [True, False])
def test_a_ring_of_sources_that_exchange_their_places_turns_unless_another_asks_for_one(
    keyed: World, blocked: bool
) -> None:
    tenants = keyed.sources.pop("tenants") | {"shared_match": "hold"}
    for name in "abc":
        keyed.sources[name] = {**json.loads(json.dumps(tenants)), "options": {"path": f"{name}.csv", "settle": 0}}

    def write(*ids: str, also: str = "") -> None:
        for name, id_ in zip("abc", ids, strict=True):
            keyed.write([(name, id_, name, "2125550101")], f"{name}.csv", header=HEADER)
        if also:
            keyed.write([("c", ids[2], "c", "2125550101"), ("x", also, "x", "2125550101")], "c.csv", header=HEADER)
        for _ in range(3):
            keyed.run_all()

    write("1", "2", "3")
    write("2", "3", "1", also="2" if blocked else "")
    turned = {"2": "a", "3": "b", "1": "c"}
    assert {match: name for match, (name, _) in holds(keyed).items()} == (
        {"1": "a", "2": "b", "3": "c"} if blocked else turned
    )
    write("2", "3", "1")
    assert {match: name for match, (name, _) in holds(keyed).items()} == turned
