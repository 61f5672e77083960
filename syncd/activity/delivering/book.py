"""The changes of a delivery as people read them, field by field: a page for the screen, all of them for a file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.core.activity.sent import compact
from syncd.sink import Item

Told = Mapping[str, Any]
"""A change: ``sink``, ``kind``, ``key`` (its identity), ``id`` (the record's), ``fields`` with ``old`` and ``new``
values, ``contacts`` that are associated, ``held`` and ``outcome``."""


@dataclass(slots=True)
class Book:
    """``page``: so many changes of each sink are kept. ``write``: is given every change; None: nobody asks for all.

    ``same``: how many records of each sink are sent again although no field of them differs.
    """

    page: int = 20
    write: Callable[[Told], object] | None = None
    pages: dict[str, list[Told]] = field(default_factory=dict)
    same: Counter[str] = field(default_factory=Counter)

    def wants(self, sink: str) -> bool:
        """Return whether one more change of a sink is asked for."""
        return self.write is not None or len(self.pages.get(sink, ())) < self.page

    def take(self, sink: str, item: Item, outcome: str, *, held: bool = False) -> None:
        """Take a change and what became of it."""
        # How many updates change nothing is counted to the end.
        if not self.wants(sink) and item.change != "update":
            return
        fields = {} if item.change == "associate" else _differences(item)
        told = {
            "sink": sink,
            "kind": item.change,
            "key": item.identity,
            "id": item.remote_id,
            "fields": fields,
            "contacts": list(item.contacts),
            "held": held,
            "outcome": outcome,
        }
        # What a replay sends again as it is would fill the page with nothing to read.
        is_same = item.change == "update" and not fields and not item.contacts
        self.same[sink] += is_same and not held
        self._keep(sink, told, is_shown=not is_same and not held)

    def take_lead(
        self, sink: str, number: str, name: str | None, outcome: str, *, contact: str | None = None, held: bool = False
    ) -> None:
        """Take a contact of an unknown caller and what became of it."""
        if not self.wants(sink):
            return
        fields = {label: {"new": value} for label, value in (("phone", number), ("name", name)) if value}
        told = {"sink": sink, "kind": "lead", "key": f"lead:{number}", "id": contact, "fields": fields}
        self._keep(sink, {**told, "contacts": [], "held": held, "outcome": outcome}, is_shown=not held)

    def _keep(self, sink: str, told: Told, *, is_shown: bool) -> None:
        page = self.pages.setdefault(sink, [])
        if is_shown and len(page) < self.page:
            page.append(told)
        if self.write is not None:
            self.write(told)


def _differences(item: Item) -> dict[str, dict[str, str]]:
    """Return the fields that differ from what was accepted last; of long texts only their lengths are known."""
    found = {}
    for name, value in item.fields.items():
        before = item.sent.get(name)
        if compact(value) != before or item.change == "create":
            old, new = _text(before), _text(value)
            found[name] = {key: text for key, text in (("old", old), ("new", new)) if text}
    return {name: each for name, each in found.items() if each}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        is_compact = value.startswith("#") and ":" in value
        return f"({int(value.rpartition(':')[2]):,} characters)" if is_compact else value
    return json.dumps(value, ensure_ascii=False)
