"""Rows, rules and what they make: before, configuration, after."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.columns import CONTACT, EXCLUDED, INVALID, KEY, LINE, REASON, STATE, WARNING
from syncd.core.mapping import compiler as mapping
from syncd.core.mapping import sql
from syncd.core.rules import AllOf, Column, First, Origin, PhoneRules, Rule, SourceRules, Sql, Template, Value
from syncd.core.schema import Field, Schema
from tests.examples import examples

SCHEMA = Schema((Field(1, "ID", is_match=True), Field(2, "Name"), Field(3, "Phone", is_phone=True), Field(4, "Note")))


def rules(key: tuple[str, ...] = ("id",), **settings: Any) -> SourceRules:
    """Rules whose mapping is ``ID: id`` unless ``settings`` say more."""
    return replace(SourceRules(key=key, mapping={"ID": Rule(Column("id"))}), **settings)


def applied(made: SourceRules, **columns: list[Any]) -> pl.DataFrame:
    """The contacts of a page with ``columns`` (and ``id`` 1, 2, … unless given), which begins at line 2."""
    height = len(next(iter(columns.values())))
    columns = {"id": [str(n + 1) for n in range(height)], **columns}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    lines = pl.int_range(2, height + 2, dtype=pl.UInt32, eager=True)
    return mapping.compile(made, frame.columns, SCHEMA).apply(frame, lines)


def named(rule: Rule | Origin, **columns: list[Any]) -> list[str | None]:
    """What the field Name gets by ``rule``."""
    rule = rule if isinstance(rule, Rule) else Rule(rule)
    return applied(rules(mapping={"Name": rule}), **columns)["Name"].to_list()


def states(page: pl.DataFrame) -> list[tuple[int, str | None]]:
    return list(page.select(STATE, REASON).iter_rows())


def test_a_row_becomes_a_contact() -> None:
    made = rules(
        mapping={
            "ID": Rule(Column("id")),
            "Name": Rule(Template("{first} {last}")),
            "Phone": Rule(AllOf(("mobile", "home"))),
            "Note": Rule(Value("Tenant")),
        }
    )
    page = applied(made, first=["Ann"], last=["Lee"], mobile=["(212) 555-1234"], home=["718 555 9999"])
    assert page.schema == {
        KEY: pl.String, LINE: pl.UInt32, STATE: pl.UInt8, REASON: pl.String, WARNING: pl.String,
        "ID": pl.String, "Name": pl.String, "Phone": pl.String, "Note": pl.String,
    }  # fmt: skip
    assert page.rows() == [("1", 2, CONTACT, None, None, "1", "Ann Lee", "2125551234;7185559999", "Tenant")]


def test_a_page_without_rows_has_the_same_columns() -> None:
    full, empty = applied(rules(), name=["Ann"]), applied(rules(), name=[])
    assert empty.schema == full.schema
    assert empty.height == 0


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


@pytest.mark.parametrize(
    ("parts", "key", "state"),
    [
        ((" 1 ", "a"), "1\x1fa", (CONTACT, None)),
        (("\ufeff1", "a  b"), "1\x1fa  b", (CONTACT, None)),
        (("1", "Zoe\u0308"), "1\x1fZoë", (CONTACT, None)),
        (("1", " "), None, (INVALID, "no key")),
        ((None, "a"), None, (INVALID, "no key")),
        (("1\x1f2", "a"), None, (INVALID, "the key holds a control character")),
        (("1", "a\x1e"), None, (INVALID, "the key holds a control character")),
        (("1\x00", "a"), None, (INVALID, "the key holds a control character")),
        (("1", "a\nb"), None, (INVALID, "the key holds a control character")),
    ],
)
def test_a_key_is_trimmed_composed_and_joined(
    parts: tuple[str | None, str | None], key: str | None, state: tuple[int, str | None]
) -> None:
    page = applied(rules(key=("a", "b"), mapping={}), a=[parts[0]], b=[parts[1]])
    assert page[KEY].to_list() == [key]
    assert states(page) == [state]


def test_what_where_does_not_want_is_excluded_even_without_a_key() -> None:
    page = applied(rules(where="status <> 'former'"), id=["1", "", "3", ""], status=["", "former", None, "new"])
    excluded = (EXCLUDED, "where: status <> 'former'")
    assert states(page) == [(CONTACT, None), excluded, excluded, (INVALID, "no key")]


def test_a_contact_that_lacks_what_is_required_is_excluded() -> None:
    made = rules(
        mapping={"Name": Rule(Column("n"), empty="keep"), "Phone": Rule(Column("p"))}, require=("Phone", "Name")
    )
    page = applied(made, n=["Ann", "", ""], p=["212-555-1234", "212-555-1234", "n/a"])
    assert states(page) == [(CONTACT, None), (EXCLUDED, "lacks Name"), (EXCLUDED, "lacks Name, Phone")]


def test_an_empty_value_can_refuse_the_row() -> None:
    made = rules(mapping={"Name": Rule(Column("n"), empty="reject"), "Phone": Rule(Column("p"))}, require=("Phone",))
    page = applied(made, n=["Ann", " "], p=["2125551234", ""])
    assert states(page) == [(CONTACT, None), (INVALID, "Name: empty")]


def test_sql_that_fails_for_a_row_makes_that_row_invalid() -> None:
    made = rules(mapping={"Name": Rule(Sql("cast(n as int) + 1"))}, where="cast(m as int) > 1")
    page = applied(made, n=["1", "x", "3", "y"], m=["2", "2", "?", "0"])
    assert states(page) == [
        (CONTACT, None),
        (INVALID, "Name: the SQL expression fails for this row"),
        (INVALID, "where: the SQL expression fails for this row"),
        (EXCLUDED, "where: cast(m as int) > 1"),
    ]
    assert page["Name"][0] == "2"


def test_sql_that_fails_for_nearly_every_row_is_an_error_without_any_value() -> None:
    made = rules(mapping={"Name": Rule(Sql("cast(n as int)"))})
    with pytest.raises(mapping.MappingError, match="more than 1,000 rows") as caught:
        applied(made, n=["Ann"] * 1_100)
    assert caught.value.problems[0][0] == ("mapping", "Name")
    assert "Ann" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_columns_and_fields_may_be_called_anything() -> None:
    schema = Schema((Field(1, "*"), Field(2, "^.*$"), Field(3, "text 0"), Field(4, "@"), Field(5, "value 1")))
    names = {"*": "^a$", "^.*$": "*", "text 0": "which", "value 1": "value 0"}
    made = SourceRules(key=("^a$",), mapping={field: Rule(Column(column)) for field, column in names.items()})
    frame = pl.DataFrame({"^a$": ["1"], "*": ["2"], "which": ["3"], "value 0": ["4"], "a": ["5"]})
    page = mapping.compile(made, frame.columns, schema).apply(frame, pl.Series([2], dtype=pl.UInt32))
    assert page.row(0)[5:] == ("1", "2", "3", "4")
    assert page.columns[5:] == list(names)


PLACES_AND_PROBLEMS = [
    (rules(key=("idd",)), ("key",), "no column 'idd' (did you mean 'id'?)"),
    (rules(key=()), ("key",), "names no column"),
    (rules(where="statsu = 'x'"), ("where",), "no column 'statsu' (did you mean 'status'?)"),
    (rules(where="status ="), ("where",), "is not a SQL expression"),
    (rules(where="status"), ("where",), "must be true or false"),
    (rules(where="status > 3"), ("where",), "TRY_CAST"),
    (rules(where="count(id) > 1"), ("where",), "more than its own row"),
    (rules(where="id in (select id from self)"), ("where",), "more than its own row"),
    (rules(where="birthday > current_date"), ("where",), "looks at the clock"),
    (rules(require=("Nmae",)), ("require",), "'Nmae' is not mapped"),
    (rules(phones=PhoneRules(region="XX")), ("phones", "region"), "'XX' is no country's"),
    (rules(phones=PhoneRules(region_column="contry")), ("phones", "region"), "no column 'contry'"),
    (rules(mapping={"Phon": Rule(Column("id"))}), ("mapping", "Phon"), "no field 'Phon' (did you mean 'Phone'?)"),
    (rules(mapping={"@key": Rule(Column("id"))}), ("mapping", "@key"), "reserved"),
    (rules(mapping={"Name": Rule(Column("nmae"))}), ("mapping", "Name"), "no column 'nmae' (did you mean 'name'?)"),
    (rules(mapping={"Name": Rule(AllOf(("id", "name")))}), ("mapping", "Name"), "for phone fields only"),
    (rules(mapping={"Phone": Rule(AllOf(("id", "hom")))}), ("mapping", "Phone"), "no column 'hom'"),
    (rules(mapping={"Name": Rule(First(()))}), ("mapping", "Name"), "names no column"),
    (rules(mapping={"Name": Rule(Template("{nam} {id}"))}), ("mapping", "Name"), "no column 'nam'"),
    (rules(mapping={"Name": Rule(Template("{name"))}), ("mapping", "Name"), "a brace has no partner"),
    (rules(mapping={"Name": Rule(Template("name}"))}), ("mapping", "Name"), "a brace has no partner"),
    (rules(mapping={"Name": Rule(Template("{}"))}), ("mapping", "Name"), "holds no column's name"),
    (rules(mapping={"Name": Rule(Sql("max(name)"))}), ("mapping", "Name"), "more than its own row"),
    (rules(mapping={"Name": Rule(Sql("rank() over (order by name)"))}), ("mapping", "Name"), "more than its own row"),
    (rules(mapping={"Name": Rule(Sql("string_to_array(name, ','))"))}), ("mapping", "Name"), "not a SQL expression"),
    (rules(mapping={"Name": Rule(Sql("string_to_array(name, ',')"))}), ("mapping", "Name"), "does not give a text"),
]


@pytest.mark.parametrize(("made", "place", "message"), PLACES_AND_PROBLEMS)
def test_rules_that_do_not_fit_are_named_with_their_place(
    made: SourceRules, place: tuple[str, ...], message: str
) -> None:
    with pytest.raises(mapping.MappingError) as caught:
        mapping.compile(made, ["id", "name", "status", "birthday"], SCHEMA)
    ((found, said),) = caught.value.problems
    assert found == place
    assert message in said


@pytest.mark.parametrize("expr", [pl.col("a").reverse(), pl.col("a").shift(1), pl.col("a").rank()])
def test_what_the_expression_does_not_show_of_other_rows_shows_when_it_is_tried(expr: pl.Expr) -> None:
    with pytest.raises(sql.Unusable, match="more than its own row"):
        sql._probe(sql.Expression(expr, ("a",), pl.String()))


def test_all_problems_come_at_once() -> None:
    made = rules(
        key=("x",), where="y = 1", require=("z",), mapping={"Nope": Rule(Column("v")), "Name": Rule(Template("{"))}
    )
    with pytest.raises(mapping.MappingError) as caught:
        mapping.compile(made, ["id"], SCHEMA)
    places = [place for place, _ in caught.value.problems]
    assert places == [("key",), ("require",), ("where",), ("mapping", "Nope"), ("mapping", "Nope"), ("mapping", "Name")]


unhurried = settings(deadline=None, max_examples=examples(25, 1_000))  # a deadline would test the machine
CELL = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.text(st.sampled_from("aZ é\u0301 \t\n\u00a0\u200b\x1f\x1e\x00,(-15"), max_size=8),
    st.sampled_from(["", "former", "(212) 555-1234", "+44 20 7946 0958 x3", "12", "212-555-1234; 718 555 9999"]),
)
ROWS = st.lists(st.tuples(*[CELL] * 5), max_size=8)
NAMES = ("id", "first", "last", "phone", "status")
EVERYTHING = rules(
    key=("id", "status"),
    mapping={
        "ID": Rule(Column("id"), trim=False, empty="keep"),
        "Name": Rule(Template("{first}, {last} ({first})"), case="title", max_length=9, default="Unknown"),
        "Phone": Rule(AllOf(("phone", "last"))),
        "Note": Rule(Sql("cast(first as int) || status"), empty="reject"),
    },
    where="status <> 'former'",
    require=("Phone",),
    phones=PhoneRules(region_column="status"),
)


def mapped(rows: list[tuple[str | None, ...]], made: SourceRules = EVERYTHING, start: int = 2) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(NAMES, pl.String), orient="row")
    lines = pl.int_range(start, start + frame.height, dtype=pl.UInt32, eager=True)
    return mapping.compile(made, frame.columns, SCHEMA).apply(frame, lines)


@unhurried
@given(ROWS, st.integers(0, 8))
def test_pages_make_what_the_whole_makes(rows: list[tuple[str | None, ...]], at: int) -> None:
    at = min(at, len(rows))
    pages = [mapped(rows[:at]), mapped(rows[at:], start=2 + at)]
    assert pl.concat(pages).rows() == mapped(rows).rows()


@unhurried
@given(ROWS)
def test_every_row_comes_out_once_with_a_state_and_a_reason_if_it_is_no_contact(
    rows: list[tuple[str | None, ...]],
) -> None:
    page = mapped(rows)
    assert page[LINE].to_list() == list(range(2, len(rows) + 2))
    for key, state, reason, warning in page.select(KEY, STATE, REASON, WARNING).iter_rows():
        assert (reason is None) == (state == CONTACT)
        assert state in (CONTACT, INVALID, EXCLUDED)
        assert state == CONTACT or warning is None
        assert state != CONTACT or key is not None


@unhurried
@given(ROWS)
def test_no_value_holds_a_separator_of_ours(rows: list[tuple[str | None, ...]]) -> None:
    page = mapped(rows)
    for field in SCHEMA.names:
        assert not page[field].str.contains("[\x00\x1e\x1f]").any()
    assert all(key.count("\x1f") == 1 and "\x1e" not in key for key in page[KEY].drop_nulls())


@unhurried
@given(ROWS, st.sampled_from(["{first} {last}", "{first}, {last}", "a  {first} - {last} ({phone}) b", "{first}{last}"]))
def test_a_template_never_leaves_white_space_that_is_not_one_space_between_words(
    rows: list[tuple[str | None, ...]], template: str
) -> None:
    made = rules(mapping={"Name": Rule(Template(template))})
    for name in mapped(rows, made)["Name"]:
        assert name == " ".join(name.split())


@unhurried
@given(st.lists(CELL, max_size=8))
def test_tidying_what_is_tidy_changes_nothing(cells: list[str | None]) -> None:
    once = named(Column("x"), x=cells) if cells else []
    assert not once or named(Column("x"), x=once) == once
