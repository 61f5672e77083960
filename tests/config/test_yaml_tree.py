"""Typing mistakes in YAML, and what a configuration file cannot do to the machine."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.config import Settings, load, yaml_tree
from syncd.core.settings.rules import Column, Value
from syncd.errors import ConfigError
from tests.worlds.config_world import KEY, TARGET, World, csv_options


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("", 1, "is empty: it must hold keys and values"),
        ("# nothing yet\n", 1, "is empty"),
        ("---\n...\n", 1, "is empty"),
        ("- a\n", 1, "must hold keys and values (key: value), not a list"),
        ("just text\n", 1, "not a list or a single text"),
        ("a: 1\n---\nb: 2\n", 2, "a second document begins"),
        ("a:\n\tb: 1\n", 2, "a tab indents"),
        ("a: 1\nb: 'open\nc: 1\n", 2, "a quote is opened here and never closed"),
        ('a: 1\nb: "open\nc: 1\n', 2, "a quote is opened here and never closed"),
        ("a: b: c\n", 1, "a ': ' stands where no key can be: quote the text, or mind the indentation"),
        ("a: 1\nb: {x} {y}\n", 2, "quote a text that begins with '{'"),
        ("a: @x\n", 1, "quote the text"),
        ('a: "C:\\data"\n', 1, "a backslash in double quotes means something else: use single quotes"),
        ("a: 1\nb: [1, 2\n", 2, "a '[' is opened here and not closed"),
        ("a: {b: ${NAME}}\n", 1, "a template or a ${NAME} is put in quotes"),
        ("a:\n  - b\n c: d\n", 3, "mind the indentation"),
        ("a: *\n", 1, "a text that begins with '*' must be in quotes"),
        ("a: *b\n", 1, "the alias *b has no anchor above it; quote a text that begins with '*'"),
        ("a: &b [*b]\n", 1, "the alias *b stands inside its own anchor"),
        ("a: !!python/name:os.system x\n", 1, "holds a YAML tag"),
        ("a: !secret x\n", 1, "holds a YAML tag"),
        ("? [a]\n: b\n", 1, "a key must be a text, not a list or a mapping"),
        ("{a}: b\n", 1, "a key must be a text"),
        ("&x a: 1\n*x : 2\n", 2, "the alias *x has no anchor above it"),
        ("~: b\n", 1, "a value stands without a key"),
        ("a: 1\n<<: 7\n", 2, "'<<' merges mappings only"),
        (b"a: 1\nb: M\xfcller\n", 2, "is not in UTF-8"),
        (b"a: 1\nb: \x00\n", 2, "holds a control character"),
        ("a: 1\nb: \x07\n", 2, "holds a control character"),
        ("a: " + "[" * 40 + "]" * 40, 1, "nests deeper than 30 levels"),
        ("a: " + "[" * 100_000, 1, "nests deeper than 30 levels"),
        ("a: " + "x" * 1_000_000, 1, "is larger than 1,000,000 bytes"),
    ],
)
def test_a_file_that_is_no_usable_yaml_is_told_in_a_plain_sentence(
    world: World, text: Any, line: int, told: str
) -> None:
    (problem,) = world.problems(text)
    assert problem.startswith(f"syncd.yaml:{line}: ")
    assert told in problem


def test_the_reader_in_python_tells_the_same_lines_as_the_one_in_c(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["a: 1\nb: 'open\nc: 1\n", "a:\n\tb: 1\n", "a: b: c\n", "a:\n  - b\n c: d\n", "a: 1\nb: [1, 2\n"]
    in_c = [world.problems(text)[0].split(": ")[0] for text in texts]
    monkeypatch.setattr(yaml_tree, "_LOADER", yaml.SafeLoader)
    assert [world.problems(text)[0].split(": ")[0] for text in texts] == in_c


def test_a_key_that_stands_twice_names_both_lines(world: World) -> None:
    (problem,) = world.problems(world.one_source() + "\n    key: other\n")
    assert problem == "syncd.yaml:9: sources.tenants.key: stands twice, in lines 7 and 9: remove one of them"


@pytest.mark.parametrize(
    "word", ["no", "yes", "on", "off", "2024-01-01", "12:30", "1_000", "+15550100", "0x", ".5", "08a"]
)
def test_what_old_yaml_would_change_is_the_text_that_stands_there(world: World, word: str) -> None:
    assert world.source(mapping=f"{{X: {word}}}").rules.mapping["X"].origin == Column(word)


@pytest.mark.parametrize("word", ["007", "0123456", "0x1F", "0o17", "-01", "00.5", "0_1"])
def test_a_number_that_readers_take_differently_is_refused_with_the_remedy(world: World, word: str) -> None:
    (problem,) = world.source_problems(mapping=f"{{X: {word}}}")
    assert (
        f'mapping.X: is written {word}, which YAML may read as another number: put it in quotes ("{word}")' in problem
    )
    assert world.source(mapping=f'{{X: "{word}"}}').rules.mapping["X"].origin == Column(word)


@pytest.mark.parametrize("nothing", ["", "~", "null"])
def test_a_key_without_a_value_is_told_so(world: World, nothing: str) -> None:
    (problem,) = world.source_problems(where=nothing)
    assert problem.endswith('where: has no value: write one, or leave the key out ("" is an empty text)')


@pytest.mark.parametrize("nothing", ["~", "null", "Null"])
def test_null_is_a_value_below_options_and_an_empty_place_is_none(world: World, nothing: str) -> None:
    assert csv_options(world.source(options=f"{{path: a.csv, password: {nothing}}}")).password is None
    (problem,) = world.source_problems(options="{path: a.csv, password: }")
    assert "password: has no value" in problem
    assert world.source_problems(options=nothing)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(world: World) -> None:
    text = world.one_source().replace("\n", "\r\n")
    assert world.load(b"\xef\xbb\xbf" + text.encode()).sources


def test_anchors_aliases_and_merges_say_a_thing_once(world: World) -> None:
    world_text = """
