"""Which changes of a plan count, by their outcomes, for what becomes of callers."""

from __future__ import annotations

import polars as pl
import pytest

from syncd.core.callers.effects import HOLDS, OTHERS, Touched
from syncd.core.plan import Plan
from syncd.report.source_report import SourceReport, callers_of

N = "2125550101"


def report(outcome: str) -> SourceReport:
    """Return the report of a plan that deletes the contact with the number, which ended so."""
    change = {"@kind": ["delete"], "@key": ["7"], "@id": [4711]}
    plan = Plan(pl.DataFrame(change), (), pl.DataFrame(change).clear())
    before = pl.DataFrame([(N, "7", "Ann Lee")], schema=HOLDS, orient="row")
    touched = Touched("tenants", before, before.clear(), pl.DataFrame(schema=OTHERS))
    outcomes = pl.DataFrame({"@key": ["7"], "@outcome": [outcome]})
    return SourceReport("tenants", plan=plan, outcomes=outcomes, otherwise="not sent", touched=touched)


@pytest.mark.parametrize("outcome", ["accepted", "handed over", "left", "not found"])
def test_a_contact_that_left_the_ledger_is_nobody_s_caller(outcome: str) -> None:
    assert list(callers_of([report(outcome)]).rows()) == [{"number": N, "kind": "lose", "old": ["Ann Lee"], "new": []}]


@pytest.mark.parametrize("outcome", ["rejected", "unknown", "not sent"])
def test_a_change_that_was_not_made_leaves_the_caller(outcome: str) -> None:
    assert list(callers_of([report(outcome)]).rows()) == []


def test_a_plan_that_was_broken_off_changed_nobody_for_sure() -> None:
    broken = report("accepted")
    broken.outcomes, broken.otherwise = None, "unknown"
    assert callers_of([broken]).counts["lose"] == 0
