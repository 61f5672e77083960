"""Changes that are marked and recorded directly in the state file."""

from __future__ import annotations

from typing import Any

import syncd.state.tables  # noqa: F401  (registers the tables)
from syncd.state import State
from syncd.state.journal import Settled


def change(key: str, match: str | None = None, **more: object) -> dict[str, object]:
    fields = {
        "@kind": "create",
        "@key": key,
        "@id": None,
        "@match": match or key,
        "@digest": 7,
        "before": {},
        "after": {"Name": "x"},
    }
    return {**fields, **more}


def accept(state: State, key: str, remote: int, more: dict[str, Any] | None = None, *, source: str = "s") -> None:
    [entry] = state.journal.mark("run", source, [change(key, **more or {})])
    state.journal.record([Settled(entry, "accepted", remote)])
