"""A page of rows becomes a page of contacts: keys, states, reasons and columns."""

from __future__ import annotations

import polars as pl
import pytest

from syncd.core.columns import CONTACT, EXCLUDED, INVALID, KEY, LINE, REASON, STATE, WARNING
from syncd.core.mapping import compiler as mapping
from syncd.core.schema import Field, Schema
from syncd.core.settings.rules import AllOf, Column, Rule, SourceRules, Sql, Template, Value
from tests.worlds.core_mapping import applied, rules, states


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


def test_a_row_that_lacks_a_phone_that_could_not_be_read_has_a_warning() -> None:
    made = rules(mapping={"Name": Rule(Column("n")), "Phone": Rule(Column("p"))}, require=("Phone", "Name"))
    page = applied(made, n=["Ann", "Bo", "Cy", ""], p=["212-555-01O7", "n/a", "12", "4155"])
    assert states(page) == [(EXCLUDED, f"lacks {name}") for name in ("Phone", "Phone", "Phone", "Name")]
    assert page.get_column(WARNING).to_list() == [
        "Phone (p): letters in the number, left out", None, "Phone (p): too short, left out", None
    ]  # fmt: skip


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


def test_keys_can_be_made_of_the_keys_columns_alone() -> None:
    schema = Schema((Field(1, "ID", is_match=True),))
    rules = SourceRules(("id", "branch"), {"ID": Rule(Column("ref"))}, where="status = 'x'")
    compiled = mapping.compile(rules, ["id", "branch", "ref", "status"], schema)
    keys = compiled.keys(pl.DataFrame({"id": [" 1 ", "2", ""], "branch": ["a", "b", "c"]}))
    assert keys.to_list() == ["1\x1fa", "2\x1fb", None]
