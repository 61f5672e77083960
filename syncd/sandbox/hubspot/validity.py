"""Whether the values of a write are valid, and the form in which they are stored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from syncd.sandbox.hubspot.errors import failure
from syncd.sandbox.hubspot.kinds import REQUIRED
from syncd.sandbox.hubspot.portal import Portal
from syncd.sandbox.hubspot.properties import iso, milliseconds
from syncd.sandbox.hubspot.records import Record, Table

HTML = frozenset({"hs_call_body", "hs_communication_body"})


class Wrong(Exception):
    """One input of a write is refused; ``body`` is its error, as an answer shows it."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(body["message"])
        self.body = body


def gone(number: str) -> Wrong:
    """Return the refusal of an input whose record does not exist."""
    return Wrong(
        failure("OBJECT_NOT_FOUND", "Could not get some objects, they may be deleted.", context={"ids": [number]})
    )


def checked(portal: Portal, table: Table, values: Mapping[str, Any], record: Record | None) -> dict[str, str | None]:
    """Return the values as they are stored; ``record``: the record that is to be changed, None for a new one.

    Raises:
        Wrong: a value is not valid, is another record's, or is missing.

    """
    known = {name: value for name, value in values.items() if name in table.types}
    problems = [] if len(known) == len(values) or portal.dialects["unknown_property"] == "ignored" else [
        _problem(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
        for name in values.keys() - known.keys()
    ]  # fmt: skip
    stored = {name: _stored(table, name, value, portal) for name, value in known.items()}
    for name, value in stored.items():
        problems += _problems(portal, table, name, value, record)
    if record is None:
        missing = [name for name in REQUIRED.get(table.kind, ()) if not stored.get(name)]
        problems += [_problem(name, "REQUIRED_FIELD", f"{name} is required") for name in missing]
    if problems:
        # The vendor's messages quote the values: a client that shows them shows what a person said.
        raise Wrong(failure("VALIDATION_ERROR", f"Property values were not valid: {json.dumps(problems)}", context={}))
    return {name: value or None for name, value in stored.items()}


def _stored(table: Table, name: str, value: Any, portal: Portal) -> str:
    text = "" if value is None else str(value)
    if text and table.types[name] == "datetime":
        try:
            return iso(milliseconds(text))
        except ValueError:
            return text
    if name in HTML and portal.dialects["html"] == "cleaned":
        return text.replace("<br>", "<br/>").replace('"', "&quot;").replace("'", "&#39;")
    return text


def _problems(portal: Portal, table: Table, name: str, value: str, record: Record | None) -> Iterator[dict[str, Any]]:
    if table.schema.is_read_only(name):
        yield _problem(name, "READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
        return
    if not value:
        return
    options = portal.owners if name == "hubspot_owner_id" else table.schema.options(name)
    if options and value not in options:
        yield _problem(name, "INVALID_OPTION", f"{value} was not one of the allowed options: {list(options)}")
    if len(value) > int(portal.dialects["text_limit"]):
        yield _problem(name, "INVALID_LENGTH", f"{value[:40]}… is longer than the maximum length")
    if not _fits(table.types[name], value):
        yield _problem(name, "INVALID_FORMAT", f"{value} was not a valid {table.types[name]}.")
    if name in table.schema.unique:
        holder = table.holder(name, value)
        if holder is not None and holder is not record:
            yield _problem(name, "CONFLICTING_UNIQUE_VALUE", f"propertyValue: {holder.id} already has that value.")


def _fits(kind: str, value: str) -> bool:
    try:
        if kind == "number":
            float(value)
        elif kind in ("datetime", "date"):
            milliseconds(value)
    except ValueError:
        return False
    return True


def _problem(name: str, error: str, message: str) -> dict[str, Any]:
    return {"isValid": False, "message": message, "error": error, "name": name}
