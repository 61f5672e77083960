"""What holds for any rows: pages, states, separators and templates, on invented cells."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.columns import CONTACT, EXCLUDED, INVALID, KEY, LINE, REASON, STATE, WARNING
from syncd.core.mapping import compiler as mapping
from syncd.core.settings.rules import AllOf, Column, PhoneRules, Rule, SourceRules, Sql, Template
from tests.examples import examples
from tests.worlds.core_mapping import SCHEMA, named, rules

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
        # An excluded row may lack a phone that could not be read.
        assert state != INVALID or warning is None
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
