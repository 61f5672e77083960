"""The JSON Schema of a configuration, generated from its models: editors complete and check with it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from syncd.config.forms import SettingsForm, SourceForm

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VALIDATION: Literal["validation"] = "validation"
_VARIABLE = {"type": "string", "pattern": r"\$\{"}


def json_schema() -> dict[str, Any]:
    """Return the schema of both kinds of file: a file with ``connector`` is one source, others are configurations."""
    # Imported here: it loads every connector, also of other packages.
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
    """Return the schema without null, and with ``${…}`` allowed in place of a number, a flag or a choice."""
    if isinstance(schema, list):
        return [_tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # An optional key is left out, never written as null: pydantic's null would offer editors a value that is refused.
    known = {key: _tidied(value) for key, value in schema.items() if not (key == "default" and value is None)}
    if {"type": "null"} in known.get("anyOf", ()):
        known["anyOf"].remove({"type": "null"})
        if len(known["anyOf"]) == 1:
            known = {**known.pop("anyOf")[0], **known}
    if isinstance(known.get("type"), str) and (known["type"] in {"integer", "number", "boolean"} or "enum" in known):
        outer = {key: known.pop(key) for key in ("title", "description", "default") if key in known}
        return {**outer, "anyOf": [known, dict(_VARIABLE)]}
    return known
