"""What a configuration file holds, as a tree in which everything knows its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

Key = str | int
KeyPath = tuple[Key, ...]
"""Where a value stands: keys of mappings, and indexes (from 0) of lists."""


@dataclass(slots=True)
class Node:
    """One value: a scalar in ``value`` (text, int, float, bool; None for nothing), or ``items`` by key or index.

    ``line`` is 1-based. ``size`` counts the values in it and ``height`` its levels, aliases expanded. ``open`` while it
    is being read. ``flow`` for a mapping written ``{a: b}``.
    """

    line: int
    kind: str
    value: str | float | bool | None = None
    items: dict[Key, Item] = field(default_factory=dict)
    size: int = 1
    height: int = 1
    open: bool = False
    flow: bool = False

    def plain(self) -> Any:
        """The value as dicts, lists and scalars."""
        if self.kind == "mapping":
            return {str(key): item.node.plain() for key, item in self.items.items()}
        return [item.node.plain() for item in self.items.values()] if self.kind == "list" else self.value


@dataclass(frozen=True, slots=True)
class Item:
    """A value inside another; ``line`` is that of its key, or of itself in a list."""

    line: int
    node: Node


def walk(node: Node, path: KeyPath = (), line: int = 1) -> Iterator[tuple[KeyPath, int, Node]]:
    """Every value in ``node``, itself first, with its path and line."""
    yield path, line, node
    for key, item in node.items.items():
        yield from walk(item.node, (*path, key), item.line)


def locate(root: Node, path: Iterable[Key]) -> tuple[int, KeyPath, Node]:
    """The line, path and value nearest to ``path``: steps that the tree does not have are left out."""
    node, line, found = root, root.line, list[Key]()
    for step in path:
        item = node.items.get(step)
        if item is not None:
            node, line = item.node, item.line
            found.append(step)
    return line, tuple(found), node
