"""Say whose numbers are in rows that are not sent, and why: for who asks why somebody is not at the target."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import polars as pl

from syncd.core.callers.former import NAME
from syncd.core.callers.numbers import NUMBER, numbers_of
from syncd.core.columns import CONTACT, EXCLUDED, KEY, LINE, ORIGIN, REASON, ROW, STATE
from syncd.core.compare import KIND
from syncd.core.plan import Plan, closed
from syncd.core.verdicts import Verdicts

AT, WHY = "at", "why"

UNSENT = {NUMBER: pl.String, KEY: pl.String, AT: pl.String, NAME: pl.String, WHY: pl.String, "reason": pl.String}
"""A number of a row that is not sent. ``@key``, ``at`` and ``name``: "" if there is none. ``why``: as of whois."""

IMPOSSIBLE = "no such number is possible, so it is left out"


def turned_away(
    verdicts: Verdicts, fields: pl.DataFrame, outranked: pl.Series, phones: Collection[str], display: str | None
) -> pl.DataFrame:
    """Return the numbers of rows that are no contacts, as :data:`UNSENT`.

    ``fields``: ``@row`` and the mapped fields. ``outranked``: keys whose match value another contact has.
    """
    rows = verdicts.rows.filter(pl.col(STATE) != CONTACT).join(verdicts.reasons, on=ROW, how="left")
    away = pl.when(pl.col(STATE) == EXCLUDED).then(pl.lit("excluded")).otherwise(pl.lit("invalid"))
    why = pl.when(pl.col(KEY).is_in(outranked.implode())).then(pl.lit("shared match")).otherwise(away)
    told = rows.select(ROW, KEY, LINE, ORIGIN, why.alias(WHY), pl.col(REASON).alias("reason"))
    return _unsent(told.join(fields, on=ROW, how="inner"), verdicts.origins, phones, display)


def left_out(
    verdicts: Verdicts, fields: pl.DataFrame, sent: pl.DataFrame, phones: Collection[str], display: str | None
) -> pl.DataFrame:
    """Return the impossible numbers of contacts that are sent without them, as :data:`UNSENT`.

    ``fields``: ``@row`` and the fields with all numbers; ``sent``: as they are sent.
    """
    told = verdicts.contacts().select(ROW, KEY, LINE, ORIGIN, pl.lit("impossible").alias(WHY))
    told = told.with_columns(pl.lit(IMPOSSIBLE).alias("reason")).join(fields, on=ROW, how="inner")
    found = _unsent(told, verdicts.origins, phones, display)
    keyed = told.select(ROW, KEY).join(sent, on=ROW, how="inner")
    return found.join(numbers_of(keyed, [KEY], phones), on=[KEY, NUMBER], how="anti", maintain_order="left")


def held(plan: Plan, phones: Collection[str], display: str | None) -> pl.DataFrame:
    """Return the numbers of contacts that would be created or changed and that gates hold, as :data:`UNSENT`."""
    waiting = plan.waiting.filter(pl.col(KIND) != "delete")
    said = pl.coalesce(
        *(pl.when(closed([each])).then(pl.lit(f"{each.gate}: {each.detail}")) for each in plan.held), pl.lit("")
    )
    told = waiting.with_columns(pl.lit("held").alias(WHY), said.alias("reason"))
    return _unsent(told, plan.origins, phones, display)


def _unsent(told: pl.DataFrame, origins: Sequence[str], phones: Collection[str], display: str | None) -> pl.DataFrame:
    name = pl.col(display) if display in told.columns else pl.lit(None, dtype=pl.String)
    whole = told.with_columns(_place(origins).alias(AT), name.fill_null("").alias(NAME), pl.col(KEY).fill_null(""))
    return numbers_of(whole, [KEY, AT, NAME, WHY, "reason"], phones).select(UNSENT.keys())


def _place(origins: Iterable[str]) -> pl.Expr:
    names = dict(enumerate(origins))
    origin = pl.col(ORIGIN).cast(pl.Int64).replace_strict(names, default="", return_dtype=pl.String).fill_null("")
    return pl.when(pl.col(LINE).fill_null(0) > 0).then(pl.format("{}:{}", origin, LINE)).otherwise(origin)
