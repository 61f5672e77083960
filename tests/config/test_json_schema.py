"""The JSON Schema for editors accepts configurations that load, and refuses the others."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from syncd.config import json_schema
from tests.worlds.config_world import World

CONFIG = Path(__file__).parents[2] / "config"
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}
JUDGED = {"$ref", "type", "enum", "const", "anyOf", "allOf", "oneOf", "if", "then", "else"}
JUDGED |= {"minLength", "pattern", "minItems", "items", "minimum", "maximum", "exclusiveMinimum"}
JUDGED |= {"properties", "required", "additionalProperties", "minProperties"}
TOLD = {"$schema", "$defs", "title", "description", "default", "examples", "format", "writeOnly", "uniqueItems"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json_schema()


def fits(whole: dict[str, Any], rule: Any, value: Any) -> bool:
    """Return whether ``value`` fits ``rule``, a part of the schema ``whole``; an unknown keyword fits no value."""
    if isinstance(rule, bool):
        return rule
    return set(rule) <= JUDGED | TOLD and all(_combined(whole, rule, value)) and all(_by_itself(whole, rule, value))


def _combined(whole: dict[str, Any], rule: dict[str, Any], value: Any) -> Iterator[bool]:
    if "$ref" in rule:
        yield fits(whole, whole["$defs"][rule["$ref"].removeprefix("#/$defs/")], value)
    for word, judge in (("anyOf", any), ("allOf", all), ("oneOf", lambda found: sum(found) == 1)):
        yield word not in rule or bool(judge([fits(whole, each, value) for each in rule[word]]))
    if "if" in rule:
        yield fits(whole, rule.get("then" if fits(whole, rule["if"], value) else "else", True), value)


def _by_itself(whole: dict[str, Any], rule: dict[str, Any], value: Any) -> Iterator[bool]:
    names = [rule["type"]] if isinstance(rule.get("type"), str) else rule.get("type", [])
    right = (isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool)) for name in names)
    yield not names or any(right)
    yield value in rule.get("enum", [value])
    yield value == rule.get("const", value)
    if isinstance(value, str):
        yield len(value) >= rule.get("minLength", 0)
        yield re.search(rule.get("pattern", ""), value) is not None
    elif isinstance(value, dict):
        known, other = rule.get("properties", {}), rule.get("additionalProperties", True)
        yield len(value) >= rule.get("minProperties", 0) and set(rule.get("required", ())) <= set(value)
        yield all(fits(whole, known.get(key, other), item) for key, item in value.items())
    elif isinstance(value, list):
        yield len(value) >= rule.get("minItems", 0)
        yield all(fits(whole, rule.get("items", True), item) for item in value)
    elif isinstance(value, int | float):
        yield rule.get("minimum", value) <= value <= rule.get("maximum", value)
        yield value > rule.get("exclusiveMinimum", value - 1)


def accepts(schema: dict[str, Any], value: Any) -> bool:
    return fits(schema, schema, value)


def _source(**keys: Any) -> dict[str, Any]:
    return {"connector": "csv", "options": {"path": "t.csv"}, "key": "id", "mapping": {"A": "a"}, **keys}


@pytest.mark.parametrize("path", sorted(CONFIG.rglob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_fit_the_schema(schema: dict[str, Any], path: Path) -> None:
    assert accepts(schema, yaml.safe_load(path.read_text()))


def test_the_examples_fit_it_in_the_forms_that_they_show_in_comments(schema: dict[str, Any], world: World) -> None:
    text = (CONFIG / "sources/tenants.yaml").read_text()
    commented = re.findall(r"# +(schedule|region|Status): (\{[a-z]+: .*\})$", text, re.MULTILINE)
    assert [key for key, _ in commented] == ["schedule", "Status"]
    for key, written in commented:
        keys = {"mapping": f"{{Status: {written}}}"} if key == "Status" else {key: written}
        assert accepts(schema, _source(**{name: yaml.safe_load(value) for name, value in keys.items()}))
        assert world.source(**keys)


@pytest.mark.parametrize(
    "rule",
    [
        "a",
        "{a} {b}",
        12,
        ["a", "b"],
        {"first": ["a"], "default": "x"},
        {"first": "a"},
        {"value": ""},
        {"sql": "upper(a)"},
        {"from": "a", "map": {"A": "Active"}, "trim": False, "case": "upper", "max_length": 9, "empty": "keep"},
        {"from": ["a"], "trim": "${TRIM}", "case": "${CASE}"},
    ],
    ids=json.dumps,
)
def test_every_form_of_a_mapping_rule_fits_and_loads(schema: dict[str, Any], world: World, rule: Any) -> None:
    world.environ |= {"TRIM": "no", "CASE": "upper"}
    assert accepts(schema, _source(mapping={"A": rule}))
    assert world.source(mapping=json.dumps({"A": rule}))


@pytest.mark.parametrize(
    "rule",
    [
        "",
        [],
        {},
        True,
        1.5,
        None,
        {"first": ["a"], "value": "b"},
        {"default": "x"},
        {"frm": "a"},
        {"first": []},
        {"from": "a", "case": "Upper"},
        {"from": "a", "max_length": 0},
        {"from": {"from": "a"}},
    ],
    ids=json.dumps,
)
def test_a_wrong_mapping_rule_neither_fits_nor_loads(schema: dict[str, Any], world: World, rule: Any) -> None:
    assert not accepts(schema, _source(mapping={"A": rule}))
    assert world.source_problems(mapping=json.dumps({"A": rule}))


@pytest.mark.parametrize(
    ("keys", "good"),
    [
        ({"schedule": "15m"}, True),
        ({"schedule": 900}, True),
        ({"schedule": {"cron": "0 7 * * *", "timezone": "UTC"}}, True),
        ({"schedule": {"timezone": "UTC"}}, False),
        ({"phones": {"region": {"column": "country"}}}, True),
        ({"phones": {"region": ["US"]}}, False),
        ({"mode": "upsert"}, True),
        ({"mode": "miror"}, False),
        ({"key": ["a", "b"], "canaries": [["1", "2"]]}, True),
        ({"canaries": [100042, "7"]}, True),
        ({"canaries": "7"}, False),
        ({"deletes": {"at_most": {"count": 1, "share": "20%", "free": 0}, "grace": "0s", "adopted": True}}, True),
        ({"deletes": {"at_most": {"share": 20}}}, False),
        ({"deletes": {"at_most": {"count": -1}}}, False),
        ({"options": {"path": "t.csv", "no such option": 1}}, False),
        ({"wher": "a = 1"}, False),
    ],
    ids=json.dumps,
)
def test_the_schema_and_the_loader_agree(
    schema: dict[str, Any], world: World, keys: dict[str, Any], good: bool
) -> None:
    assert accepts(schema, _source(**keys)) == good
    assert (world.source_problems(**{key: json.dumps(value) for key, value in keys.items()}) == []) == good


def test_an_unknown_connector_may_have_any_options(schema: dict[str, Any]) -> None:
    assert accepts(schema, _source(connector="another", options={"anything": 1}))


def test_a_configuration_needs_a_target_with_a_key(schema: dict[str, Any]) -> None:
    assert accepts(schema, {"target": {"api_key": "${KEY}", "limits": []}, "sources": {"a": _source()}})
    assert not accepts(schema, {"sources": {"a": _source()}})
    assert not accepts(schema, {"target": {"api_key": "k"}, "sources": {"a": {}}})


def test_every_key_of_the_forms_stands_in_an_example(schema: dict[str, Any]) -> None:
    text = "".join(path.read_text() for path in CONFIG.rglob("*.yaml"))
    forms = [
        form
        for name, form in schema["$defs"].items()
        if re.search(r"(Form|Target|AtMost|Activity|Pull|Receive|Tls|Recordings|Keep)$", name)
    ]
    keys = {key for form in forms for key in form["properties"]}
    assert len(keys) > 30
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", text)] == []


def test_the_schema_is_json(schema: dict[str, Any]) -> None:
    assert json.loads(json.dumps(schema)) == schema
