"""What is wrong with a configuration: each with its file, line and key, what was expected, the nearest name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from syncd.config.tree import KeyPath, Node, locate
from syncd.config.value_types import HIDDEN, WRONG
from syncd.core.wording import nearest

_EXPECTED = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "dict": "keys and values (key: value)",
    "model": "keys and values (key: value)",
    "mapping": "keys and values (key: value)",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "path": "a path",
}
_BOUNDS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must not be empty: at least {min_length} is needed",
    "too_long": "must have at most {max_length}",
}

MOST = 200
"""No more problems than this are told of one configuration."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its ``name`` as messages show it, the absolute ``folder`` that its paths start from, what it holds."""

    name: str
    folder: Path
    root: Node = field(repr=False)

    def where(self, path: KeyPath) -> str:
        """``FILE:LINE: key.path`` of ``path``, or of the nearest that stands there."""
        return f"{self.name}:{locate(self.root, path)[0]}: {dotted(path)}"


def dotted(path: KeyPath) -> str:
    """``mapping.Phone[0]``."""
    text = ""
    for step in path:
        name = f"[{step}]" if isinstance(step, int) else step if step.isprintable() else repr(step)
        text += name if isinstance(step, int) or not text else f".{name}"
    return text


@dataclass(slots=True)
class Problems:
    """Collects problems. ``hide`` takes out of a foreign message what a variable has filled in."""

    hide: Callable[[str], str] = str
    _found: dict[tuple[str, KeyPath], None] = field(default_factory=dict)
    _lines: list[tuple[int, int, str]] = field(default_factory=list)
    _files: list[str] = field(default_factory=list)

    def add(self, document: Document, path: KeyPath, what: str, *, line: int | None = None) -> None:
        """Note that ``what`` is wrong at ``path``, and that what follows from it there is no news."""
        self._found[document.name, path] = None
        key = dotted(path)
        self.at(document.name, line or locate(document.root, path)[0], f"{key}: {what}" if key else what)

    def at(self, file: str, line: int, what: str) -> None:
        """Note that ``what`` is wrong at a line of ``file``."""
        if self.full:
            return
        if file not in self._files:
            self._files.append(file)
        self._lines.append((self._files.index(file), line, f"{file}:{line}: {' '.join(what.splitlines())}"))

    @property
    def full(self) -> bool:
        """Whether there are so many problems that nobody reads more of them."""
        return len(self._lines) >= MOST

    def lines(self) -> list[str]:
        """Every problem (the first :data:`MOST` of them), by file and line."""
        found = list(dict.fromkeys(text for _, _, text in sorted(self._lines)))
        return [*found, "there is more: correct these first"] if self.full else found

    def take(self, document: Document, prefix: KeyPath, model: type[BaseModel], error: ValidationError) -> None:
        """Note what ``model`` found wrong with the value at ``prefix``."""
        for detail in error.errors(include_url=False, include_input=False):
            if self.full:
                return
            wanted = (*prefix, *detail["loc"])
            _, path, node = locate(document.root, wanted)
            if detail["type"] == "missing":
                inside = path if len(path) >= len(prefix) else prefix  # what holds it may be missing itself
                path = (*inside, detail["loc"][-1])
            if not self._known(document, path):
                self.add(document, path, self._sentence(detail, node, model))

    def _known(self, document: Document, path: KeyPath) -> bool:
        return any(name == document.name and known[: len(path)] == path for name, known in self._found)

    def _sentence(self, detail: Mapping[str, Any], node: Node, model: type[BaseModel]) -> str:
        kind, context = detail["type"], detail.get("ctx", {})
        if kind in {WRONG, HIDDEN}:
            subject = f"{_written(node)} " if node.kind == "scalar" and kind == WRONG else ""
            return f"{subject}{context.get('sentence', detail['msg'])}"
        if kind == "missing":
            return "is missing, and is required"
        if kind == "extra_forbidden":
            known = known_keys(model, detail["loc"])
            hint = nearest(str(detail["loc"][-1]), known)
            return f"is not a key here{hint}; there are: {', '.join(known) or 'none'}"
        if kind in {"literal_error", "enum"}:
            choices = re.findall(r"'([^']*)'", str(context.get("expected")))
            hint = nearest(str(node.value), choices)
            return f"{_written(node)} is not known here{hint}; write one of: {', '.join(choices)}"
        if kind in _BOUNDS:
            return _BOUNDS[kind].format(**context)
        return self.hide(_type_sentence(kind, node) or detail["msg"].removeprefix("Value error, "))


def _type_sentence(kind: str, node: Node) -> str | None:
    expected = _EXPECTED.get(kind.partition("_")[0])
    if expected is None or not kind.endswith(("_type", "_parsing", "_from_float", "_attributes_type")):
        return None
    remedy = ": put it in quotes" if expected == "text" and node.kind == "scalar" else ""
    return f"must be {expected}, and is {_kind(node)}{remedy}"


def _kind(node: Node) -> str:
    if node.kind == "list":
        return "a list"
    if node.kind == "mapping":
        return "keys and values"
    return {bool: "true or false", int: "a number", float: "a number"}.get(type(node.value), "text")


def _written(node: Node) -> str:
    """The value as the file writes it, its variables not filled in."""
    text = str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
    return repr(text if len(text) <= 60 else f"{text[:57]}…")


def known_keys(model: type[BaseModel], location: Iterable[str | int]) -> list[str]:
    """The keys that ``model`` knows where the last step of ``location`` stands."""
    here = [model]
    for step in list(location)[:-1]:
        fields = [each for known in here for name, each in known.model_fields.items() if step in {each.alias, name}]
        here = [found for each in fields for found in _models_in(each.annotation)] or here
    return [each.alias or name for known in here for name, each in known.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
