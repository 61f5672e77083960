"""Whose calls and messages are: many at once, by the numbers that contacts have and had.

Only the other side's number counts, and only as a whole. The result does not depend on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from syncd.core.activity.attribution.numbers import NUMBER
from syncd.core.activity.numbers import LONGEST_EXTENSION
from syncd.core.settings.sinks import Shared

ASKED = {NUMBER: pl.String, "direction": pl.String, "at": pl.Float64, "unknown": pl.Boolean}
"""An activity: its number (digits, null if it is withheld), its direction, and when it was, in Unix seconds.
``unknown``: nobody had its number when it was decided before."""

DECIDED = {
    "outcome": pl.String,
    "as_of": pl.String,
    "reason": pl.String,
    "contacts": pl.List(pl.UInt32),
    "candidates": pl.List(pl.UInt32),
}
"""What was decided of each activity, in their order. ``contacts``, ``candidates``: places in the periods."""

MOST = 100
"""Contacts and candidates of one activity that are named at most."""

_PAIRS = 2_000_000
"""Pairs of an activity and a contact in memory at once: a number of a switchboard may have thousands of each."""

WITHHELD = "the number is withheld"
INSIDE = "it stayed within the company"
SHORT = "so short a number is an extension's, or a service's"
OWN = "the number is the company's own"
NOBODY = "no contact had the number"
THEN = "the contact had the number then"
NOW = "the contact has the number; the history does not go back so far"
LATER = "the contact got the number later"
_SHARED = {
    "first": "several contacts have the number: the first by the order of the sources, then of the keys",
    "all": "several contacts have the number: it is theirs all",
    "none": "several contacts have the number: it is nobody's",
    "hold": "several contacts have the number: a person says whose it is",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """How activities find their contacts.

    ``shared``: whose an activity is whose number several have. ``late``: how far back a contact that was made later
    gets its activities, in seconds. ``horizon``: since when all changes of numbers are known; ``now``: both in Unix
    seconds.
    """

    shared: Shared
    late: float
    horizon: float
    now: float


def decide(asked: pl.DataFrame, periods: pl.DataFrame, own: Collection[str], rules: Rules) -> pl.DataFrame:
    """Return :data:`DECIDED` of :data:`ASKED`.

    ``periods``: who has and had which numbers (:data:`syncd.core.activity.attribution.periods.PERIODS`). ``own``: the
    company's own numbers, which are never looked for.
    """
    rows = asked.with_row_index("row").with_columns(reason=_never(own))
    open_ = rows.filter(pl.col("reason").is_null()).select("row", NUMBER, "at", "unknown")
    found = _found(open_, periods, rules)
    rows = rows.select("row", "reason").join(found, on="row", how="left", maintain_order="left")
    never, answer = pl.col("reason"), pl.col("why")
    outcome = pl.when(never == WITHHELD).then(pl.lit("withheld")).when(never.is_not_null()).then(pl.lit("internal"))
    return rows.select(
        outcome=outcome.when(answer.is_null()).then(pl.lit("unknown")).otherwise("outcome"),
        as_of="as_of",
        reason=pl.coalesce(never, answer, pl.lit(NOBODY)),
        contacts=pl.col("contacts").fill_null([]),
        candidates=pl.col("candidates").fill_null([]),
    ).cast(DECIDED)  # type: ignore[arg-type]


def _never(own: Collection[str]) -> pl.Expr:
    """Return why a number is looked for at no contact; null if it is."""
    number = pl.col(NUMBER)
    ours = pl.Series(sorted(own), dtype=pl.String)
    return (
        pl.when(pl.col("direction") == "internal")
        .then(pl.lit(INSIDE))
        .when(number.is_null() | (number == ""))
        .then(pl.lit(WITHHELD))
        .when(number.str.len_bytes() <= LONGEST_EXTENSION)
        .then(pl.lit(SHORT))
        .when(number.is_in(ours.implode()))
        .then(pl.lit(OWN))
    )


def _found(asked: pl.DataFrame, periods: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return ``row``, ``outcome``, ``as_of``, ``why``, ``contacts``, ``candidates`` of those whose number one had."""
    rows = periods.with_row_index("period")
    is_alone = pl.col("rank").is_null()
    alone = rows.lazy().select("period", NUMBER, "since", "until", "there", "rank").filter(is_alone).drop("rank")
    found = [_of_one(_in_time(asked.join(alone.collect(), on=NUMBER), rules))]
    several = rows.filter(~is_alone)
    if not several.is_empty():
        parts = (part.join(several, on=NUMBER) for part in _parts(asked, several))
        found += [_of_several(_in_time(pairs, rules), rules) for pairs in parts]
    return pl.concat(found)


