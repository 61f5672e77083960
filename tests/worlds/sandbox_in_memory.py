"""A company's sandbox without HTTP, for tests of single answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from syncd.sandbox.backend import Backend, Call
from syncd.sandbox.dialects import Dialects
from syncd.sandbox.faults import Faults, Poison
from syncd.sandbox.limits import Windows
from syncd.sandbox.replies import Reply
from syncd.sandbox.store import Store

KEY = "test-key"


class Clock:
    """A clock that the test moves."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class World:
    """One company in memory. Each row is given and returned as the mapping of its fields."""

    def __init__(self, fields: Sequence[Mapping[str, Any]] | None = None, limits: Any = None, **dialects: str) -> None:
        self.clock = Clock()
        self.dialects = Dialects(dialects)
        self.store = Store(fields=fields, dialects=self.dialects, clock=self.clock)
        self.backend = Backend(
            store=self.store,
            dialects=self.dialects,
            faults=Faults(),
            windows=Windows(limits),
            key=KEY,
            clock=self.clock,
        )

    def push(self, *rows: Any, poisons: list[Poison] | None = None) -> Reply:
        items = [{"fields": row} for row in rows]
        call = Call("POST", "/contacts", body=json.dumps({"contacts": items}).encode(), token=KEY)
        return self.backend.work(call, poisons or [])

    def page(self, **query: Any) -> Reply:
        texts = {name: str(value) for name, value in query.items()}
        return self.backend.work(Call("GET", "/contacts", query=texts, token=KEY))

    def delete(self, body: Any) -> Reply:
        content = b"" if body is None else json.dumps(body).encode()
        return self.backend.work(Call("DELETE", "/contacts", body=content, token=KEY))

    def held(self) -> list[dict[str, str]]:
        """Return the fields of every contact, in the order of the ids."""
        return [contact["fields"] for contact in self.store.contacts()]

    def ids(self) -> list[int]:
        return list(self.store.ids())

    def close(self) -> None:
        self.store.close()
