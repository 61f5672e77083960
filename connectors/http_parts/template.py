"""Requests as templates with variables. Pure.

A text holds ``{name}``, and ``{{`` and ``}}`` for braces. A text that is one variable and nothing else takes the
variable's value as it is, so that a number stays a number in a JSON body; elsewhere a list is joined by commas. An
entry of a query, of the headers or of a body is left out if a variable in it has no value now (``{since}`` in a full
read, ``{token}`` on the first page). Deeper in a body, ``{if: since, then: …}`` says what to leave out.

A code connector composes them as ``RequestTemplate(path="/x", query={"after": "{token}"}).fill({"token": "abc"})``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from syncd.errors import ConfigError

OPTIONAL: Final = frozenset({"cursor", "last_id", "offset", "page", "since", "token", "until"})
"""The variables that have a value in some requests only."""

READ_VARIABLES: Final = OPTIONAL | {"fields", "ids", "size"}
"""The variables that a read sets; a configuration names its own ones beside them."""

_PART = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}|[{}]")


class _Absent:
    """The result of a text whose variable has no value."""


# An object of its own and not None: null is a value that a body may hold.
ABSENT: Final = _Absent()


def names_in(template: Any) -> frozenset[str]:
    """Return the variables that ``template`` uses, at any depth.

    Raises:
        ValueError: a text has a brace that begins or ends no variable.

    """
    return frozenset(name for text in _texts(template) for name in _names(text))


def unguarded(template: Any) -> frozenset[str]:
    """Return the optional variables below a body's first level that have no ``{if: …, then: …}`` around them."""
    # On the first level an entry can be left out; deeper, to leave one out could change what the request asks for.
    if not isinstance(template, Mapping):
        return _unguarded(template)
    return frozenset(name for value in template.values() if not isinstance(value, str) for name in _unguarded(value))


def _unguarded(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset(_names(value)) & OPTIONAL
    if is_choice(value):
        return _unguarded(value["then"]) - {value["if"]}
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return frozenset(name for each in inner for name in _unguarded(each))


def is_choice(value: Any) -> bool:
    """Return whether ``value`` is ``{if: name, then: value}``."""
    return isinstance(value, Mapping) and set(value) == {"if", "then"}


def _texts(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield template
    elif is_choice(template):
        # The name after "if" is a variable too, so yield it as the text of one.
        yield f"{{{template['if']}}}"
        yield from _texts(template["then"])
    elif isinstance(template, Mapping | list | tuple):
        for value in template.values() if isinstance(template, Mapping) else template:
            yield from _texts(value)


def _names(text: str) -> Iterator[str]:
    for part in _PART.finditer(text):
        if part[0] in {"{", "}"}:
            raise ValueError("has a brace without its partner: write {name}, and {{ or }} for a brace")
        if part[1]:
            yield part[1]


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Return ``template`` with its variables replaced, or :data:`ABSENT` if one has no value in ``values``."""
    if isinstance(template, str):
        return _fill_text(template, values)
    if is_choice(template):
        return fill(template["then"], values) if values.get(template["if"]) is not None else ABSENT
    if isinstance(template, Mapping):
        filled = {name: fill(value, values) for name, value in template.items()}
        return {name: value for name, value in filled.items() if value is not ABSENT}
    if isinstance(template, list | tuple):
        return [value for each in template if (value := fill(each, values)) is not ABSENT]
    return template


def _fill_text(text: str, values: Mapping[str, Any]) -> Any:
    whole = _PART.fullmatch(text)
    if whole and whole[1]:
        value = values.get(whole[1])
        return ABSENT if value is None else value
    # One variable without a value makes the whole text absent: the rest of it could be another filter.
    if any(values.get(name) is None for name in _names(text)):
        return ABSENT
    braces = {"{{": "{", "}}": "}"}
    return _PART.sub(lambda part: braces.get(part[0]) or as_text(values[part[1]]), text)


def as_text(value: Any) -> str:
    """Return a value as a query or a header carries it: a list joined by commas, a flag as ``true`` or ``false``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(as_text(each) for each in value)
    return str(value)


@dataclass(frozen=True, slots=True)
class Request:
    """A request; ``path`` begins with a slash or is a whole URL of the same host, ``body`` is JSON or None."""

    method: str
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """A request whose parts are templates."""

    path: str
    method: str = "GET"
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    def fill(self, values: Mapping[str, Any]) -> Request:
        """Return the request with these values.

        Raises:
            ConfigError: the path has a variable without a value.

        """
        # Encode "/" in the path too: a value from an answer must not lead to another path of the server.
        path = _fill_text(self.path, {name: quote(as_text(value), safe="") for name, value in values.items()})
        if path is ABSENT:
            raise ConfigError(f"the path {self.path!r} has a variable that has no value here")
        query = {name: _query_value(value) for name, value in fill(self.query, values).items()}
        headers = {name: as_text(value) for name, value in fill(self.headers, values).items()}
        body = fill(self.body, values)
        return Request(self.method, str(path), query, headers, None if body is ABSENT else body)

    def with_parts(self, other: Mapping[str, Any]) -> RequestTemplate:
        """Return this request with the parts in ``other`` instead; queries, headers and bodies are merged."""
        # A body that is a list is replaced: its entries have no names by which to merge them.
        body = other.get("body", self.body)
        if isinstance(body, Mapping) and isinstance(self.body, Mapping):
            body = {**self.body, **body}
        return RequestTemplate(
            path=other.get("path", self.path),
            method=other.get("method", self.method),
            query={**self.query, **other.get("query", {})},
            headers={**self.headers, **other.get("headers", {})},
            body=body,
        )


def _query_value(value: Any) -> str | int:
    return value if isinstance(value, int) and not isinstance(value, bool) else as_text(value)
