"""What becomes of callers by the plans of a command, as a value with a JSON form."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import polars as pl

from syncd.core.callers.effects import EFFECT, Made, counts_of, effects, sides, with_names
from syncd.core.callers.kinds import KINDS

_PAGE = 10_000
"""Effects that are Python objects at once."""


@dataclass(frozen=True, slots=True)
class Callers:
    """``before`` and ``after``: who holds the numbers that the plans touch. ``found``: the effects on them."""

    before: pl.DataFrame
    after: pl.DataFrame
    found: pl.DataFrame

    @classmethod
    def of(cls, plans: Sequence[Made]) -> Self:
        """Return what becomes of callers by these plans together: a number may go from one source to another one."""
        before, after = sides(plans)
        return cls(before, after, effects(before, after))

    @property
    def counts(self) -> dict[str, int]:
        """How many numbers there are of each kind."""
        return counts_of(self.found)

    def named(self, kinds: Collection[str] = KINDS) -> pl.DataFrame:
        """Return ``number``, ``kind``, ``old`` and ``new`` (lists of names) of the effects of these kinds."""
        wanted = self.found.filter(pl.col(EFFECT).cast(pl.String).is_in(list(kinds)))
        return with_names(wanted, self.before, self.after)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield each effect as JSON has it, by number."""
        for page in self.named().iter_slices(_PAGE):
            yield from page.iter_rows(named=True)
