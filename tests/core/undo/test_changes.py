"""Taking changes back: what is sent for it, and what is left as it is."""

from __future__ import annotations

import pytest

from syncd.core.compare import rows
from syncd.core.schema import Field, Schema
from syncd.core.undo.changes import Undoing, undo, wanted_matches
from syncd.core.undo.world import Entry, Known, World

SCHEMA = Schema((Field(1, "Name", is_match=True), Field(2, "Phone", is_phone=True)))


def known(name: str, *, id_: int = 1, status: str = "accepted", created: bool = True, **more: str) -> Known:
    return Known(status, id_, name, {"Name": name, **more}, created, digest=9)


def moved(key: str, old: str, new: str) -> Entry:
    return Entry(key, "move", {"Name": old}, {"Name": new}, "accepted")


def undone(*entries: Entry, **world: object) -> Undoing:
    return undo(entries, World("s", **world), SCHEMA, ["Name", "Phone"])  # type: ignore[arg-type]


def kinds(found: Undoing) -> dict[str, str]:
    return dict(found.changes.select("@key", "@kind").iter_rows())


def test_an_update_gets_back_what_was_there_and_clears_what_was_not() -> None:
    entry = Entry("1", "update", {"Name": "A"}, {"Name": "A", "Phone": "2125550101"}, "accepted")
    found = undone(entry, known={"1": known("A", Phone="2125550101", Note="kept")})
    [change] = rows(found.changes)
    assert (change.kind, change.id, change.after) == ("update", 1, {"Name": "A", "Phone": ""})
    assert change.before == {"Name": "A", "Phone": "2125550101", "Note": "kept"}
    assert found.asked == {"1": 9}


def test_what_already_is_as_it_was_is_not_sent() -> None:
    entry = Entry("1", "adopt", {"Name": "A", "Phone": "1;2"}, {"Name": "A", "Phone": "2;1"}, "accepted")
    assert kinds(undone(entry, known={"1": known("A", Phone="2;1")})) == {}


def test_a_refused_change_is_nothing_to_take_back() -> None:
    entry = Entry("1", "update", {"Name": "A"}, {"Name": "B"}, "refused")
    found = undone(entry, known={"1": known("A")})
    assert (kinds(found), found.kept) == ({}, ())


@pytest.mark.parametrize(
    ("entry", "ledger", "reason"),
    [
        (moved("1", "A", "B"), known("B", status="pending"), "its outcome is not known"),
        (Entry("1", "update", {}, {"Name": "B"}, "pending"), known("B"), "its outcome is not known"),
        (moved("1", "A", "B"), None, "syncd no longer holds the contact"),
        (Entry("1", "update", None, {"Name": "B"}, "accepted"), known("B"), "held before is not known"),
        (
            Entry("1", "create", None, {"Name": "B"}, "accepted"),
            known("B", created=False),
            "had the contact before",
        ),
        (moved("1", "", "B"), known("B"), "an empty match value (Name)"),
    ],
)
def test_what_cannot_be_taken_back_is_named_with_why(entry: Entry, ledger: Known | None, reason: str) -> None:
    found = undone(entry, known={"1": ledger} if ledger else {})
    assert reason in found.kept[0].reason
    assert kinds(found) == {}


def test_a_contact_that_stays_keeps_those_who_would_take_its_place_where_they_are() -> None:
    """1 would go back to A, which another contact has; so 2 cannot go back to B, where 1 stays, nor 3 to C."""
    ledger = {"1": known("B"), "2": known("C", id_=2), "3": known("D", id_=3), "4": known("Y", id_=4)}
    found = undone(
        moved("1", "A", "B"),
        moved("2", "B", "C"),
        moved("3", "C", "D"),
        moved("4", "X", "Y"),
        known=ledger,
        holders={"a": [("other", "9")], "b": [("s", "1")], "c": [("s", "2")], "d": [("s", "3")]},
    )
    assert {each.key: each.reason for each in found.kept} == {
        "1": "9 of source other has its match fields now",
        "2": "1 has its match fields now",
        "3": "2 has its match fields now",
    }
    assert kinds(found) == {"4": "move"}


def test_a_contact_that_only_changes_its_case_is_in_the_way_of_others_still() -> None:
    found = undone(
        moved("1", "Ann", "ANN"),
        moved("2", "ann", "Bob"),
        known={"1": known("ANN"), "2": known("Bob", id_=2)},
        holders={"ann": [("s", "1")], "bob": [("s", "2")]},
    )
    assert {each.key: each.reason for each in found.kept} == {"2": "1 has its match fields now"}
    assert kinds(found) == {"1": "move"}


