"""A configuration file as a tree in which every value knows its line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Key = str | int
KeyPath = tuple[Key, ...]
"""The place of a value: keys of mappings, and indexes (from 0) of lists."""


@dataclass(slots=True)
class Node:
    """One value: a scalar in ``value`` (text, int, float, bool; None for nothing), or ``items`` by key or index.

    ``line`` is 1-based. ``size`` counts the values inside and ``height`` the levels, with aliases expanded. ``open``
    is True while the node is being read. ``flow`` marks a mapping written ``{a: b}``, and
    ``null`` a scalar written ``null`` or ``~``.
    """

    line: int
    kind: str
    value: str | float | bool | None = None
    items: dict[Key, Item] = field(default_factory=dict)
    size: int = 1
    height: int = 1
    # An alias inside its own anchor would make the tree endless: such an alias finds its node still open.
    open: bool = False
    flow: bool = False
    null: bool = False

    def plain(self, scalar: Callable[[KeyPath, Node], Any] = lambda _, node: node.value, path: KeyPath = ()) -> Any:
        """Return the value as dicts, lists and scalars; ``scalar`` gives the value of the scalar node at a path."""
        parts = {key: item.node.plain(scalar, (*path, key)) for key, item in self.items.items()}
        if self.kind == "mapping":
            return parts
        return list(parts.values()) if self.kind == "list" else scalar(path, self)


@dataclass(frozen=True, slots=True)
class Item:
    """A value inside another one; ``line`` is the line of its key, or of the value itself in a list."""

    line: int
    node: Node


def locate(root: Node, path: Iterable[Key]) -> tuple[int, KeyPath, Node]:
    """Return the line, path and node of the value at ``path``, or of the nearest value that exists."""
    node, line, existing = root, root.line, list[Key]()
    for step in path:
        # Pydantic's error paths hold steps that no file has, such as the tag of a union: skip them, do not stop.
        item = node.items.get(step)
        if item is not None:
            node, line = item.node, item.line
            existing.append(step)
    return line, tuple(existing), node
