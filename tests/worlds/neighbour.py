"""Another company behind the same address, as another key shows it; its contacts have ids of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from syncd.sandbox.listing import Listing
from syncd.sandbox.store import Store
from tests.worlds.world import FIELDS, World

KEY = "key-of-another-company"


class Neighbour:
    """Another company; ``rows`` are its contacts by id."""

    def __init__(
        self, world: World, contacts: Sequence[Mapping[str, str]], fields: Sequence[Mapping[str, Any]]
    ) -> None:
        self._world = world
        self.store = Store(fields=fields, dialects=world.sandbox._dialects)
        self.store.add_all(contacts)
        self.before = dict(self.store.rows)

    @property
    def is_untouched(self) -> bool:
        return dict(self.store.rows) == self.before

    @contextmanager
    def behind_the_key(self, key: str = KEY) -> Iterator[None]:
        """Let the configuration have the key of this company for the time of the block."""
        backend, target = self._world.sandbox._backend, self._world.target
        store, had = backend.store, dict(target)
        target["api_key"], backend.key = key, key
        self._answering(self.store)
        yield
        backend.key = "test-key"
        target.clear()
        target.update(had)
        self._answering(store)

    def _answering(self, store: Store) -> None:
        backend = self._world.sandbox._backend
        backend.store, backend.listing = store, Listing(store)


def neighbour(
    world: World, contacts: Sequence[Mapping[str, str]] | None = None, fields: Sequence[Mapping[str, Any]] = FIELDS
) -> Neighbour:
    """Return a company with 20 contacts, whose ids are those of a company that began on the same day."""
    own = [{"External ID": f"B{number}", "Name": f"Neighbour {number}"} for number in range(1, 21)]
    return Neighbour(world, own if contacts is None else contacts, fields)


def rotate(world: World, key: str = "rotated-key") -> None:
    """Give the company another key."""
    world.target["api_key"] = world.sandbox._backend.key = key
