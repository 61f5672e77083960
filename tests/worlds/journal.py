"""Changes that are marked and recorded directly in the state file."""

from __future__ import annotations

from typing import Any

import syncd.state.tables  # noqa: F401  (registers the tables)
from syncd.core.change import CallOutcome, Change, Kind
from syncd.state import State
from syncd.state.journal import Settled


def change(
    key: str,
    match: str | None = None,
    kind: Kind = "create",
    id_: int | None = None,
    digest: int = 7,
    after: dict[str, str] | None = None,
) -> Change:
    values = {"Name": "x"} if after is None else after
    return Change(kind, key, id_, match or key, digest, None, None, None, None, None, {}, values)


def accept(state: State, key: str, remote: int, *, source: str = "s", **more: Any) -> None:
    [entry] = state.journal.mark("run", source, [change(key, **more)])
    state.journal.record([Settled(entry, CallOutcome.ACCEPTED, remote)])
