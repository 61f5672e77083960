"""All changes of one run of one source, as a value that is sorted, counted and digested."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from syncd.core.change import KINDS, Change
from syncd.core.columns import DIGEST, KEY
from syncd.core.compare import ID, KIND, rows

BATCH = 500
"""Contacts in one request at most (guide: Push contacts)."""

NOTHING = hashlib.sha256().hexdigest()[:16]
"""The digest of a plan without changes."""

HeldKind = Literal["delete", "update", "all", "create", "associate", "lead"]
"""The changes of the held keys that wait: deletes, updates and moves, or all changes; of a sink creates, updates, or
associations of contacts, or contacts to be made."""

_KINDS_HELD: Mapping[str, Sequence[str]] = {"delete": ["delete"], "update": ["update", "move"], "all": KINDS}


@dataclass(frozen=True, slots=True)
class Held:
    """One gate's list. ``digest`` is what an approval names; ``approvable`` is False if only a fix helps."""

    gate: str
    kind: HeldKind
    keys: tuple[str, ...]
    digest: str
    detail: str
    approvable: bool = True

    @property
    def count(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes to make (``todo``) and the changes that wait (``waiting``), with the lists that hold them (``held``).

    ``todo`` and ``waiting``: frames of changes (:data:`syncd.core.compare.CHANGE_SCHEMA` and the fields), sorted by
    kind, then key. ``opened``: the lists that an approval let pass a gate. ``origins``: the names of the origins that
    ``@origin`` means.
    """

    todo: pl.DataFrame
    held: tuple[Held, ...]
    waiting: pl.DataFrame
    opened: tuple[Held, ...] = ()
    origins: Sequence[str] = ()

    def counts(self) -> dict[str, int]:
        """Return how many changes of each kind are to be made."""
        found = dict(self.todo.group_by(KIND).len().iter_rows())
        return {kind: found.get(kind, 0) for kind in KINDS}

    def held_count(self) -> int:
        """Return how many contacts wait."""
        # Adopted contacts that would only be let go are in a list, and are no change.
        listed = {key for each in self.held for key in each.keys}
        return self.waiting.height + len(listed.difference(self.waiting.get_column(KEY)))

    def digest(self) -> str:
        return list_digest(self.todo)

    def still_approved(self, done: Collection[str]) -> tuple[Held, ...]:
        """Return what is left of the approved lists when the changes of the keys ``done`` are made."""
        gone = pl.Series(list(done), dtype=pl.String)
        # Another gate may hold a part of an approved list. The approval of this part must not be lost.
        rest = pl.concat([self.todo.filter(~pl.col(KEY).is_in(gone.implode())), self.waiting])
        parts = [(each, rest.filter(closed([each]))) for each in self.opened]
        return tuple(
            replace(each, keys=tuple(part.get_column(KEY)), digest=list_digest(part))
            for each, part in parts
            if not part.is_empty()
        )

    def upserts(self) -> pl.DataFrame:
        return self.todo.filter(pl.col(KIND) != "delete")

    def deletes(self) -> pl.DataFrame:
        return self.todo.filter(pl.col(KIND) == "delete")

    def requests(self) -> int:
        """Return how many writing requests the plan takes if the target refuses nothing."""
        # A move may leave its contact at the old match value, under an id that has to be deleted.
        moves = self.todo.filter(pl.col(KIND) == "move").height
        return -(-self.upserts().height // BATCH) - (-(self.deletes().height + moves) // BATCH)


def closed(held: Sequence[Held]) -> pl.Expr:
    """Return whether a change is in a list that a gate holds."""
    waits = pl.lit(value=False)
    for each in held:
        keys = pl.Series(each.keys, dtype=pl.String)
        waits |= pl.col(KIND).is_in(_KINDS_HELD[each.kind]) & pl.col(KEY).is_in(keys.implode())
    return waits


def batches(changes: pl.DataFrame, size: int = BATCH) -> Iterator[list[Change]]:
    """Yield the changes of a frame in batches of ``size``. Only one batch at a time becomes Python objects."""
    for start in range(0, changes.height, size):
        yield list(rows(changes.slice(start, size)))


def list_digest(changes: pl.DataFrame) -> str:
    """Return 16 hex digits that name exactly this list: every kind, key, id and digest, in any order."""
    # The values of the fields are part of it by their digest: an approval is for what a person has seen.
    lines = changes.select(
        pl.format("{}\x1e{}\x1e{}\x1e{}", KIND, KEY, pl.col(ID).fill_null(0), pl.col(DIGEST).fill_null(0))
    ).to_series()
    return hashlib.sha256("\x1d".join(lines.sort()).encode()).hexdigest()[:16]
