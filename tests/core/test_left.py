"""What is left at the target, what is forgotten, and what a change turned out to be: tables of changes and contacts."""

from __future__ import annotations

import json
from collections.abc import Mapping

import polars as pl
import pytest

from syncd.core.change import CarriedOut, Kind
from syncd.core.changes.left_out import barred_refusals, sparing_adopted, without_refused
from syncd.core.columns import KEY, MATCH
from syncd.core.compare import (
    BEFORE,
    CHANGE_SCHEMA,
    DETAIL_SCHEMA,
    ID,
    KIND,
    OLD_MATCH,
    SPARES,
    WHY,
    as_carried_out,
    rows,
)
from syncd.core.outcomes import Accepted
from syncd.core.ownership import Owner, turned_out
from syncd.core.remote import folded
from syncd.core.settings.rules import DeleteLimits, GateRules, Mode


def frame(*changes: Mapping[str, object]) -> pl.DataFrame:
    return pl.DataFrame(changes, schema={**CHANGE_SCHEMA, "Name": pl.String})


def move(key: str, id_: int, old: str, new: str, why: str | None = None) -> dict[str, object]:
    return {KIND: "move", KEY: key, ID: id_, OLD_MATCH: old, MATCH: new, WHY: why}


def detail(*contacts: tuple[str, int | None, str, str]) -> pl.DataFrame:
    """Contacts of the ledger: key, id, status, origin."""
    found = [(key, id_, status, "m", None, origin, None) for key, id_, status, origin in contacts]
    return pl.DataFrame(found, schema=DETAIL_SCHEMA, orient="row")


LEAVES = "leaves adopted contact 7"
MOVES: dict[str, tuple[list[dict[str, object]], str, bool, list[tuple[bool, str | None]]]] = {
    "an adopted contact": ([move("a", 7, "1", "2")], "adopted", False, [(True, LEAVES)]),
    "with another reason": ([move("a", 7, "1", "2", "x")], "adopted", False, [(True, f"x; {LEAVES}")]),
    "a contact of ours": ([move("a", 7, "1", "2")], "created", False, [(False, None)]),
    "adopted contacts are deleted": ([move("a", 7, "1", "2")], "adopted", True, [(False, None)]),
    "another row gets the contact": (
        [move("a", 7, "1", "2"), {KIND: "create", KEY: "b", MATCH: "1"}],
        "adopted",
        False,
        [(True, None), (False, None)],
    ),
    "only the case differs, and the target may take both for one": (
        [move("a", 7, "Ann", "ann")],
        "adopted",
        False,
        [(True, None)],
    ),
}


@pytest.mark.parametrize(("changes", "origin", "allowed", "expected"), MOVES.values(), ids=MOVES)
def test_a_move_leaves_an_adopted_contact_and_says_so(
    changes: list[dict[str, object]], origin: str, allowed: bool, expected: list[tuple[bool, str | None]]
) -> None:
    rules = GateRules(deletes=DeleteLimits(adopted=allowed))
    found = rows(sparing_adopted(frame(*changes), detail(("a", 7, "accepted", origin)), rules))
    assert [(bool(each.spares), each.why) for each in found] == expected


def test_a_delete_that_spares_its_contact_still_does_beside_a_move_of_an_adopted_one() -> None:
    """The undo of a takeover is such a delete."""
    changes = frame(move("a", 7, "1", "2"), {KIND: "delete", KEY: "b", MATCH: "3", ID: 8})
    changes = changes.with_columns(pl.Series(SPARES, [None, True]))
    found = sparing_adopted(changes, detail(("a", 7, "accepted", "adopted")), GateRules())
    assert found.get_column(SPARES).to_list() == [True, True]


def test_only_a_refused_contact_that_never_was_at_the_target_needs_no_delete() -> None:
    known = [("never", None, "rejected", "created"), ("there", 7, "rejected", "created"), ("open", None, "pending", "")]
    changes = frame(*({KIND: "delete", KEY: key} for key, *_ in known), {KIND: "create", KEY: "never"})
    rest, forgotten = without_refused(changes, detail(*known))
    assert forgotten == ["never"]
    assert list(zip(rest[KIND], rest[KEY], strict=True)) == [
        ("delete", "there"),
        ("delete", "open"),
        ("create", "never"),
    ]


@pytest.mark.parametrize(
    ("mode", "barred"),
    [("mirror", []), ("upsert", []), ("update_only", ["new"]), ("create_only", ["there"])],
)
def test_a_refused_contact_that_the_mode_does_not_send(mode: Mode, barred: list[str]) -> None:
    refused = detail(("new", None, "rejected", "created"), ("there", 7, "rejected", "created"))
    assert barred_refusals(refused, mode).to_list() == barred


@pytest.mark.parametrize(
    ("kind", "owner", "taken_over", "action", "expected"),
    [
        ("create", Owner.OURS, False, "created", "create"),
        ("create", Owner.OURS, False, "updated", "create"),  # a lost call of its own made it, or it came back
        ("create", Owner.OURS, True, "updated", "adopt"),
        ("create", Owner.OURS, True, "", "adopt"),
        ("create", Owner.OURS, True, "created", "create"),  # the other key's contact was deleted, and came back
        ("create", Owner.PERSON, False, "updated", "adopt"),
        ("create", Owner.PERSON, True, "updated", "adopt"),
        ("adopt", Owner.PERSON, False, "updated", "adopt"),
        ("adopt", Owner.OURS, True, "updated", "adopt"),
        ("adopt", Owner.OURS, False, "created", "create"),
        ("update", Owner.PERSON, False, "updated", "update"),
        ("update", Owner.OURS, True, "updated", "update"),
        ("move", Owner.PERSON, False, "updated", "move"),
        ("move", Owner.OURS, True, "updated", "move"),
    ],
)
def test_what_a_change_turned_out_to_be(
    kind: Kind, owner: Owner, taken_over: bool, action: str, expected: Kind
) -> None:
    assert turned_out(kind, owner, Accepted(7, {}, action), taken_over=taken_over) == expected


def test_changes_are_shown_as_they_were_carried_out() -> None:
    changes = frame(*({KIND: "create", KEY: key, MATCH: key, "Name": "Ann"} for key in "abc"))
    done = as_carried_out(changes, {"b": (7, CarriedOut("adopt", {"Name": "Bob"})), "c": (8, CarriedOut("adopt"))})
    assert done.columns == changes.columns
    assert done.select(KIND, ID, BEFORE, WHY).rows() == [
        ("create", None, None, None),
        ("adopt", 7, json.dumps({"Name": "Bob"}), None),
        ("adopt", 8, None, "the target had it before; what it held then is not known"),
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("José", "JOSE", True),
        ("Straße", "STRASSE", True),
        ("１２", "12", True),
        ("12 Main-St.", "12 main st", True),
        ("O’Hara", "O'Hara", True),
        ("Ann", "Anne", False),
        ("--", "++", False),
        ("漢字", "漢", False),
    ],
)
def test_match_values_that_the_loosest_target_takes_for_one(one: str, other: str, same: bool) -> None:
    assert (folded((one,)) == folded((other,))) is same