sources:
  a: &common {connector: csv, options: {path: a.csv}, key: id, mapping: &m {Phone: mobile}, schedule: 15m}
  b: {<<: *common, options: {path: b.csv}}
  c: {<<: [{key: other}, *common], mapping: {<<: *m, Name: name}}
"""
    sources = world.load(TARGET + world_text).sources
    assert [csv_options(source).path.name for source in sources.values()] == ["a.csv", "b.csv", "a.csv"]
    assert sources["c"].rules.key == ("other",)
    assert sorted(sources["c"].rules.mapping) == ["Name", "Phone"]


def test_a_problem_behind_an_alias_is_told_where_it_is_used(world: World) -> None:
    (problem,) = world.problems(world.one_source(key="&k [a, b]", canaries="\n      - *k\n      - 7"))
    assert problem.startswith("syncd.yaml:11: sources.tenants.canaries[1]: has 1 parts")


@pytest.mark.parametrize(
    "bomb",
    [
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "a0: &a0 {x: 1}\n" + "".join(f"a{n + 1}: &a{n + 1} {{x: *a{n}}}\n" for n in range(400)),
        "a: &a {" + ", ".join(f"k{n}: 1" for n in range(5000)) + "}\nb:\n" + "  <<: *a\n" * 20000,
        "a: [" + "1," * 100_001 + "]",
    ],
    ids=["wide", "deep", "merged", "plain"],
)
def test_a_bomb_is_refused_before_it_goes_off(world: World, bomb: str) -> None:
    began = time.perf_counter()
    (problem,) = world.problems(bomb)
    assert "aliases expanded" in problem
    assert time.perf_counter() - began < 10  # without the refusal it takes minutes


_words = st.sampled_from(
    (
        *(
            "target",
            "api_key",
            "base_url",
            "limits",
            "state",
            "include",
            "sources",
            "connector",
            "csv",
            "options",
            "path",
        ),
        *("key", "mapping", "schedule", "where", "require", "phones", "region", "mode", "deletes", "at_most", "share"),
        *("canaries", "${VOCATECH_API_KEY}", "${file:x}", "15m", "20%", "a", "b", "{a}", "007", "no", "~", "<<"),
    )
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=6),
    max_leaves=12,
)
_SOURCE = {"connector": "csv", "options": {"path": "p"}, "key": "k", "mapping": {"A": "a"}}


def _outcome(world: World, text: str) -> Settings | ConfigError:
    try:
        return load(world.write("syncd.yaml", text.encode("utf-8", "surrogatepass")), KEY)
    except ConfigError as error:
        return error


def _is_told_well(outcome: Settings | ConfigError) -> bool:
    """Return whether the outcome is settings, or an error with at least one problem, each in one line."""
    if isinstance(outcome, Settings):
        return True
    return bool(outcome.problems) and not any("\n" in problem for problem in outcome.problems)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield World(tmp_path_factory.mktemp("any"), monkeypatch)


@settings(deadline=None)
@given(text=st.text() | st.lists(_words | st.sampled_from(":-[]{},&*!|>'\"#%@")).map(" ".join))
def test_any_text_gives_settings_or_a_configuration_error(place: World, text: Any) -> None:
    assert _is_told_well(_outcome(place, text))


@settings(deadline=None)
@given(target=_values, source=st.dictionaries(_words, _values), more=st.dictionaries(_words, _values, max_size=3))
def test_any_values_give_settings_or_a_configuration_error(place: World, target: Any, source: Any, more: Any) -> None:
    document = {"target": target, "sources": {"a": {**_SOURCE, **source}}, **more}
    assert _is_told_well(_outcome(place, yaml.safe_dump(document, allow_unicode=True)))


@settings(deadline=None)
@given(text=st.text(min_size=1))
def test_any_text_in_quotes_arrives_as_it_is(place: World, text: Any) -> None:
    document = {"target": {"api_key": "k"}, "sources": {"a": {**_SOURCE, "mapping": {"A": {"value": text}}}}}
    outcome = _outcome(place, yaml.safe_dump(document, allow_unicode=False).replace("${", "$${"))
    if isinstance(outcome, Settings):
        assert outcome.sources["a"].rules.mapping["A"].origin == Value(text)
    else:
        assert "\0" in text
