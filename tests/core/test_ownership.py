"""Whose a contact at the target is: tables of worlds, each with what was sent, what stands there, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from syncd.core.change import Call, Change, Kind
from syncd.core.outcomes import Accepted
from syncd.core.ownership import Evidence, Holder, OpenCall, Owner, as_sent, calls_by_match, explained, whose, whose_met
from syncd.core.remote import Remote
from syncd.core.schema import Field, Schema

SCHEMA = Schema((Field(1, "ID", is_match=True), Field(2, "Name"), Field(3, "Phone", is_phone=True), Field(4, "Note")))
OURS, LEAVING, PERSON, UNKNOWN = Owner.OURS, Owner.LEAVING, Owner.PERSON, Owner.UNKNOWN

ANN = {"ID": "7", "Name": "Ann Lee", "Phone": "2125550101;2125550102"}
EVE = {"ID": "7", "Name": "Eve"}

Fields = Mapping[str, str]


def lost(fields: Fields = ANN, highest: int = 10, id_: int | None = None) -> OpenCall:
    """A call of unknown outcome: ids up to ``highest`` existed before it."""
    return OpenCall(1, "a", "create", fields["ID"], id_, fields, highest, 0.0)


def test_only_calls_of_unknown_outcome_are_grouped_and_no_former_ids_of_moves() -> None:
    first, second, moved = lost(), lost(highest=20), lost(id_=5)
    assert calls_by_match([first, moved, second]) == {"7": [first, second]}


SENT: dict[str, tuple[Fields, Fields, bool]] = {
    "as it was sent": (ANN, ANN, True),
    "nothing": ({}, ANN, True),
    "a field left out": ({"ID": "7", "Name": "Ann Lee"}, ANN, True),
    "an empty field that was not sent": ({**ANN, "Note": ""}, ANN, True),
    "another case and other spaces": ({"Name": " ANN  lee"}, ANN, True),
    "another Unicode form": ({"Name": "Zoe\u0308"}, {"Name": "Zo\u00eb"}, True),
    "cut": ({"Name": "Ann"}, ANN, True),
    "longer than it was sent": ({"Name": "Ann Lee Jr"}, ANN, False),
    "another name": ({"Name": "Eve"}, ANN, False),
    "a field that was not sent": ({**ANN, "Note": "VIP"}, ANN, False),
    "one number of two": ({"Phone": "2125550102"}, ANN, True),
    "numbers in another order and form": ({"Phone": "+1 (212) 555-0102;2125550101"}, ANN, True),
    "a number more": ({"Phone": "2125550101;2125550102;2125550103"}, ANN, False),
    "another match value by the target's own rules": ({"ID": "07"}, ANN, True),
}


@pytest.mark.parametrize(("there", "sent", "expected"), SENT.values(), ids=SENT)
def test_a_contact_of_ours_holds_nothing_that_was_not_sent(there: Fields, sent: Fields, expected: bool) -> None:
    assert as_sent(there, sent, SCHEMA) is expected


def test_one_of_several_calls_explains_a_contact_or_none_does() -> None:
    assert explained(ANN, [EVE, ANN], SCHEMA)
    assert not explained({**ANN, "Name": "Bob"}, [EVE, ANN], SCHEMA)
    assert not explained(ANN, [], SCHEMA)


STANDING: dict[str, tuple[Remote | None, list[OpenCall], bool, Owner]] = {
    "nothing stands there, or it is not listed yet": (None, [lost()], False, UNKNOWN),
    "a new id with the values that were sent": (Remote(11, ANN), [lost()], False, OURS),
    "an id that existed before the call": (Remote(10, ANN), [lost()], False, PERSON),
    "a new id with other values": (Remote(11, EVE), [lost()], False, PERSON),
    "a new id with a value more": (Remote(11, {**ANN, "Note": "VIP"}), [lost()], False, PERSON),
    "made by the first call, changed by the second": (Remote(11, EVE), [lost(), lost(EVE, 20)], False, OURS),
    "older than every call": (Remote(10, EVE), [lost(), lost(EVE, 20)], False, PERSON),
    "no call of ours": (Remote(11, ANN), [], False, PERSON),
    "an id that was ours, whatever it holds": (Remote(3, EVE), [lost()], True, OURS),
    "an id that was ours, and no call": (Remote(3, EVE), [], True, OURS),
}


@pytest.mark.parametrize(("there", "calls", "was_ours", "expected"), STANDING.values(), ids=STANDING)
def test_whose_a_contact_is_that_stands_where_a_lost_call_may_have_made_one(
    there: Remote | None, calls: list[OpenCall], was_ours: bool, expected: Owner
) -> None:
    assert whose(there, calls, SCHEMA, was_ours=was_ours) is expected


def call(kind: Kind = "create", before: Fields | None = None, payload: Fields = ANN) -> Call:
    """A call for the contact 7, which was at the target as id 9 if it is adopted."""
    change = Change(kind, "a", 9 if kind == "adopt" else None, "7", 1, None, None, None, None, None, before or {}, ANN)
    return Call(change, payload)


def evidence(
    calls: Sequence[OpenCall] = (), highest: int = 10, persons: Sequence[int] = (), resent: bool = False
) -> Evidence:
    return Evidence(SCHEMA, calls_by_match(calls), highest).seeing(persons, ["7"] if resent else [])


UPDATED = "updated"
ANSWERS: dict[str, tuple[Evidence, Call, Accepted, Owner]] = {
    "created now": (evidence(), call(), Accepted(11, ANN, "created"), OURS),
    "found, and no call is open": (evidence(), call(), Accepted(9, ANN, UPDATED), PERSON),
    "found as new, and no call is open": (evidence(), call(), Accepted(11, ANN, UPDATED), PERSON),
    "found, made since a lost call": (evidence([lost()]), call(), Accepted(11, ANN, UPDATED), OURS),
    "found, older than a lost call": (evidence([lost()]), call(), Accepted(10, ANN, UPDATED), PERSON),
    "found, older than one of two lost calls": (
        evidence([lost(highest=20), lost(highest=10)]),
        call(),
        Accepted(15, ANN, UPDATED),
        OURS,
    ),
    "found, and a look before the call saw a person's": (
        evidence([lost()], persons=[11]),
        call(),
        Accepted(11, ANN, UPDATED),
        PERSON,
    ),
    "found with a value that nobody of us sent": (
        evidence([lost()]),
        call(),
        Accepted(11, {**ANN, "Note": "VIP"}, UPDATED),
        PERSON,
    ),
    "found with a value that the lost call sent": (
        evidence([lost({**ANN, "Note": "x"})]),
        call(),
        Accepted(11, {**ANN, "Note": "x"}, UPDATED),
        OURS,
    ),
    "found with an empty field that nobody sent": (
        evidence([lost()]),
        call(),
        Accepted(11, {**ANN, "Note": ""}, UPDATED),
        OURS,
    ),
    "sent again by this push, and new": (evidence(resent=True), call(), Accepted(11, ANN, UPDATED), OURS),
    "sent again by this push, and old": (evidence(resent=True), call(), Accepted(10, ANN, UPDATED), PERSON),
    "sent again, and a person's was seen in between": (
        evidence(resent=True, persons=[11]),
        call(),
        Accepted(11, ANN, UPDATED),
        PERSON,
    ),
    "an unknown word for it": (evidence(), call(), Accepted(11, ANN, ""), PERSON),
    "adopted as planned": (evidence(), call("adopt", EVE), Accepted(9, ANN, UPDATED), PERSON),
    "to be adopted, gone by now, made anew": (evidence(), call("adopt", EVE), Accepted(11, ANN, "created"), OURS),
    "to be adopted, but a lost call made it": (
        evidence([lost(highest=8)]),
        call("adopt", ANN),
        Accepted(9, ANN, UPDATED),
        OURS,
    ),
    "to be adopted, and the plan saw other values than a lost call sent": (
        evidence([lost(highest=8)]),
        call("adopt", EVE),
        Accepted(9, ANN, UPDATED),
        PERSON,
    ),
}


@pytest.mark.parametrize(("known", "sent", "answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_whose_the_contact_of_an_answer_was(known: Evidence, sent: Call, answer: Accepted, expected: Owner) -> None:
    assert known.whose(sent, answer, was_ours=False) is expected
    assert known.whose(sent, answer, was_ours=True) is OURS


def test_evidence_only_grows_and_is_never_changed() -> None:
    before = evidence()
    after = before.seeing([1], ["x"]).seeing([2])
    assert (before.persons, before.resent) == (frozenset(), frozenset())
    assert (after.persons, after.resent) == (frozenset({1, 2}), frozenset({"x"}))


MOVER = ("s", "a")
MET: dict[str, tuple[Owner, dict[Holder, str], list[str], list[str], Owner]] = {
    "nobody of ours holds it": (PERSON, {}, ["a"], [], PERSON),
    "a lost call made it, and nobody holds it yet": (OURS, {}, ["a"], [], UNKNOWN),
    "the mover itself": (OURS, {MOVER: "created"}, ["a"], [], UNKNOWN),
    "another key that stays": (OURS, {("s", "b"): "created"}, ["a"], [], OURS),
    "another key that moves away": (OURS, {("s", "b"): "created"}, ["a", "b"], [], OURS),
    "another key that is deleted": (OURS, {("s", "b"): "created"}, ["a"], ["b"], LEAVING),
    "adopted by a key that stays": (OURS, {("s", "b"): "adopted"}, ["a"], [], PERSON),
    "adopted by a key that is deleted": (OURS, {("s", "b"): "adopted"}, ["a"], ["b"], PERSON),
    "adopted by a key that moves away": (OURS, {("s", "b"): "adopted"}, ["a", "b"], [], OURS),
    "created by another source": (OURS, {("t", "b"): "created"}, ["a"], [], OURS),
    "adopted by another source": (OURS, {("t", "b"): "adopted"}, ["a"], [], UNKNOWN),
    "deleted here, adopted by another source": (
        OURS,
        {("s", "b"): "created", ("t", "c"): "adopted"},
        ["a"],
        ["b"],
        LEAVING,
    ),
    "a deleted key of another source does not count": (OURS, {("t", "b"): "created"}, ["a"], ["b"], OURS),
}


@pytest.mark.parametrize(("owner", "holders", "moving", "deleted", "expected"), MET.values(), ids=MET)
def test_whose_a_contact_is_that_a_move_comes_upon(
    owner: Owner, holders: dict[Holder, str], moving: list[str], deleted: list[str], expected: Owner
) -> None:
    assert whose_met(owner, holders, MOVER, moving=moving, deleted=deleted) is expected
