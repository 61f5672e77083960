"""Reasons that other contacts have lose what was forgotten, and stay readable."""

from __future__ import annotations

import pytest

from syncd.core.callers.wording import NOBODY
from syncd.core.forgetting.reasons import without
from syncd.core.forgetting.traces import Sought

SOUGHT = Sought(frozenset(["ann-withername", "7", f"7{chr(0x1F)}b", "nobody"]), frozenset(["2125550101"]))


@pytest.mark.parametrize(
    ("reason", "left"),
    [
        ("tenants ann-withername has it (first)", "tenants (forgotten) has it (first)"),
        ("tenants 7 has it (decided)", "tenants (forgotten) has it (decided)"),
        ("tenants 7+b has it (first)", "tenants (forgotten) has it (first)"),
        ("the row had the key ann-withername before", "the row had the key (forgotten) before"),
        ("212 555-0101 is taken", "(forgotten) is taken"),
        ("tenants 77 has it (first)", "tenants 77 has it (first)"),
        ("tenants 7+c has it (first)", "tenants 7+c has it (first)"),
        ("owners 7 has it (first)", "owners 7 has it (first)"),
        ("Note: longer than 7 characters", "Note: longer than 7 characters"),
        ("2125550102 is taken", "2125550102 is taken"),
        (NOBODY, NOBODY),
    ],
)
def test_a_reason_loses_the_keys_and_the_numbers_that_were_forgotten(reason: str, left: str) -> None:
    assert without("tenants", SOUGHT)(reason) == left


def test_of_a_number_alone_no_key_is_looked_for() -> None:
    reworded = without("tenants", Sought(numbers=frozenset(["2125550101"])))
    assert reworded("tenants 7 has it (first)") == "tenants 7 has it (first)"
