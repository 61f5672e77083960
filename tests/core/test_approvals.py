"""Which gates an approval opens, as tables of lists."""

from __future__ import annotations

import polars as pl
import pytest

from syncd.core.approvals import Approval, is_approved, opened
from syncd.core.columns import KEY
from syncd.core.compare import KIND
from syncd.core.plan import Held

CHANGES = pl.DataFrame(
    [("create", "c"), ("update", "u"), ("delete", "d"), ("delete", "e")], schema=[KIND, KEY], orient="row"
)
DELETES = Held("deletes.count", "delete", ("d", "e"), "two", "2 deletes")
SHARE = Held("deletes.share", "delete", ("d", "e"), "two", "2 deletes")
GRACE = Held("deletes.grace", "delete", ("d",), "one", "1 delete")
UNPROVED = Held("deletes.unproved", "delete", ("d", "e"), "two", "not proved", approvable=False)
UPDATES = Held("updates.share", "update", ("u",), "edits", "1 update")
EVERYTHING = Held("schema.match", "all", ("c", "u", "d", "e"), "all", "other match fields")
LET_GO = Held("deletes.empty", "all", ("adopted",), "let go", "1 adopted contact")


@pytest.mark.parametrize(
    ("held", "approved", "expected"),
    [
        (DELETES, set(), False),
        (DELETES, {"two"}, True),
        (DELETES, {"one"}, False),
        (DELETES, {("deletes.count", "two")}, True),
        (DELETES, {("deletes.share", "two")}, False),  # an approval of one gate opens no other
        (DELETES, {("deletes.count", "one")}, False),  # nor another list of the same gate
        (UNPROVED, {"two"}, False),
        (UNPROVED, {("deletes.unproved", "two")}, False),
    ],
)
def test_an_approval_names_the_digest_and_perhaps_the_gate(held: Held, approved: set[Approval], expected: bool) -> None:
    assert is_approved(held, approved) is expected


OPENED: dict[str, tuple[list[Held], set[Approval], list[Held]]] = {
    "nothing is approved": ([DELETES, UPDATES], set(), []),
    "its list is approved": ([DELETES, UPDATES], {"two"}, [DELETES]),
    "both lists are approved": ([DELETES, UPDATES], {"two", "edits"}, [DELETES, UPDATES]),
    "two gates hold one list, and its digest is approved": ([DELETES, SHARE], {"two"}, [DELETES, SHARE]),
    "two gates hold one list, and one of them is approved": ([DELETES, SHARE], {("deletes.count", "two")}, []),
    "another gate holds a part of it": ([DELETES, GRACE], {"two"}, [DELETES]),
    "another gate holds all of it": ([GRACE, DELETES], {"one"}, []),
    "another gate holds everything": ([DELETES, UPDATES, EVERYTHING], {"two", "edits"}, []),
    "only a fix helps the other gate": ([DELETES, UNPROVED], {"two"}, []),
    "its list holds no change": ([LET_GO], {"let go"}, [LET_GO]),
    "another list, which other contacts are in by now": ([DELETES], {"three"}, []),
}


@pytest.mark.parametrize(("found", "approved", "expected"), OPENED.values(), ids=OPENED)
def test_an_approved_gate_opens_if_that_lets_a_change_go_on(
    found: list[Held], approved: set[Approval], expected: list[Held]
) -> None:
    assert opened(CHANGES, found, approved) == expected
