"""What is left of rows, texts and contacts without what was forgotten."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from syncd.core.columns import CONTACT, EXCLUDED, INVALID, KEY, REASON, STATE, WARNING
from syncd.core.forgetting.forms import forms_of
from syncd.core.forgetting.marks import Marks, digest_of, key_text, sieve_of
from syncd.core.forgetting.rows import without_forgotten
from syncd.core.forgetting.texts import erased, match_without
from syncd.core.forgetting.traces import Sought, Traces

SALT = "5a17"
NUMBER = "2125550101"


def marks(*, keys: tuple[str, ...] = (), numbers: tuple[str, ...] = (), sieves: bool = True) -> Marks:
    def digests(what: str, texts: list[str]) -> dict[str, int | None]:
        return {digest_of(what, text, SALT): sieve_of(what, text, SALT) if sieves else None for text in texts}

    of_keys = [key_text("tenants", key) for key in keys]
    return Marks("tenants", SALT, "stamp", digests("key", of_keys), digests("number", list(numbers)))


def mapped(*rows: tuple[Any, ...]) -> pl.DataFrame:
    schema = {
        KEY: pl.String,
        STATE: pl.UInt8,
        REASON: pl.String,
        WARNING: pl.String,
        "Phone": pl.String,
        "Fax": pl.String,
    }
    return pl.DataFrame([(*row, *(None,) * (6 - len(row))) for row in rows], schema=schema, orient="row")


@pytest.mark.parametrize("sieves", [True, False])
def test_a_forgotten_key_is_recognised_among_others_in_its_own_source_only(*, sieves: bool) -> None:
    known = marks(keys=("7",), sieves=sieves)
    keys = pl.Series(["6", "7", None, "77"])
    assert known.forgotten_keys(keys).to_list() == [False, True, False, False]
    other = Marks("owners", SALT, "stamp", known.keys, {})
    assert not other.forgotten_keys(keys).any()


WORLDS: dict[str, tuple[tuple[Any, ...], tuple[Any, ...] | None]] = {
    "another number stays": (("1", CONTACT, None, None, f"{NUMBER};7185550101", ""), ("7185550101", "", CONTACT)),
    "written with its 1": (("1", CONTACT, None, None, f"1{NUMBER};7185550101", None), ("7185550101", None, CONTACT)),
    "another field has a number": (("1", CONTACT, None, None, "7185550101", NUMBER), ("7185550101", "", CONTACT)),
    "a required field is empty now": (("1", CONTACT, None, None, NUMBER, "7185550101"), ("", "7185550101", EXCLUDED)),
    "no other number": (("1", CONTACT, None, None, NUMBER, ""), None),
    "no number at all": (("1", CONTACT, None, None, "", None), ("", None, CONTACT)),
    "an invalid row says nothing of its contact": (("1", INVALID, "no", None, NUMBER, ""), ("", "", INVALID)),
    "a longer number is another one": (("1", CONTACT, None, None, f"44{NUMBER}", ""), (f"44{NUMBER}", "", CONTACT)),
}


@pytest.mark.parametrize(("row", "left"), WORLDS.values(), ids=WORLDS)
def test_a_row_loses_a_forgotten_number(row: tuple[Any, ...], left: tuple[Any, ...] | None) -> None:
    others = [("0", CONTACT, None, None, "3125550100", None), ("2", CONTACT, None, None, "3125550102", None)]
    rows = mapped(others[0], row, others[1])
    found, gone = without_forgotten(rows, marks(numbers=(NUMBER,)), {"Phone", "Fax"}, {"Phone"})
    assert gone.to_list() == [False, left is None, False]
    if left:
        assert found.select("Phone", "Fax", STATE).row(1) == left
    assert found[[0, 2]].equals(rows[[0, 2]])


def test_reasons_and_warnings_lose_it_too() -> None:
    rows = mapped(("1", INVALID, "Phone: (212) 555-0101 x is odd", "left out: 2125550101 and 7185550102", "", ""))
    found, _ = without_forgotten(rows, marks(numbers=(NUMBER,)), {"Phone"}, set())
    assert found.select(REASON, WARNING).row(0) == (
        "Phone: ((forgotten) x is odd",
        "left out: (forgotten) and 7185550102",
    )


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("call +1 212 555 0101 now", "call (forgotten) now"),
        ("2125550101 2125550102", "(forgotten) 2125550102"),
        ("12125550101", "(forgotten)"),
        ("order 42125550101", "order 42125550101"),
        ("12 contacts of 1,234", "12 contacts of 1,234"),
    ],
)
def test_a_text_loses_a_number_however_it_is_written(text: str, left: str) -> None:
    assert erased(text, {NUMBER}.__contains__) == left


def test_a_match_value_loses_it() -> None:
    assert match_without(f"Ann\x1f{NUMBER};7185550101", {NUMBER}) == "Ann\x1f7185550101"


def test_a_report_loses_the_entries_of_a_key_and_its_words() -> None:
    traces = Traces(Sought(frozenset({"a\x1f1"}), frozenset({NUMBER})), frozenset({"Ann Lee", "Jo"}))
    report = {
        "read": "complete",
        "counts": {"invalid": 2},
        "invalid": [{"key": "a+1", "at": "t.csv:2"}, {"key": "b+2", "reason": "shares it with Ann Lee, a+1"}],
        "held": [{"gate": "deletes.count", "keys": ["a+1", "b+2"], "detail": f"Jo and {NUMBER}"}],
        "callers": [{"number": NUMBER, "old": ["Ann Lee"]}, {"number": "7185550101", "old": ["Ann Lee", "Bo"]}],
    }
    assert traces.out_of_report(report) == {
        "read": "complete",
        "counts": {"invalid": 2},
        "invalid": [{"key": "b+2", "reason": "shares it with (forgotten), a+1"}],
        "held": [{"gate": "deletes.count", "keys": ["b+2"], "detail": "Jo and (forgotten)"}],
        "callers": [{"number": "7185550101", "old": ["(forgotten)", "Bo"]}],
    }


@pytest.mark.parametrize(
    ("text", "regions", "forms"),
    [
        ("+1 (212) 555-0101", ["US"], {"2125550101"}),
        ("020 7946 0018", ["GB"], {"02079460018", "442079460018"}),
        ("+44 20 7946 0018", ["US", "GB"], {"02079460018", "442079460018"}),
        ("12", ["US"], set()),
    ],
)
def test_a_number_is_forgotten_in_each_form_in_which_a_source_may_send_it(
    text: str, regions: list[str], forms: set[str]
) -> None:
    assert forms_of(text, regions) - {"12125550101"} == forms
