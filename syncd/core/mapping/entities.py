"""HTML entities in texts, as some servers and exports write them: ``O&#39;Brien &amp; Sons``."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

import polars as pl

from syncd.core.mapping.rules import columns_in
from syncd.core.settings.rules import SourceRules

LOOKED_AT = 5_000
"""The most rows of a page that are looked at: to look at a million would take longer than it is worth."""

_ENTITY = r"&(?:#[0-9]{2,6}|#[xX][0-9a-fA-F]{2,5}|[A-Za-z]{2,8}[0-9]{0,2});"


def decoded(texts: pl.Series) -> pl.Series:
    """Return the texts with the characters that their entities stand for."""
    rows = texts.str.contains("&", literal=True).fill_null(value=False).arg_true()
    if not len(rows):
        return texts
    plain = pl.Series([html.unescape(text) for text in texts.gather(rows)], dtype=pl.String)
    # Series.scatter would change the source's own column.
    return texts.clone().scatter(rows, plain)


def not_decoded(rules: SourceRules) -> frozenset[str]:
    """Return the columns of which a field takes the text as it is."""
    return frozenset(name for rule in rules.mapping.values() if rule.decode is None for name in columns_in(rule.origin))


def cells(frame: pl.DataFrame, columns: Iterable[str]) -> Mapping[str, int]:
    """Return how many cells of these columns hold an entity; columns without one are left out.

    Of a large frame only the first :data:`LOOKED_AT` rows are looked at.
    """
    found, frame = {}, frame.head(LOOKED_AT)
    for name in columns:
        text = frame.get_column(name)
        # Almost no text holds the sign, and to look for it alone is cheap.
        some = text.filter(text.str.contains("&", literal=True))
        if len(some) and (count := int(some.str.contains(_ENTITY).sum())):
            found[name] = count
    return found
