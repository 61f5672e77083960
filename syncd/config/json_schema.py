"""The JSON Schema of a configuration, generated from its models, for editors to complete and check by."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from syncd.config.forms import SettingsForm, SourceForm

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VALIDATION: Literal["validation"] = "validation"
_VARIABLE = {"type": "string", "pattern": r"\$\{"}


def json_schema() -> dict[str, Any]:
    """The schema of both kinds of file: one with ``connector`` holds one source, any other is the configuration."""
    from syncd.source import connector_class, connector_names

    options = {name: connector_class(name).OPTIONS for name in connector_names()}
    models: list[type[BaseModel]] = [SettingsForm, SourceForm, *options.values()]
    references, schema = models_json_schema([(model, VALIDATION) for model in models])
    definitions = {name: _tidied(each) for name, each in schema["$defs"].items()}
    source = definitions["SourceForm"]
    source["properties"]["connector"]["examples"] = sorted(options)
    source["allOf"] = [
        {
            "if": {"properties": {"connector": {"const": name}}, "required": ["connector"]},
            "then": {"properties": {"options": references[model, VALIDATION]}},
        }
        for name, model in options.items()
    ]
    return {
        "$schema": DIALECT,
        "title": "syncd",
        "if": {"required": ["connector"]},
        "then": references[SourceForm, VALIDATION],
        "else": references[SettingsForm, VALIDATION],
        "$defs": definitions,
    }


def _tidied(schema: Any) -> Any:
    """Without null, which no key takes, and with a variable wherever a number, a flag or a choice may stand."""
    if isinstance(schema, list):
        return [_tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    known = {key: _tidied(value) for key, value in schema.items() if not (key == "default" and value is None)}
    if {"type": "null"} in known.get("anyOf", ()):
        known["anyOf"].remove({"type": "null"})
        if len(known["anyOf"]) == 1:
            known = {**known.pop("anyOf")[0], **known}
    if isinstance(known.get("type"), str) and (known["type"] in {"integer", "number", "boolean"} or "enum" in known):
        outer = {key: known.pop(key) for key in ("title", "description", "default") if key in known}
        return {**outer, "anyOf": [known, dict(_VARIABLE)]}
    return known
