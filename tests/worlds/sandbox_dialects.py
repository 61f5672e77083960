"""The registry of dialect shows: for each dialect, what to look at and what each value makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from tests.worlds.sandbox_in_memory import World

ID = {"name": "External ID", "is_match": True}
NAME = {"name": "Contact"}

Show = Callable[[str, str], Any]
"""Given a dialect's name and value: play the events in a world with that value, and return what is seen."""


class Shows(dict[str, tuple[Show, Mapping[str, Any]]]):
    """For each dialect, its show and what the show returns under each value."""

    def shows(self, dialect: str, **seen: Any) -> Callable[[Show], Show]:
        """Enter the decorated function as the show of ``dialect``; ``seen``: value to what is seen under it."""

        def enter(show: Show) -> Show:
            # A value such as "400" is no name for an argument, so it is given as "_400".
            self[dialect] = (show, {value.removeprefix("_"): expected for value, expected in seen.items()})
            return show

        return enter


def world(name: str, value: str, *fields: Mapping[str, Any], **others: str) -> Any:
    return closing(World(fields or None, **{name: value, **others}))


def ids_held(held: World) -> list[str]:
    return [fields.get("External ID", "") for fields in held.held()]


def of_three(name: str, value: str, **others: str) -> Any:
    made = World(None, **{name: value, **others})
    made.store.add_all([{"External ID": "1"}, {"External ID": "2"}, {"External ID": "3"}])
    return closing(made)