def test_a_contact_that_only_changes_its_case_moves_though_a_key_before_it_wants_its_match_value() -> None:
    # If the change of case waited for key 1 instead, key 1 would overwrite the contact of key 2.
    found = undone(
        moved("1", "ann", "Bob"),
        moved("2", "Ann", "ann"),
        known={"1": known("Bob"), "2": known("ann", id_=2)},
        holders={"bob": [("s", "1")], "ann": [("s", "2")]},
    )
    assert {each.key: each.reason for each in found.kept} == {"1": "2 has its match fields now"}
    assert kinds(found) == {"2": "move"}


@pytest.mark.parametrize("other", ["s", "t"])
def test_a_change_of_case_is_not_undone_if_another_contact_has_the_match_value(other: str) -> None:
    found = undone(moved("1", "Ann", "ann"), known={"1": known("ann")}, holders={"ann": [("s", "1"), (other, "2")]})
    where = "" if other == "s" else " of source t"
    assert {each.key: each.reason for each in found.kept} == {"1": f"2{where} has its match fields now"}


def test_contacts_that_differ_in_case_only_all_get_their_match_values_back() -> None:
    gone = [Entry(key, "delete", {"Name": name}, None, "accepted") for key, name in (("1", "ann"), ("2", "Ann"))]
    assert kinds(undone(*gone, known={})) == {"1": "create", "2": "create"}
    ledger = {"1": known("x"), "2": known("y", id_=2)}
    assert kinds(undone(moved("1", "ann", "x"), moved("2", "Ann", "y"), known=ledger)) == {"1": "move", "2": "move"}


def test_a_field_that_the_target_lacks_is_left_out_and_named() -> None:
    entry = Entry("1", "delete", {"Name": "A", "Gone": "x", "Empty": ""}, None, "accepted")
    found = undone(entry, known={})
    [change] = rows(found.changes)
    assert (change.kind, change.after, found.dropped, found.asked) == (
        "create",
        {"Name": "A"},
        ("Gone",),
        {"1": None},
    )


BARRED: dict[str, tuple[dict[str, object], str]] = {
    "it is undone": ({"already": {"1": "u"}}, "undone already, by run u"),
    "it was changed since": ({"later": {"1": "b"}}, "changed again by run b: undo that one first"),
    "another row of the source had the contact": (
        {"taken_from": {"1": ("s", "0")}},
        "it took over the contact of 0, whose values are not there any more",
    ),
    "another source's row had the contact": (
        {"taken_from": {"1": ("other", "0")}},
        "it took over the contact of 0 of source other, whose values are not there any more",
    ),
    "a person's contact has the former match value": (
        {"there": {"a": [7]}},
        "the target has a contact with its match fields that is not syncd's",
    ),
    "another contact of ours has the former match value": (
        {"there": {"a": [7]}, "ours": frozenset({7}), "holders": {"a": [("s", "9")]}},
        "9 has its match fields now",
    ),
}


@pytest.mark.parametrize(("world", "reason"), BARRED.values(), ids=BARRED)
def test_a_move_is_kept_if_something_has_happened_since(world: dict[str, object], reason: str) -> None:
    found = undone(moved("1", "A", "B"), known={"1": known("B")}, **world)
    assert [(each.key, each.kind, each.reason) for each in found.kept] == [("1", "move", reason)]
    assert found.changes.is_empty()


@pytest.mark.parametrize(
    "world",
    [
        {"there": {"a": [7]}, "ours": frozenset({7})},
        {"there": {"a": [7]}, "begun": frozenset({"1"})},  # an undo that was cut off may have made it
        {"there": {"b": [7]}},
    ],
)
def test_a_move_is_undone_if_nobody_elses_contact_is_in_the_way(world: dict[str, object]) -> None:
    assert kinds(undone(moved("1", "A", "B"), known={"1": known("B")}, **world)) == {"1": "move"}


def test_a_contact_that_the_run_made_is_deleted_and_the_source_had_asked_for_it() -> None:
    entry = Entry("1", "create", None, {"Name": "B"}, "accepted")
    found = undone(entry, known={"1": known("B", id_=4)})
    [change] = rows(found.changes)
    assert (change.kind, change.id, change.match, change.digest) == ("delete", 4, "B", None)
    assert found.asked == {"1": 9}


