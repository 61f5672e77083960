"""Decide which callers a number has no more: contacts that lost it, and names under which contacts had it."""

from __future__ import annotations

import polars as pl

from syncd.core.callers.numbers import NUMBER
from syncd.core.columns import KEY

SOURCE, NAME, HEIR = "@source", "name", "@heir"

CALLERS = {NUMBER: pl.String, SOURCE: pl.String, KEY: pl.String, NAME: pl.String}
"""A number, the contact that has it, and the name that a display shows for it ("" if it is not known)."""


def former(before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """Return the callers of before (:data:`CALLERS`) that a number has no more.

    ``before`` has the column ``@heir`` too: the key that the contact has now. ``now``: the callers of these contacts.
    A name that was not known is nobody's former name.
    """
    is_now = now.select(NUMBER, SOURCE, pl.col(KEY).alias(HEIR), pl.col(NAME).alias("@now"))
    both = before.join(is_now, on=[NUMBER, SOURCE, HEIR], how="left", maintain_order="left")
    renamed = (pl.col(NAME) != "") & (pl.col(NAME) != pl.col("@now"))
    gone = both.filter(pl.col("@now").is_null() | renamed)
    return gone.select(NUMBER, SOURCE, pl.col(HEIR).alias(KEY), NAME).unique(maintain_order=True)
