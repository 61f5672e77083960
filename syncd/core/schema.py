"""The target's fields, as the target describes them (guide: Contacts, step 1), and what a push needs of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from syncd.core.wording import nearest


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the target. ``id``: the target's number for it, 0 if it has none. ``name``: as contacts use it."""

    id: int
    name: str
    is_phone: bool = False
    is_match: bool = False
    is_integration: bool = False


@dataclass(frozen=True)
class Schema:
    """The company's contact fields, in the target's order."""

    fields: tuple[Field, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    @cached_property
    def match(self) -> tuple[str, ...]:
        """The match fields' names, in the target's order."""
        return tuple(field.name for field in self.fields if field.is_match)

    @cached_property
    def phones(self) -> frozenset[str]:
        return frozenset(field.name for field in self.fields if field.is_phone)

    def display(self, named: str | None = None) -> str | None:
        """Return the field that a phone shows as the name: ``named``, else the first text field that is no match field.

        None if there is no such field.
        """
        texts = (field.name for field in self.fields if not field.is_phone and not field.is_match)
        return named if named is not None else next(texts, None)

    def described(self) -> str:
        """Return the fields as one line of JSON, which differs if a push may hold something else."""
        # Without ids: a field that was made again under its name takes the same values.
        return json.dumps([(field.name, field.is_phone, field.is_match) for field in self.fields])

    @classmethod
    def of_description(cls, described: str | None) -> Self:
        """Return the fields, without their numbers, of what :meth:`described` returned; None: no fields are known."""
        known = json.loads(described or "[]")
        return cls(tuple(Field(0, name, is_phone, is_match) for name, is_phone, is_match, *_ in known))


def parse_fields(body: Any) -> Schema:
    """Read the body of ``GET /contacts/fields``; unknown keys are ignored.

    Raises:
        ValueError: the body does not have this form.

    """
    items = body.get("fields") if isinstance(body, Mapping) else None
    if not isinstance(items, list):
        raise ValueError("the answer has no list of fields")
    return Schema(tuple(_field(item) for item in items))


def _field(item: Any) -> Field:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        raise ValueError("an entry of the list of fields has no name")
    # A flag of another form counts as false: to take "false" for true would make a wrong match field.
    flags = {flag: item.get(flag) is True for flag in ("is_phone", "is_match", "is_integration")}
    return Field(id=int(item.get("id") or 0), name=item["name"], **flags)


SET_UP = "set the fields up in the Vocatech admin portal, or ask support@vocatech.com"


def problems_with(schema: Schema) -> list[str]:
    """Return the problems that no mapping can solve, each with its remedy; [] if contacts can be pushed."""
    if not schema.fields:
        return [f"the company has no contact fields yet: {SET_UP}"]
    # A push finds a contact by its match fields. Without them each push would make every contact anew.
    if not schema.match:
        return [f"no contact field is a match field, so every push could make a twin: {SET_UP}"]
    return [
        f"two contact fields are called {name!r}: rename one in the Vocatech admin portal"
        for name in sorted({name for name in schema.names if schema.names.count(name) > 1})
    ]


_NOT_MAPPED = "the match field {!r} is not mapped: add it to mapping"
_RESERVED = "the field name {!r} is not usable: names that begin with '@' are reserved"


def problems_of_mapping(
    schema: Schema, mapped: Iterable[str], renames: Mapping[str, str] | None = None
) -> list[tuple[str | None, str]]:
    """Return the problems of a mapping, each with the field whose rule is wrong (None: a rule is missing).

    Args:
        schema: the target's fields.
        mapped: the fields that the mapping names.
        renames: the current names of fields, by their former names.
    """
    mapped, renames = list(mapped), renames or {}
    # A match field under its former name is one problem, not two. But if another field has that name now, the mapping
    # means the other field, and nothing else says that the match field is not mapped.
    named = {*mapped, *(renames.get(each) for each in mapped if each not in schema.names)}
    return [
        *((name, _lacking(name, schema, renames.get(name))) for name in mapped if name not in schema.names),
        *((None, _NOT_MAPPED.format(name)) for name in schema.match if name not in named),
        *((name, _RESERVED.format(name)) for name in mapped if name.startswith("@")),
    ]


def problem_of_display(schema: Schema, named: str | None, renames: Mapping[str, str] | None = None) -> str | None:
    """Return why the field ``named`` cannot be the name that a phone shows; None if it can, or if none is named.

    ``renames``: as of :func:`problems_of_mapping`.
    """
    if named is None:
        return None
    if named not in schema.names:
        return _lacking(named, schema, (renames or {}).get(named))
    if named not in schema.phones:
        return None
    best = schema.display()
    advice = "name a text field" + ("" if best is None else f", such as {best!r}, or leave it out")
    return f"the contact field {named!r} holds phone numbers, and no name: {advice}"


def _lacking(name: str, schema: Schema, now: str | None) -> str:
    if now is not None:
        return f"the contact field {name!r} was renamed at the target and is called {now!r} now: write that here"
    there = ", ".join(schema.names)
    return f"the company has no contact field {name!r}{nearest(name, schema.names)}; it has: {there}"
