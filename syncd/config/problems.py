"""The problems of a configuration: each with its file, line and key, the expected value and the nearest known name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from syncd.config.tree import KeyPath, Node, locate
from syncd.config.value_types import HIDDEN, WRONG
from syncd.core.wording import nearest

_EXPECTED = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "path": "a path",
    **dict.fromkeys(("dict", "model", "mapping"), "keys and values (key: value)"),
    **dict.fromkeys(("list", "tuple", "set"), "a list"),
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
"""The greatest number of problems that are reported for one configuration."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its ``name`` in messages, the absolute ``folder`` that its relative paths start from, its values."""

    name: str
    folder: Path
    root: Node = field(repr=False)

    def where(self, path: KeyPath) -> str:
        """Return ``FILE:LINE: key.path`` of ``path``; the line of the nearest existing key if ``path`` is missing."""
        return f"{self.name}:{locate(self.root, path)[0]}: {dotted(path)}"


def dotted(path: KeyPath) -> str:
    """Return ``path`` as people write it: ``mapping.Phone[0]``."""
    text = ""
    for step in path:
        # A key may hold a line break or a control character: shown as it is, it would break the message's line.
        name = f"[{step}]" if isinstance(step, int) else step if step.isprintable() else repr(step)
        text += name if isinstance(step, int) or not text else f".{name}"
    return text


@dataclass(slots=True)
class Problems:
    """Collects problems. ``hide`` removes the values of variables from a message of another library."""

    hide: Callable[[str], str] = str
    _places: set[tuple[str, KeyPath]] = field(default_factory=set)
    _lines: list[tuple[int, int, str]] = field(default_factory=list)
    _files: list[str] = field(default_factory=list)

    def add(self, document: Document, path: KeyPath, sentence: str, *, line: int | None = None) -> None:
        """Note a problem at ``path``; later errors of a model at this path or above it are not reported."""
        self._places.add((document.name, path))
        key = dotted(path)
        self.at(document.name, line or locate(document.root, path)[0], f"{key}: {sentence}" if key else sentence)

    def at(self, file: str, line: int, sentence: str) -> None:
        """Note a problem at a line of ``file``."""
        if self.full:
            return
        if file not in self._files:
            self._files.append(file)
        self._lines.append((self._files.index(file), line, f"{file}:{line}: {' '.join(sentence.splitlines())}"))

    @property
    def full(self) -> bool:
        """Whether :data:`MOST` problems were noted; further ones are not kept."""
        return len(self._lines) >= MOST

    def lines(self) -> list[str]:
        """Return every problem (the first :data:`MOST`), by file and line."""
        lines = list(dict.fromkeys(text for _, _, text in sorted(self._lines)))
        return [*lines, "there are more problems: correct these first"] if self.full else lines

    def validated(
        self, document: Document, prefix: KeyPath, model: type[Model], raw: Any, context: Any = None
    ) -> Model | None:
        """Return ``raw``, the value at ``prefix``, as a ``model``; or note what is wrong with it and return None."""
        try:
            return model.model_validate(raw, context=context)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                # A million wrong values make a million details: each costs a walk through the tree.
                if self.full:
                    break
                self._note(document, prefix, model, detail)
            return None

    def _note(self, document: Document, prefix: KeyPath, model: type[BaseModel], detail: Mapping[str, Any]) -> None:
        _, path, node = locate(document.root, (*prefix, *detail["loc"]))
        if detail["type"] == "missing":
            # The mapping that should hold the key may be missing too: then the problem is placed at the prefix.
            inside = path if len(path) >= len(prefix) else prefix
            path = (*inside, detail["loc"][-1])
        if not any(name == document.name and place[: len(path)] == path for name, place in self._places):
            self.add(document, path, self._sentence(detail, node, model))

    def _sentence(self, detail: Mapping[str, Any], node: Node, model: type[BaseModel]) -> str:
        kind, context = detail["type"], detail.get("ctx", {})
        if kind in {WRONG, HIDDEN}:
            subject = f"{_written(node)} " if node.kind == "scalar" and kind == WRONG else ""
            return f"{subject}{context.get('sentence', detail['msg'])}"
        if kind == "missing":
            return "is missing, and is required"
        if kind == "extra_forbidden":
            known = known_keys(model, detail["loc"])
            name = str(detail["loc"][-1])
            hint = _belongs(model, detail["loc"]) or nearest(name, known)
            return f"is not a key here{hint}; there are: {', '.join(known) or 'none'}"
        if kind in {"literal_error", "enum"}:
            # Pydantic gives the choices only as text: 'a', 'b' or 'c'.
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
    if node.kind != "scalar":
        return "a list" if node.kind == "list" else "keys and values"
    return {bool: "true or false", int: "a number", float: "a number"}.get(type(node.value), "text")


def _written(node: Node) -> str:
    # The node, not the model's input: the input has the values of variables in it, and they may be secrets.
    text = str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
    return repr(text if len(text) <= 60 else f"{text[:57]}…")


def known_keys(model: type[BaseModel], location: Iterable[str | int]) -> list[str]:
    """Return the keys that ``model`` knows at the place of the last step of ``location``."""
    return [name for name, _ in _fields_at(model, location)]


def _belongs(model: type[BaseModel], location: Sequence[str | int]) -> str:
    """Return where the last step of ``location`` is a key: in the entries of a map beside it, as of ``sources``; or "".

    A key that all sources are to have is often written once, above them.
    """
    key = str(location[-1])
    maps = [(name, get_args(each.annotation)) for name, each in _fields_at(model, location) if _is_map(each)]
    for name, (_, entry) in maps:
        if key in {each for inner in _models_in(entry) for each, _ in _fields_at(inner, ("",))}:
            return f" (it belongs under each of the {name}, as in {name}: {{NAME: {{{key}: …}}}})"
    return ""


def _is_map(field_: FieldInfo) -> bool:
    return get_origin(field_.annotation) is dict


def _fields_at(model: type[BaseModel], location: Iterable[str | int]) -> list[tuple[str, FieldInfo]]:
    models = [model]
    for step in list(location)[:-1]:
        fields = [each for model in models for name, each in model.model_fields.items() if step in {each.alias, name}]
        # A step that is no field (an index, a key of a dict, a union's tag) stays in the same models.
        models = [inner for each in fields for inner in _models_in(each.annotation)] or models
    return [(each.alias or name, each) for model in models for name, each in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
