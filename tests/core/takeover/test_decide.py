"""Which rows under new keys take over a contact at once, and which wait, as tables of counts."""

from __future__ import annotations

import polars as pl
import pytest

from syncd.core.columns import DIGEST, KEY
from syncd.core.compare import ID
from syncd.core.settings.rules import KeyLimits
from syncd.core.takeover.decide import KeyChanges, decide, taken_over
from syncd.core.takeover.key_forms import WAS
from syncd.core.takeover.pairs import PAIRS, Pairs

NOBODY = pl.Series(KEY, dtype=pl.String)


def pairs(count: int, new: tuple[str, ...] = (), old: tuple[str, ...] = ()) -> Pairs:
    rows = [(str(n), f"0{n}", True) for n in range(1, count + 1)]
    sure = pl.DataFrame(rows, schema=PAIRS, orient="row")
    return Pairs(sure, pl.Series(KEY, new, dtype=pl.String), pl.Series(WAS, old, dtype=pl.String))


def decided(found: Pairs, *, unsure: str = "", approved: tuple[str, ...] = (), digest: int = 7) -> KeyChanges:
    keys = [*found.sure.get_column(KEY), *found.sure.get_column(WAS), *found.new, *found.old]
    details = pl.DataFrame(
        [(key, 1, digest) for key in keys], schema={KEY: pl.String, ID: pl.Int64, DIGEST: pl.Int64}, orient="row"
    )
    limits = KeyLimits(share=0.1, free=2)
    return decide(found, details, known=40, limits=limits, unsure=unsure, approved=approved)


@pytest.mark.parametrize(
    ("count", "unsure", "taken"),
    [(0, "", 0), (1, "", 1), (4, "", 4), (5, "", 0), (1, "a row has no readable key", 0)],
)
def test_few_rows_take_over_and_many_wait(count: int, unsure: str, taken: int) -> None:
    found = decided(pairs(count), unsure=unsure)
    assert len(found.takes()) == taken
    assert (found.held is None) == (taken == count)


def test_the_gate_says_how_many_what_and_which() -> None:
    held = decided(pairs(5)).held
    assert held is not None
    assert held.keys == ("1", "2", "3", "4", "5", "01", "02", "03", "04", "05")
    assert held.detail == (
        "5 rows come under new keys (12 %), whose contacts would vanish: leading zeros are gone"
        " (01 → 1, 02 → 2, 03 → 3); 10 % of 40 contacts is allowed; approved, they are the same contacts"
    )


def test_an_approval_is_for_these_pairs_and_these_values() -> None:
    held = decided(pairs(5)).held
    assert held is not None
    found = decided(pairs(5), approved=(held.digest,))
    assert (found.takes(), found.held, found.opened) == ({f"0{n}": str(n) for n in range(1, 6)}, None, held)
    assert decided(pairs(6), approved=(held.digest,)).held is not None
    assert decided(pairs(5), approved=(held.digest,), digest=8).held is not None


def test_rows_that_nobody_can_tell_apart_wait_with_the_others_and_are_never_taken_over() -> None:
    found = pairs(4, new=("x", "y"), old=("v", "w"))
    held = decided(found).held
    assert held is not None
    assert {"x", "y", "v", "w"} < set(held.keys)
    opened = decided(found, approved=(held.digest,))
    assert (len(opened.takes()), opened.let_pass) == (4, ["v", "w"])


def test_if_it_is_not_sure_who_has_left_rows_that_nobody_can_tell_apart_go_on_waiting() -> None:
    found = pairs(4, new=("x", "y"), old=("v", "w"))
    held = decided(found, unsure="no proof").held
    assert held is not None
    opened = decided(found, unsure="no proof", approved=(held.digest,))
    assert (len(opened.takes()), opened.let_pass) == (4, ())
    assert opened.held is not None
    assert opened.held.keys == ("x", "y", "v", "w")


def test_the_report_lists_who_went_on() -> None:
    assert taken_over(decided(pairs(1))) == {
        "count": 1,
        "what": "leading zeros are gone",
        "keys": [{"key": "1", "was": "01"}],
    }
    assert taken_over(KeyChanges()) == {}
