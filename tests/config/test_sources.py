"""The keys of one source: what they become, and how a mistake in them is reported."""

from typing import Any

import pytest

from syncd.core.settings.rules import AllOf, Column, First, Rule, Sql, Template, Value
from syncd.core.settings.schedules import Every
from tests.worlds.config_world import TARGET, World


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("tenant_id", Rule(Column("tenant_id"))),
        ("12", Rule(Column("12"))),
        ("no", Rule(Column("no"))),
        ('"{first} {last}"', Rule(Template("{first} {last}"))),
        ('"{{{a}}}"', Rule(Template("{{{a}}}"))),
        ("'a{b'", Rule(Column("a{b"))),
        ("[a, 7]", Rule(AllOf(("a", "7")))),
        ("{first: [a, b], default: Unknown}", Rule(First(("a", "b")), default="Unknown")),
        ("{first: a}", Rule(First(("a",)))),
        ("{value: Tenant}", Rule(Value("Tenant"))),
        ('{value: ""}', Rule(Value(""))),
        ("{value: 2024-01-01}", Rule(Value("2024-01-01"))),
        ("{sql: \"upper(a) || '-'\"}", Rule(Sql("upper(a) || '-'"))),
        ("{from: a, trim: no, case: upper}", Rule(Column("a"), trim=False, case="upper")),
        ("{from: a, map: {true: 1, no: Inactive}}", Rule(Column("a"), translate={"true": "1", "no": "Inactive"})),
        ("{from: a, decode: html}", Rule(Column("a"), decode="html")),
        ('{from: "{a}-{b}", max_length: 9, empty: keep}', Rule(Template("{a}-{b}"), max_length=9, empty="keep")),
        ("{from: [a, b], empty: reject}", Rule(AllOf(("a", "b")), empty="reject")),
    ],
)
def test_a_mapping_rule_is_read_from_each_of_its_forms(world: World, written: str, rule: Any) -> None:
    assert world.source(mapping=f"{{X: {written}}}").rules.mapping == {"X": rule}


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{first: [a], value: b}", "must have one of first, from, value, sql, and has 2"),
        ("{default: b}", "must have one of first, from, value, sql, and has none"),
        ("{frst: [a]}", "X.frst: is not a key here (did you mean 'first'?); there are: first, from, value"),
        ("[]", "must not be empty: at least 1 is needed"),
        ('"{a"', ""),
        ('"{a} {b"', "'{a} {b' has a brace without its partner"),
        ('"{} b"', "has a brace without its partner, or nothing in it"),
        ('""', "is empty: write a text, or leave the key out"),
        ("true", "'true' is not text here: put it in quotes"),
        ("1.50", "'1.5' is not text here: put it in quotes"),
        ("{first_name}", 'X.first_name: has no value: write one; a template is put in quotes ("{column}")'),
        (
            "{from: a, case: Upper}",
            "'Upper' is not known here (did you mean 'upper'?); write one of: upper, lower, title",
        ),
        ("{from: a, max_length: 0}", "X.max_length: must be at least 1"),
        ("{from: a, max_length: true}", "'true' is not a number, which is expected here"),
        ("{from: a, map: [a]}", "X.map: must be keys and values (key: value), and is a list"),
        ("{from: a, trim: maybe}", "X.trim: must be true or false, and is text"),
        ("{sql: [a]}", "X.sql: must be text, and is a list"),
    ],
)
def test_a_mapping_rule_that_is_wrong_is_told_in_one_line(world: World, written: str, told: str) -> None:
    found = world.source_problems(mapping=f"{{X: {written}}}")
    assert len(found) == bool(told)
    assert all(problem.startswith("syncd.yaml:8: sources.tenants.mapping.X") and told in problem for problem in found)


def test_everything_of_a_source_reaches_its_rules_and_gates(world: World) -> None:
    source = world.source(
        key="[building, 2]",
        where='"a > 1"',
        require="Phone",
        phones="{region: {column: country, default: gb}, invalid: drop}",
        mode="upsert",
        shared_match="merge_phones",
        deletes="{at_most: {count: 7, share: 12.5%, free: 0}, grace: 1d, adopted: true}",
        updates="{at_most: {share: 0.25}}",
        canaries="[[7, 100042]]",
        timeout="90",
        schedule="1h30m",
    )
    rules, gates = source.rules, source.gates
    assert (rules.key, rules.where, rules.require) == (("building", "2"), "a > 1", ("Phone",))
    assert (rules.phones.region, rules.phones.region_column, rules.phones.invalid) == ("GB", "country", "drop")
    assert (gates.mode, source.shared_match, gates.updates_share) == ("upsert", "merge_phones", 0.25)
    assert (gates.deletes.count, gates.deletes.share, gates.deletes.free) == (7, 0.125, 0)
    assert (gates.deletes.grace, gates.deletes.adopted, gates.canaries) == (86400.0, True, ("7\x1f100042",))
    assert (source.timeout, source.schedule) == (90.0, Every(5400.0))


