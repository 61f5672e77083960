"""The JSON Schema of a configuration, generated from its models: editors complete and check with it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from syncd.config.forms import SettingsForm, SourceForm
from syncd.config.options import CONNECTOR, SINK
from syncd.config.sink_forms import SinkForm

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VALIDATION: Literal["validation"] = "validation"
_VARIABLE = {"type": "string", "pattern": r"\$\{"}


def json_schema() -> dict[str, Any]:
    """Return the schema of both kinds of file: a file with ``connector`` is one source, others are configurations."""
    # The lookup of a class loads every connector and sink, also those of other packages.
    options = {choice: {name: choice.find(name).OPTIONS for name in choice.names()} for choice in (CONNECTOR, SINK)}
    models: list[type[BaseModel]] = [SettingsForm, SourceForm, SinkForm]
    models += dict.fromkeys(model for found in options.values() for model in found.values())
    references, schema = models_json_schema([(model, VALIDATION) for model in models])
    definitions = {name: _tidied(each) for name, each in schema["$defs"].items()}
    for choice, found in options.items():
        form = definitions[choice.form.__name__]
        form["properties"][choice.what]["examples"] = sorted(found)
        form["allOf"] = [
            {
                "if": {"properties": {choice.what: {"const": name}}, "required": [choice.what]},
                "then": {"properties": {"options": references[model, VALIDATION]}},
            }
            for name, model in found.items()
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
