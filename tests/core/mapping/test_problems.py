"""Rules that do not fit the rows or the schema: each problem with its place in the configuration."""

from __future__ import annotations

import polars as pl
import pytest

from syncd.core.mapping import compiler as mapping
from syncd.core.mapping import sql
from syncd.core.settings.rules import AllOf, Column, First, PhoneRules, Rule, SourceRules, Sql, Template
from tests.worlds.core_mapping import SCHEMA, rules

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
