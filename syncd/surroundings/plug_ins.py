"""The tables of plug-ins: a name leads to a class, which is imported on use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from syncd.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PlugIns(Generic[T]):
    """``what`` they are, for messages. ``group``: of the entry points by which other packages add theirs.

    ``own``: the built-in ones, name to ``module:class``.
    """

    what: str
    group: str
    own: Mapping[str, str]

    def find(self, name: str) -> type[T]:
        """Return the class called ``name``.

        Raises:
            ConfigError: none has that name; the message lists the names.

        """
        # The built-in ones come first: another package cannot take the place of one.
        own = [EntryPoint(name, self.own[name], self.group)] if name in self.own else []
        for point in own or entry_points(group=self.group, name=name):
            found: type[T] = point.load()
            return found
        raise ConfigError(f"no {self.what} is called {name!r}; there are: {', '.join(self.names())}")

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted({*self.own, *(point.name for point in entry_points(group=self.group))})
