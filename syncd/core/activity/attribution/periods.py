"""Since when, and until when, contacts had their numbers: from what the ledger knows now and the changes before."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from syncd.core.activity.attribution.numbers import NUMBER

_WHO = ("source", "key", "match")
HELD = dict.fromkeys((*_WHO, NUMBER), pl.String) | {"since": pl.Float64}
"""A number that a contact has now. ``match``: its match value, "" if there is none; ``since``: when the contact was
made, null if it was there before syncd."""

MOVES = {"n": pl.Int64} | dict.fromkeys((*_WHO, NUMBER), pl.String) | {"at": pl.Float64, "gained": pl.Boolean}
"""A contact gained or lost a number at a time (Unix seconds). ``n``: the order of the changes."""

MADE = {"source": pl.String, "key": pl.String, "made": pl.Float64}
"""When a contact that is still there was made."""

PERIODS = dict.fromkeys((*_WHO, NUMBER), pl.String) | {
    "since": pl.Float64,
    "until": pl.Float64,
    "there": pl.Boolean,
    "rank": pl.UInt32,
}
"""A contact had a number ``since`` (null: for as long as is known) ``until`` (null: it still has). ``there``: it has it
now. ``rank``: the place of the contact by source, then by key, among those that share their numbers; null if no other
row has the number."""

ALIASES = {"match": pl.String, "source": pl.String, "key": pl.String}
"""Rows of sources that were not sent, since the contact with this match value is the same person."""

_ONE = ["source", "key", NUMBER]


def moves_of(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Return the numbers that changes gave and took, as :data:`MOVES`.

    ``before``, ``after``: the numbers before and after each change: the columns of :data:`MOVES` without ``gained``.
    """
    of = ["n", NUMBER]
    gained = after.join(before, on=of, how="anti").with_columns(gained=True)
    lost = before.join(after, on=of, how="anti").with_columns(gained=False)
    return pl.concat([gained, lost]).select(MOVES.keys())


def periods_of(
    held: pl.DataFrame, moves: pl.DataFrame, made: pl.DataFrame, aliases: pl.DataFrame, sources: Sequence[str]
) -> pl.DataFrame:
    """Return :data:`PERIODS` from :data:`HELD`, :data:`MOVES`, :data:`MADE` and :data:`ALIASES`.

    ``sources``: all of them, in the order in which they go first.
    """
    steps = _alternating(moves)
    last = steps.filter("last").drop("last", "before")
    now = _with_aliases(_since_the_last_step(held, last), aliases)
    # Frames of a million rows: whole columns stay where they are.
    found = pl.concat([now, _ended(steps, made), _left_open(held, last)], rechunk=False)
    several = _several(found.get_column(NUMBER))
    ranks = pl.Series("rank", [None], dtype=pl.UInt32).new_from_index(0, found.height)
    return found.with_columns(ranks.scatter(several.arg_true(), _ranks(found.filter(several), sources)))


def _several(numbers: pl.Series) -> pl.Series:
    """Return which numbers stand there more than once, and perhaps a few others."""
    # By hashes, which take a fraction of the memory: two numbers of one hash only make more work.
    hashes = numbers.hash()
    ordered = hashes.sort()
    return hashes.is_in(ordered.filter(ordered == ordered.shift()).unique().implode())


def _ranks(several: pl.DataFrame, sources: Sequence[str]) -> pl.Series:
    """Return the place of each row by source, then by key."""
    others = sorted({*several.get_column("source").unique()} - {*sources})
    source = pl.col("source").cast(pl.Enum([*sources, *others]))
    order = several.select(source, "key", "since", place=pl.int_range(pl.len(), dtype=pl.UInt32))
    places = order.sort("source", "key", "since").get_column("place")
    ranks = pl.Series("rank", [0], dtype=pl.UInt32).new_from_index(0, several.height)
    return ranks.scatter(places, pl.int_range(several.height, dtype=pl.UInt32, eager=True))