@pytest.mark.parametrize(
    ("key", "written", "told"),
    [
        ("mode", "miror", "'miror' is not known here (did you mean 'mirror'?)"),
        ("requires", "[Phone]", "is not a key here (did you mean 'require'?)"),
        (
            "require",
            "[Fone]",
            "require[0]: 'Fone' is not mapped, so every contact would lack it (did you mean 'Phone'?)",
        ),
        ("canaries", "[[1, 2]]", "canaries[0]: has 2 parts, and the key has 1 columns"),
        (
            "canaries",
            "[007]",
            'canaries[0]: is written 007, which YAML may read as another number: put it in quotes ("007")',
        ),
        ("key", "true", "'true' is not text here: put it in quotes"),
        ("key", "[]", "must not be empty: at least 1 is needed"),
        ("timeout", "15x", "'15x' is not a duration: write 30s, 15m, 1h30m"),
        ("timeout", "0s", "'0s' is no time at all"),
        ("schedule", "often", "'often' is not a schedule: write 15m, or five cron fields"),
        ("schedule", "{cron: 0 7 * * *, timezone: Amerika/New_York}", "(did you mean 'America/New_York'?)"),
        (
            "phones",
            "{region: UK}",
            "'UK' is not a region: write a two-letter country code such as US or DE (did you mean 'GB'?)",
        ),
        ("phones", "{region: [US]}", "phones.region: has not the right form"),
        ("deletes", "{at_most: {share: 20}}", "'20' is more than the whole: write a percentage such as 20%"),
        ("deletes", "{at_most: {count: many}}", "deletes.at_most.count: must be a whole number, and is text"),
        ("deletes", "{at_most: 500}", "deletes.at_most: must be keys and values (key: value), and is a number"),
        ("connector", "5", "no connector is called '5'; there are: csv"),
        ("connector", "cvs", "no connector is called 'cvs'; there are: csv (did you mean 'csv'?)"),
        (
            "options",
            "{pth: t.csv, path: t.csv}",
            "options.pth: is not a key here (did you mean 'path'?); there are: path",
        ),
        ("options", "{}", "options.path: is missing, and is required"),
        ("options", "{path: t.csv, delimiter: tabs}", "'tabs' is not known here (did you mean 'tab'?)"),
        ("options", "{path: t.csv, greeting: 12}", "options.greeting: must be text, and is a number: put it in quotes"),
        ("options", "{path: t.csv, greeting: rude}", "options.greeting: 'rude' is not polite"),
        ("options", "{path: ~nobody-of-this-name/t.csv}", "no home folder is known"),
        ("mapping", "{}", "must not be empty: at least 1 is needed"),
        ("mapping", "", "mapping: has no value: write one, or leave the key out"),
    ],
)
def test_a_wrong_key_is_told_in_one_line_with_its_place_and_remedy(
    world: World, key: str, written: str, told: str
) -> None:
    (problem,) = world.source_problems(**{key: written})
    assert problem.startswith("syncd.yaml:")
    assert f"sources.tenants.{key}" in problem
    assert told in problem


def test_an_option_that_is_missing_is_missing_in_the_options(world: World) -> None:
    text = world.one_source().replace("    options: {path: t.csv}\n", "")
    assert world.problems(text) == ["syncd.yaml:4: sources.tenants.options.path: is missing, and is required"]
    for empty in ("{}", "{skip: 1}"):
        (problem,) = world.source_problems(options=empty)
        assert problem.endswith("sources.tenants.options.path: is missing, and is required")


def test_options_under_a_wrong_name_are_told_once(world: World) -> None:
    (problem,) = world.problems(world.one_source().replace("options:", "option:"))
    assert "sources.tenants.option: is not a key here (did you mean 'options'?)" in problem


def test_an_unknown_connector_is_told_beside_options_that_cannot_be_read(world: World) -> None:
    for wrong in ("option:", "options: 5 #"):
        text = world.one_source().replace("options:", wrong).replace("connector: csv", "connector: cvs")
        found = world.problems(text)
        assert len(found) == 2
        assert any("sources.tenants.connector: no connector is called 'cvs'" in problem for problem in found)


def test_a_configuration_without_a_source_is_refused(world: World) -> None:
    (problem,) = world.problems(TARGET + "include: [sources/*.yaml]\n")
    assert "there is no source: add one under sources, or a file that include matches" in problem


def test_a_company_may_want_its_calls_and_no_contacts(world: World) -> None:
    settings = world.load(TARGET + "activity: {}\n")
    assert (settings.sources, settings.activity is None) == ({}, False)


@pytest.mark.parametrize("name", ["a b", "-rf", "ä", "a/b"])
def test_a_source_has_a_name_that_a_command_can_take(world: World, name: str) -> None:
    (problem,) = world.problems(world.one_source().replace("tenants:", f'"{name}":'))
    assert "is no name for a source" in problem


def test_a_connector_that_cannot_be_loaded_is_a_problem_of_the_configuration(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.source.CONNECTORS", {"csv": "tests.worlds.no_such_module:X"})
    (problem,) = world.source_problems()
    assert "sources.tenants.connector: the connector 'csv' cannot be loaded: ModuleNotFoundError" in problem


def test_a_number_for_the_name_of_a_sink_is_told(world: World) -> None:
    (problem,) = world.problems(f"{world.one_source()}\nactivity: {{}}\nsinks:\n  lake: {{sink: 5}}\n")
    assert "sinks.lake.sink: no sink is called '5'; there are: files" in problem