def _parts(asked: pl.DataFrame, several: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the activities whose numbers several contacts have, in parts of so many pairs."""
    counts = several.group_by(NUMBER).agg(pairs=pl.len().cast(pl.UInt64))
    mine = asked.join(counts, on=NUMBER)
    if mine.get_column("pairs").sum() <= _PAIRS:
        return [mine.drop("pairs")]
    mine = mine.with_columns(part=pl.col("pairs").cum_sum() // _PAIRS)
    return [each.drop("pairs", "part") for each in mine.partition_by("part")]


def _in_time(pairs: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the pairs of an activity and a period that count, with ``as_of``."""
    at, since, until = pl.col("at"), pl.col("since"), pl.col("until")
    known = at >= rules.horizon
    then = (since.is_null() | (since <= at)) & (until.is_null() | (at < until))
    later = pl.col("there") & (since > at) & (since - at <= rules.late)
    # What nobody had at first and somebody has now, somebody got later.
    before = pl.when("unknown").then(pl.lit("late")).otherwise(pl.lit("now"))
    as_of = (
        pl.when(known & then)
        .then(pl.lit("call"))
        .when(known & later)
        .then(pl.lit("late"))
        .when(~known & pl.col("there"))
        .then(before)
    )
    return pairs.with_columns(as_of=as_of).drop_nulls("as_of")


def _of_one(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return what is decided where one contact has the number."""
    one = pl.concat_list("period")
    return pairs.select("row", "as_of", outcome=pl.lit("matched"), why=_why(), contacts=one, candidates=one).select(
        _FOUND
    )


def _of_several(pairs: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return what is decided where several contacts have the number, or one person has it in several sources."""
    # Who had it then goes before who got it later.
    ranked = pairs.with_columns(after=pl.col("as_of") == "late")
    ranked = ranked.filter(pl.col("after") == pl.col("after").min().over("row")).sort("row", "rank")
    person = pl.when(pl.col("match") != "").then("match").otherwise(pl.format("{}\x1f{}", "source", "key"))
    ranked = ranked.with_columns(person=person)
    first = pl.col("person") == pl.col("person").first()
    found = ranked.group_by("row", maintain_order=True).agg(
        pl.col("as_of").first(),
        candidates=pl.col("period").head(MOST),
        first=pl.col("period").filter(first).head(MOST),
        persons=pl.col("person").n_unique(),
    )
    shared = pl.col("persons") > 1
    mine = {"first": pl.col("first"), "all": pl.col("candidates")}.get(rules.shared, pl.lit([], pl.List(pl.UInt32)))
    return found.select(
        "row",
        "as_of",
        "candidates",
        outcome=pl.when(shared).then(pl.lit("shared")).otherwise(pl.lit("matched")),
        why=pl.when(shared).then(pl.lit(_SHARED[rules.shared])).otherwise(_why()),
        contacts=pl.when(shared).then(mine).otherwise("candidates"),
    ).select(_FOUND)


_FOUND = ["row", "outcome", "as_of", "why", "contacts", "candidates"]


def _why() -> pl.Expr:
    said = {"call": THEN, "now": NOW, "late": LATER}
    return pl.col("as_of").replace_strict(said, return_dtype=pl.String)
