"""The company's contact fields: the answer of ``GET /contacts/fields``, and the places of values in a stored row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from syncd.errors import ConfigError

Row = tuple[str, ...]
"""A stored contact: one text for each field, in the fields' order; "" for a field without a value."""


class Fields:
    """The fields in the company's order.

    ``items`` is the list that the API shows. Of two fields with one name, the first holds a contact's value.
    """

    def __init__(self, items: Iterable[Mapping[str, Any]], *, before: Fields | None = None) -> None:
        self.items = _numbered([dict(item) for item in items], before)
        self.names = tuple(str(item["name"]) for item in self.items)
        self.ids = tuple(int(item["id"]) for item in self.items)
        # Reversed, so that the first of two fields with one name wins.
        self.positions = {name: position for position, name in reversed(list(enumerate(self.names)))}
        self.match = self._flagged("is_match")
        self.phones = frozenset(self._flagged("is_phone"))
        self.integrations = self._flagged("is_integration")
        self.empty: Row = ("",) * len(self.names)

    def _flagged(self, flag: str) -> tuple[int, ...]:
        return tuple(position for position, item in enumerate(self.items) if item[flag])

    def row(self, values: Mapping[str, str], base: Row | None = None) -> Row:
        """Return ``base`` (default: an empty row) with these fields' values.

        Raises:
            ConfigError: there is no field of that name.

        """
        row = list(base or self.empty)
        for name, value in values.items():
            if name not in self.positions:
                raise ConfigError(f"the sandbox's company has no field {name!r}; it has: {', '.join(self.names)}")
            row[self.positions[name]] = value
        return tuple(row)

    def shown(self, row: Row) -> dict[str, str]:
        """Return every field by name, the empty ones too."""
        # The common case first: it runs for every contact of every list.
        if len(self.positions) == len(self.names):
            return dict(zip(self.names, row, strict=True))
        return {name: row[position] for name, position in self.positions.items()}

    def filled(self, row: Row) -> dict[str, str]:
        """Return the fields with a value, by name."""
        return {name: value for name, value in self.shown(row).items() if value}

    def origin_of(self, before: Fields) -> list[int | None]:
        """Return each field's position among the fields ``before``, or None; a renamed field keeps its values."""
        positions = {number: position for position, number in enumerate(before.ids)}
        return [positions.get(number) for number in self.ids]


def _numbered(items: Sequence[dict[str, Any]], before: Fields | None) -> list[dict[str, Any]]:
    """Give each field without an id the id of the former field of its name, or a new one; and its missing flags."""
    known = dict(zip(before.names, before.ids, strict=True)) if before else {}
    free = max((0, *known.values(), *(int(item.get("id", 0)) for item in items))) + 1
    numbered = []
    for item in items:
        if not isinstance(item.get("name"), str):
            raise ConfigError("a field of the sandbox's company needs a name")
        # The id decides, so a test can rename a field by giving its id.
        number = item.get("id") or known.get(item["name"])
        if number is None:
            number, free = free, free + 1
        flags = {"is_phone": False, "is_match": False, "is_integration": False}
        numbered.append({"id": number, "name": item["name"]} | flags | item)
    return numbered
