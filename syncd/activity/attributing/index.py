"""Who has and had which numbers: read from the ledger and the history of the state; the target is asked nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import polars as pl

from syncd.core.activity.attribution.numbers import NUMBER, phones_in, with_numbers
from syncd.core.activity.attribution.periods import ALIASES, HELD, MADE, MOVES, PERIODS, moves_of, periods_of
from syncd.state import State
from syncd.state.runs import RETENTION


@dataclass(frozen=True, slots=True)
class Regions:
    """In whose form numbers are (ISO 3166 codes).

    ``sources``: of each configured source, in the order of the configuration; ``activity``: of calls and messages, and
    of contacts whose source is not configured any more.
    """

    sources: Mapping[str, str] = field(default_factory=dict)
    activity: str = "US"

    def of(self, source: str) -> str:
        """Return the region of a source."""
        return self.sources.get(source, self.activity)


@dataclass(frozen=True, slots=True)
class Index:
    """``periods``: who had which number when, as :data:`syncd.core.activity.attribution.periods.PERIODS`.

    ``horizon``: since when all changes of numbers are known, in Unix seconds.
    """

    periods: pl.DataFrame
    horizon: float


NOBODY = Index(pl.DataFrame(schema=PERIODS), 0.0)
"""Nobody has a number."""


def index_of(state: State, regions: Regions, now: float) -> Index:
    """Return who has and had which number; ``now``: Unix seconds."""
    phones = sorted(state.history.phone_fields())
    born = [now if (first := state.numbers.first_change()) is None else first]
    moves = pl.concat([pl.DataFrame(schema=MOVES), *_moves(state, regions, phones)])
    made = [pl.DataFrame(schema=MADE)]
    held = [pl.DataFrame(schema=HELD)]
    moved = moves.select("source", "key").unique()
    for source in state.numbers.sources():
        mine = moved.filter(pl.col("source") == source)
        for page in _ahead(state.numbers.now(source)):
            born.append(page.get_column("made").min())  # type: ignore[arg-type]
            held.append(_held(page, source, regions, phones))
            created = page.lazy().filter(pl.col("created") == 1).join(mine.lazy(), on="key", how="semi")
            made.append(created.select(source=pl.lit(source), key="key", made="made").collect())
    aliases = pl.DataFrame(state.numbers.aliases(), schema=ALIASES, orient="row")
    known = (pl.concat(held, rechunk=False), moves, pl.concat(made), aliases)
    return Index(periods_of(*known, [*regions.sources]), max(now - RETENTION, min(born)))


def _ahead(pages: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield the pages; while one is worked on, the next one is read."""
    with ThreadPoolExecutor(1) as other:
        coming = other.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = other.submit(next, pages, None)
            yield page


def _moves(state: State, regions: Regions, phones: Collection[str]) -> Iterator[pl.DataFrame]:
    for page in _ahead(state.numbers.changes(phones)):
        yield moves_of(*(_changed(page, name, regions, phones) for name in ("before", "after")))


def given(contacts: Collection[tuple[str, str]], regions: Regions, phones: Collection[str]) -> pl.Series:
    """Return the numbers of contacts (source and fields, a JSON object), each once."""
    rows = pl.DataFrame([*contacts], schema={"source": pl.String, "fields": pl.String}, orient="row")
    rows = rows.select("source", phones=phones_in(pl.col("fields"), sorted(phones)))
    return _with_numbers(rows, regions).get_column(NUMBER).unique()


def _held(page: pl.DataFrame, source: str, regions: Regions, phones: Collection[str]) -> pl.DataFrame:
    """Return the numbers that contacts have now."""
    # What is not sent of a contact, the target may hold all the same.
    returned = pl.col("returned") if (page.get_column("returned") != "").any() else None
    found = page.lazy().select(
        "key",
        "match",
        # A contact that was at the target before syncd had its numbers before.
        since=pl.when(pl.col("created") == 1).then("made"),
        phones=phones_in(pl.col("fields"), sorted(phones), returned),
    )
    numbers = with_numbers(found.collect(), "phones", regions.of(source), regions.activity)
    return numbers.select(source=pl.lit(source), **{name: name for name in [*HELD][1:]})


def _changed(changes: pl.DataFrame, side: str, regions: Regions, names: Collection[str]) -> pl.DataFrame:
    # A field that a change does not name keeps its value; a delete names none, and takes all.
    kept = pl.when(pl.col("after").is_not_null()).then("before") if side == "after" else None
    phones = phones_in(pl.col(side), sorted(names), kept)
    return _with_numbers(changes.select("n", "source", "key", "match", "at", phones=phones), regions)


def _with_numbers(rows: pl.DataFrame, regions: Regions) -> pl.DataFrame:
    """Return rows of several sources, with ``number`` in place of ``phones``."""
    parts = rows.partition_by("source", as_dict=True)
    found = [
        with_numbers(part, "phones", regions.of(str(source)), regions.activity) for (source,), part in parts.items()
    ]
    return pl.concat(found) if found else rows.rename({"phones": NUMBER})