def test_a_key_that_has_another_contact_by_now_gets_no_second_one() -> None:
    entry = Entry("1", "delete", {"Name": "A"}, None, "accepted")
    assert undone(entry, known={"1": known("B")}).kept[0].reason == "its key has another contact by now"
    assert kinds(undone(entry, known={"1": known("A")}, begun=frozenset({"1"}))) == {"1": "create"}


def test_of_several_changes_of_one_key_the_values_before_the_first_come_back() -> None:
    first = Entry("1", "update", {"Name": "A", "Phone": "1"}, {"Name": "A", "Phone": "2"}, "accepted")
    last = Entry("1", "update", {"Name": "A", "Phone": "2"}, {"Name": "A", "Phone": "3"}, "accepted")
    [change] = rows(undone(first, last, known={"1": known("A", Phone="3")}).changes)
    assert change.after == {"Name": "A", "Phone": "1"}


def took(key: str, name: str | None, id_: int = 1) -> Entry:
    """A key came upon the contact ``id_``, which held ``name``."""
    return Entry(key, "adopt", None if name is None else {"Name": name}, {"Name": "A"}, "accepted", old_id=id_)


def went(kind: str = "delete", id_: int = 1) -> Entry:
    after = None if kind == "delete" else {"Name": "B"}
    return Entry("0", kind, {"Name": "A"}, after, "accepted", old_id=id_)


SELF, FORMER = known("A"), known("B", id_=2)
TAKEN: dict[str, tuple[list[Entry], dict[str, Known], dict[str, object], dict[str, str], dict[str, str]]] = {
    "the other key was not changed": ([took("1", "A")], {"1": SELF}, {}, {}, {}),
    "the other key was not changed, and the values differ": (
        [Entry("1", "adopt", {"Name": "A", "Phone": "1"}, {"Name": "A", "Phone": ""}, "accepted", old_id=1)],
        {"1": SELF},
        {},
        {"1": "update"},
        {},
    ),
    "what it held is not known": (
        [took("1", None)],
        {"1": SELF},
        {},
        {},
        {"1": "what the target held before is not known"},
    ),
    "the same, and the other key still has a claim on it": (
        [took("1", None)],
        {"1": SELF},
        {"taken_from": {"1": ("s", "0")}},
        {},
        {"1": "it took over the contact of 0, whose values are not there any more"},
    ),
    "the other key left": ([went(), took("1", None)], {"1": SELF}, {}, {"0": "create", "1": "delete"}, {}),
    "the other key moved": (
        [went("move"), took("1", "A")],
        {"1": SELF, "0": FORMER},
        {},
        {"0": "move", "1": "delete"},
        {},
    ),
    "the other key had another contact": (
        [went(id_=5), took("1", "A")],
        {"1": SELF},
        {"holders": {"a": [("s", "1")]}},
        {},
        {"0": "1 has its match fields now"},
    ),
    "the other key was changed since": (
        [went("move"), took("1", None)],
        {"1": SELF, "0": FORMER},
        {"later": {"0": "x"}},
        {},
        {"0": "changed again by run x: undo that one first", "1": "what the target held before is not known"},
    ),
    "this key has another contact by now": (
        [went(), took("1", "A")],
        {"1": known("A", id_=7)},
        {"holders": {"a": [("s", "1")]}},
        {},
        {"0": "1 has its match fields now"},
    ),
}


@pytest.mark.parametrize(("entries", "ledger", "world", "expected", "kept"), TAKEN.values(), ids=TAKEN)
def test_a_contact_that_was_taken_over_goes_back_or_stays_and_is_never_deleted(
    entries: list[Entry],
    ledger: dict[str, Known],
    world: dict[str, object],
    expected: dict[str, str],
    kept: dict[str, str],
) -> None:
    found = undone(*entries, known=ledger, **world)
    assert (kinds(found), {each.key: each.reason for each in found.kept}) == (expected, kept)
    assert all(
        each.spares and each.why == "its contact goes back to 0" for each in rows(found.changes) if not each.after
    )


def test_the_match_values_that_contacts_would_have_again_are_known_before_anything_is_read() -> None:
    entries = [
        moved("1", "A", "B"),
        Entry("2", "delete", {"Name": "C"}, None, "accepted"),
        Entry("3", "create", None, {"Name": "D"}, "accepted"),
        Entry("4", "update", {"Name": "E"}, {"Name": "E"}, "refused"),
        Entry("5", "update", None, {"Name": "F"}, "accepted"),
    ]
    assert wanted_matches(entries, SCHEMA) == {"A", "C"}
