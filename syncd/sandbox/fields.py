"""The company's contact fields: what ``GET /contacts/fields`` shows, and where each value stands in a stored row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from syncd.errors import ConfigError

Row = tuple[str, ...]
"""A stored contact: one text for each field, in the fields' order; "" where it has none."""


class Fields:
    """The fields in the company's order.

    ``items`` is what the API shows. Of two fields of one name, a contact's value is that of the first.
    """

    def __init__(self, items: Iterable[Mapping[str, Any]], *, before: Fields | None = None) -> None:
        self.items = _numbered([dict(item) for item in items], before)
        self.names = tuple(str(item["name"]) for item in self.items)
        self.ids = tuple(int(item["id"]) for item in self.items)
        self.positions = {name: position for position, name in reversed(list(enumerate(self.names)))}
        self.match = self._flagged("is_match")
        self.phones = frozenset(self._flagged("is_phone"))
        self.integrations = self._flagged("is_integration")
        self.empty: Row = ("",) * len(self.names)

    def _flagged(self, flag: str) -> tuple[int, ...]:
        return tuple(position for position, item in enumerate(self.items) if item[flag])

    def row(self, values: Mapping[str, str], base: Row | None = None) -> Row:
        """``base`` (default: an empty row) with these fields' values.

        Raises:
            ConfigError: there is no field of such a name.

        """
        row = list(base or self.empty)
        for name, value in values.items():
            if name not in self.positions:
                raise ConfigError(f"the sandbox's company has no field {name!r}; it has: {', '.join(self.names)}")
            row[self.positions[name]] = value
        return tuple(row)

    def shown(self, row: Row) -> dict[str, str]:
        """Every field by name, the empty ones too."""
        if len(self.positions) == len(self.names):
            return dict(zip(self.names, row, strict=True))
        return {name: row[position] for name, position in self.positions.items()}

    def filled(self, row: Row) -> dict[str, str]:
        """The fields that hold something, by name."""
        return {name: value for name, value in self.shown(row).items() if value}

    def origin_of(self, before: Fields) -> list[int | None]:
        """For each field its position among the fields ``before``: a renamed field keeps its number and its values."""
        positions = {number: position for position, number in enumerate(before.ids)}
        return [positions.get(number) for number in self.ids]


def _numbered(items: Sequence[dict[str, Any]], before: Fields | None) -> list[dict[str, Any]]:
    """Give each field without a number that of the field of its name before, or a new one; and its missing flags."""
    known = dict(zip(before.names, before.ids, strict=True)) if before else {}
    free = max((0, *known.values(), *(int(item.get("id", 0)) for item in items))) + 1
    numbered = []
    for item in items:
        if not isinstance(item.get("name"), str):
            raise ConfigError("a field of the sandbox's company needs a name")
        number = item.get("id") or known.get(item["name"])
        if number is None:
            number, free = free, free + 1
        flags = {"is_phone": False, "is_match": False, "is_integration": False}
        numbered.append({"id": number, "name": item["name"]} | flags | item)
    return numbered
