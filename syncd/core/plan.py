"""All changes of one run of one source, as a value: sorted, countable, digested."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
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


@dataclass(frozen=True, slots=True)
class Held:
    """One gate's list. ``digest`` is what an approval names; ``approvable`` is False where only a fix helps."""

    gate: str
    kind: Literal["delete", "update", "all"]
    keys: tuple[str, ...]
    digest: str
    detail: str
    approvable: bool = True

    @property
    def count(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes to make (``todo``) and those that wait (``held``).

    ``todo``: a frame as :func:`syncd.core.compare.classify` gives it, sorted by kind, then key; ``waiting``: the same
    of what is held. ``opened``: the lists that an approval let pass a gate.
    """

    todo: pl.DataFrame
    held: tuple[Held, ...]
    waiting: pl.DataFrame
    opened: tuple[Held, ...] = ()

    def counts(self) -> dict[str, int]:
        """How many changes of each kind are to be made."""
        found = dict(self.todo.group_by(KIND).len().iter_rows())
        return {kind: found.get(kind, 0) for kind in KINDS}

    def held_count(self) -> int:
        """How many contacts wait, with those that would only be let go."""
        listed = {key for each in self.held for key in each.keys}
        return self.waiting.height + len(listed.difference(self.waiting.get_column(KEY)))

    def digest(self) -> str:
        return list_digest(self.todo)

    def still_approved(self, done: Collection[str]) -> tuple[Held, ...]:
        """Return what is left of the approved lists when the changes of the keys ``done`` are made.

        That may be what other gates hold.
        """
        gone = pl.Series(list(done), dtype=pl.String)
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
        """How many writing requests the plan takes when nothing is refused; a move deletes one id at most."""
        moves = self.todo.filter(pl.col(KIND) == "move").height
        return -(-self.upserts().height // BATCH) - (-(self.deletes().height + moves) // BATCH)


def closed(held: Sequence[Held]) -> pl.Expr:
    """Return whether a change is in a list that a gate holds."""
    waits = pl.lit(value=False)
    for each in held:
        kinds = ["delete"] if each.kind == "delete" else ["update", "move"] if each.kind == "update" else list(KINDS)
        keys = pl.Series(each.keys, dtype=pl.String)
        waits |= pl.col(KIND).is_in(kinds) & pl.col(KEY).is_in(keys.implode())
    return waits


def batches(changes: pl.DataFrame, size: int = BATCH) -> Iterator[list[Change]]:
    """Yield the changes of a frame in batches of ``size``. Only one batch at a time becomes Python objects."""
    for start in range(0, changes.height, size):
        yield list(rows(changes.slice(start, size)))


def list_digest(changes: pl.DataFrame) -> str:
    """Return 16 hex digits that name exactly this list: every kind, key, id and digest, in any order."""
    lines = changes.select(
        pl.format("{}\x1e{}\x1e{}\x1e{}", KIND, KEY, pl.col(ID).fill_null(0), pl.col(DIGEST).fill_null(0))
    ).to_series()
    return hashlib.sha256("\x1d".join(lines.sort()).encode()).hexdigest()[:16]
