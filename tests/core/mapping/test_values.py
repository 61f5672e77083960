"""The value of a field: text, templates, cases, lengths and phones, as before and after."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.core.columns import CONTACT, INVALID, WARNING
from syncd.core.mapping import text as text_forms
from syncd.core.settings.rules import AllOf, Column, First, PhoneRules, Rule, Sql, Template, Value
from tests.worlds.core_mapping import applied, named, rules, states


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  Ann  ", "Ann"),
        ("Ann\u00a0 \tLee\r\nJones", "Ann Lee Jones"),
        ("An\u200bn\ufeff", "Ann"),
        (" \u200b ", ""),
        ("Zoe\u0308", "Zoë"),
        ("A\x00nn\x1eLee\x1f", "Ann Lee"),
        ("Ann \x07 Lee", "Ann Lee"),
        (None, ""),
        ("👩‍🔧 Ann", "👩‍🔧 Ann"),
    ],
)
def test_text_is_trimmed_its_white_space_made_one_and_composed(before: str | None, after: str) -> None:
    assert named(Column("name"), name=[before, "other"]) == [after, "other"]


@given(st.text("Ann é\u00ad\u200b\u200c\u200d\ufeffन👩", max_size=6))
@example("\u00ad")
@example("".join(map(chr, range(128))))
def test_a_single_text_loses_the_marks_that_a_column_loses(text: str) -> None:
    column = pl.select(text_forms.form(pl.lit(text), "kept")).item()
    assert text_forms.formed(text_forms.visible(text), "kept") == column
    assert (text_forms.visible(text) == text) is not pl.select(text_forms.is_marked(pl.lit(text))).item()


def test_text_that_is_not_trimmed_keeps_its_spaces_but_no_control_characters() -> None:
    kept = Rule(Column("name"), trim=False)
    assert named(kept, name=["  Ann  Lee\n", "A\x1fn\x1en\x00\r", "Zoe\u0308"]) == ["  Ann  Lee\n", "Ann", "Zoë"]


@pytest.mark.parametrize(
    ("template", "after"),
    [
        ("{a} {b}", ["Ann Lee", "Ann", "Lee", ""]),
        ("{a}, {b}", ["Ann, Lee", "Ann", "Lee", ""]),
        ("{a}, {b}, {a}", ["Ann, Lee, Ann", "Ann, Ann", "Lee", ""]),
        ("{a} ({b})", ["Ann (Lee)", "Ann", "(Lee)", ""]),
        ("{a}-{b}.", ["Ann-Lee.", "Ann", "Lee.", ""]),
        ("#{a} {b}", ["#Ann Lee", "#Ann", "Lee", ""]),
        ("Unit {a}  of {b}", ["Unit Ann of Lee", "Unit Ann of", "Unit of Lee", ""]),
        ("{{{a}}} {b}", ["{Ann} Lee", "{Ann}", "Lee", ""]),
        ("{ a }{b}", ["AnnLee", "Ann", "Lee", ""]),
        ("Tenant", ["Tenant"] * 4),
        ("{{}}", ["{}"] * 4),
    ],
)
def test_absent_values_leave_nothing_dangling_in_a_template(template: str, after: list[str]) -> None:
    assert named(Template(template), a=["Ann", "Ann", " ", ""], b=["Lee", "", "Lee", "\u00a0"]) == after


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        (Rule(Column("x"), default="Unknown"), ["", "  ", "a"], ["Unknown", "Unknown", "a"]),
        (Rule(Column("x"), translate={"A": "Active", "I": ""}), [" A ", "B", "I"], ["Active", "B", ""]),
        (Rule(Column("x"), translate={"I": ""}, default="None"), ["I"], ["None"]),
        (Rule(Column("x"), translate={"a": "b"}, case="upper"), ["a", "c"], ["B", "C"]),
        (Rule(Column("x"), case="lower"), ["ÀB"], ["àb"]),
        (Rule(Column("x"), case="upper", default="none"), ["", "x"], ["none", "X"]),
        (Rule(Column("x"), default="  Not\u00a0known "), [""], ["Not known"]),
        (Rule(Column("x"), max_length=4), ["Zoë Lee", "Zoë", "Zoëlee"], ["Zoë", "Zoë", "Zoël"]),
        (Rule(Column("x"), empty="keep"), ["", "a"], [None, "a"]),
        (Rule(Column("x"), empty="clear"), [None, "a"], ["", "a"]),
        (Rule(First(("x", "id"))), ["", " ", "a"], ["1", "2", "a"]),
        (Rule(Sql("upper(x) || '-' || id")), ["a", "", None], ["A-1", "-2", ""]),
        (Rule(Sql("try_cast(x as int) + 1")), ["41", "?"], ["42", ""]),
        (Rule(Sql("  'a  b' ")), ["", ""], ["a b", "a b"]),
        (Rule(Value(" a  b ")), ["", ""], ["a b", "a b"]),
    ],
)
def test_a_rule_makes_its_value(rule: Rule, before: list[str | None], after: list[str | None]) -> None:
    assert named(rule, x=before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ann lee", "Ann Lee"),
        ("ANN LEE III", "Ann Lee III"),
        ("O'BRIEN", "O'Brien"),
        ("o’brien-lee", "O’Brien-Lee"),
        ("McDonald", "McDonald"),
        ("MCDONALD", "McDonald"),
        ("DeVito", "DeVito"),
        ("ann's café", "Ann's Café"),
        ("Acme LLC", "Acme LLC"),
        ("élodie", "Élodie"),
        ("", ""),
    ],
)
def test_title_case_leaves_names_as_people_write_them(before: str, after: str) -> None:
    assert named(Rule(Column("x"), case="title"), x=[before]) == [after]


def test_what_is_cut_is_told() -> None:
    made = rules(mapping={"Name": Rule(Column("name"), max_length=3)})
    assert applied(made, name=["Anna", "Ann"])[WARNING].to_list() == ["Name: cut to 3 characters", None]


def test_a_phone_field_is_cut_between_numbers() -> None:
    made = rules(mapping={"Phone": Rule(Column("p"), max_length=21)})
    page = applied(made, p=["2125551234;7185559999;6465550000", "2125551234;442079460958", "2125551234"])
    assert page["Phone"].to_list() == ["2125551234;7185559999", "2125551234", "2125551234"]
    assert page[WARNING].to_list() == ["Phone: cut to 21 characters"] * 2 + [None]


@pytest.mark.parametrize(
    ("rule", "after"),
    [
        (Rule(Column("p")), ["2125551234", ""]),
        (Rule(AllOf(("q", "p"))), ["7185559999;2125551234", "7185559999"]),
        (Rule(First(("p", "q"))), ["2125551234", "7185559999"]),
        (Rule(Template("tel: {p}")), ["2125551234", ""]),
        (Rule(Sql("p || ';' || q")), ["2125551234;7185559999", "7185559999"]),
        (Rule(Value("212 555 0000")), ["2125550000", "2125550000"]),
        (Rule(Column("p"), default="(212) 555-0000"), ["2125551234", "2125550000"]),
        (Rule(Column("p"), translate={"n/a": "2125550000"}), ["2125551234", "2125550000"]),
        (Rule(Column("p"), empty="keep"), ["2125551234", None]),
    ],
)
def test_every_rule_can_feed_a_phone_field(rule: Rule, after: list[str | None]) -> None:
    page = applied(rules(mapping={"Phone": rule}), p=["(212) 555-1234", "n/a"], q=["718 555 9999"] * 2)
    assert page["Phone"].to_list() == after


def test_a_phone_problem_warns_or_makes_the_row_invalid() -> None:
    made = rules(mapping={"Phone": Rule(Column("mobile"))})
    page = applied(made, mobile=["555-1234", "212-555-1234"])
    assert states(page) == [(CONTACT, None)] * 2
    assert page[WARNING].to_list() == ["Phone (mobile): too short", None]
    strict = replace(made, phones=PhoneRules(invalid="reject"))
    page = applied(strict, mobile=["555-1234", "212-555-1234"])
    assert states(page) == [(INVALID, "Phone (mobile): too short"), (CONTACT, None)]
    assert page[WARNING].to_list() == [None, None]