def _alternating(moves: pl.DataFrame) -> pl.DataFrame:
    """Return the moves without those that say what the one before says; ``before``: when that was.

    ``last``: whether no other one of the same number of the same contact follows.
    """
    # Most numbers come or go once.
    is_several = moves.select(pl.struct(_ONE).hash()).to_series().is_duplicated()
    alone = moves.filter(~is_several).with_columns(before=pl.lit(None, dtype=pl.Float64), last=pl.lit(value=True))
    ordered = moves.filter(is_several).with_columns(one=pl.concat_str(_ONE, separator="\x1f")).sort("one", "n")
    # What no change tells of, such as a lost state, may lie between two equal ones: the first one counts.
    again = (pl.col("gained") == pl.col("gained").shift().over("one")).fill_null(value=False)
    ordered = ordered.filter(~again).with_columns(
        before=pl.col("at").shift().over("one"), last=pl.col("n") == pl.col("n").max().over("one")
    )
    return pl.concat([alone, ordered.drop("one")])


def _since_the_last_step(held: pl.DataFrame, last: pl.DataFrame) -> pl.DataFrame:
    """Return the numbers that contacts have now; a later change than the one that made the contact counts.

    ``last``: the last step of each number of each contact.
    """
    changed = _same(held, last)
    since = pl.when("gained").then("at").otherwise(pl.max_horizontal("since", "at"))
    known = changed.select(since).to_series()
    return held.select(
        *_WHO,
        NUMBER,
        held.get_column("since").scatter(changed.get_column("place"), known),
        until=pl.lit(None, dtype=pl.Float64),
        there=pl.lit(value=True),
    )


def _same(held: pl.DataFrame, last: pl.DataFrame) -> pl.DataFrame:
    """Return both rows of each number of each contact that is in both, with their ``place`` and ``place_right``."""
    # Joined by a hash, which takes a fraction of the memory of three texts; then the texts are compared.
    one = pl.struct(_ONE).hash().alias("one")
    few = last.with_columns(one).with_row_index("place")
    wanted = held.select(one).to_series().is_in(few.get_column("one").implode())
    rows = held.with_row_index("place").filter(wanted).with_columns(one)
    equal = pl.all_horizontal(pl.col(name) == pl.col(f"{name}_right") for name in _ONE)
    return rows.join(few, on="one", suffix="_right").filter(equal)


def _ended(steps: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """Return the periods that a change ended; what was there at the first change was there before."""
    ended = steps.filter(~pl.col("gained")).join(made, on=["source", "key"], how="left")
    # The contact may have been deleted in between, and made anew.
    since = pl.when(pl.col("made") < pl.col("at")).then("made")
    return ended.select(*_WHO, NUMBER, since=pl.coalesce("before", since), until="at", there=pl.lit(value=False))


def _left_open(held: pl.DataFrame, last: pl.DataFrame) -> pl.DataFrame:
    """Return the periods that no change ended, though the ledger does not know the contact any more."""
    known = _same(held, last).get_column("place_right")
    lost = last.with_row_index("place").filter(~pl.col("place").is_in(known.implode()) & pl.col("gained"))
    return lost.select(*_WHO, NUMBER, since="at", until=pl.lit(None, dtype=pl.Float64), there=pl.lit(value=False))


def _with_aliases(now: pl.DataFrame, aliases: pl.DataFrame) -> pl.DataFrame:
    if aliases.is_empty():
        return now
    # Two rows of one source that want one match value may be two persons.
    first = aliases.filter(pl.col("match") != "").sort("key").unique(["match", "source"], keep="first")
    same = now.rename({"source": "of"}).drop("key").join(first, on="match").filter(pl.col("of") != pl.col("source"))
    same = same.sort("match", "of", "since").unique(_ONE, keep="first").select(now.columns)
    new = ~pl.int_range(pl.len()).is_in(_same(now, same).get_column("place_right").implode())
    return pl.concat([now, same.filter(new)], rechunk=False)
