"""Decide which contact gets a number that several contacts want: the policies for shared numbers.

A contact **claims** the numbers that its row gives. At most one claimant gets a number; the others go without it, and
are sent without it. A number in a match field always stays: without it the target would not know the contact.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from syncd.core.callers.numbers import NUMBER, digits
from syncd.core.callers.wording import NOBODY
from syncd.core.columns import DIGEST, KEY, REASON, UNIT
from syncd.core.identity import digest, plain_text
from syncd.core.mapping.phones import canonical
from syncd.core.schema import Schema
from syncd.core.settings.rules import SharedNumbers

SOURCE, RANK, FIXED, NAMED, CHANGED, GETS = "@source", "@rank", "@fixed", "@named", "@changed", "@gets"
"""Columns of claims: the claimant's source, and the source's place in the configuration; whether the number is in a
match field; whether the claimant's name is its company's; when its row last changed (Unix seconds); the decision."""

CLAIMS = {
    NUMBER: pl.String,
    SOURCE: pl.String,
    KEY: pl.String,
    RANK: pl.Int32,
    FIXED: pl.Boolean,
    NAMED: pl.Boolean,
    CHANGED: pl.Float64,
}
"""A contact that claims a number; each contact once for each number."""

ASSIGNED = {NUMBER: pl.String, SOURCE: pl.String, KEY: pl.String}
"""Whose a person says a number is."""

_CHOSEN, _FIRST, _WHY, _AT = "@chosen", "@first", "@why", "@at"


def decided(claims: pl.DataFrame, policy: SharedNumbers, assigned: pl.DataFrame) -> pl.DataFrame:
    """Return the claims (:data:`CLAIMS`) with ``@gets`` (Boolean) and, for those that go without, ``@reason``.

    A decision of a person comes first, then a match field, then the policy. What a person says of a contact that does
    not claim the number counts for nothing.

    Args:
        claims: all claims on each number that occurs in them, in any order.
        policy: one of :data:`~syncd.core.settings.rules.DECIDING`.
        assigned: the decisions (:data:`ASSIGNED`).
    """
    chosen = assigned.select(NUMBER, SOURCE, KEY, pl.lit(value=True).alias(_CHOSEN))
    found = claims.join(chosen, on=[NUMBER, SOURCE, KEY], how="left").with_columns(
        pl.col(_CHOSEN).fill_null(value=False)
    )
    by, down = _order(policy)
    order = [NUMBER, _CHOSEN, FIXED, *by, RANK, SOURCE, KEY]
    descending = [name in {_CHOSEN, FIXED, *down} for name in order]
    # Each name once: two contacts of one source differ in their keys, so the order is total.
    found = found.sort(order, descending=descending, nulls_last=True)
    first = pl.int_range(pl.len()).over(NUMBER) == 0
    sure = pl.col(_CHOSEN) | pl.col(FIXED)
    waits = (pl.len().over(NUMBER) > 1) & ~sure.any().over(NUMBER) if policy == "hold" else pl.lit(value=False)
    why = pl.when(pl.col(_CHOSEN)).then(pl.lit("decided")).when(pl.col(FIXED)).then(pl.lit("match field"))
    # A company's name decides nothing between contacts that all have it, or that all lack it.
    by_name = pl.col(NAMED) & ~pl.col(NAMED).all().over(NUMBER)
    why = why.when(pl.lit(policy == "company") & ~by_name).then(pl.lit("first"))
    found = found.with_columns(
        (first & ~waits).alias(_FIRST), why.otherwise(pl.lit(policy)).alias(_WHY), waits.alias("@waits")
    )
    name = pl.format("{} {} has it ({})", SOURCE, pl.col(KEY).str.replace_all(UNIT, "+", literal=True), _WHY)
    reason = pl.when("@waits").then(pl.lit(NOBODY)).otherwise(name.first().over(NUMBER))
    gets = pl.col(_FIRST) | pl.col(FIXED)
    return found.with_columns(gets.alias(GETS), pl.when(~gets).then(reason).alias(REASON)).select(*CLAIMS, GETS, REASON)


def _order(policy: SharedNumbers) -> tuple[list[str], set[str]]:
    """Return the columns by which a policy ranks claims before their sources, and those of them that descend."""
    if policy == "newest":
        return [CHANGED], {CHANGED}
    return ([NAMED], {NAMED}) if policy == "company" else ([], set())


def company_field(schema: Schema) -> str | None:
    """Return the field that holds a contact's company: the first text field whose name says so; None if none does."""
    texts = pl.Series([field.name for field in schema.fields if not field.is_phone], dtype=pl.String)
    found = texts.filter(texts.str.contains(r"(?i)company|organi[sz]ation"))
    return str(found[0]) if len(found) else None


def is_named_so(contacts: pl.DataFrame, display: str | None, company: str | None) -> pl.Expr:
    """Return whether a contact's name is its company's, however the two are spaced and capitalised."""
    if display not in contacts.columns or company not in contacts.columns:
        return pl.lit(value=False).alias(NAMED)
    name, firm = (plain_text(pl.col(each).fill_null("")).str.to_lowercase() for each in (display, company))
    return ((name == firm) & (name != "")).alias(NAMED)


def content(contacts: pl.DataFrame, names: Collection[str], phones: Collection[str]) -> pl.Expr:
    """Return a digest of what a contact says, in which neither the order of numbers nor an absent value counts."""
    plain = contacts.select(
        (canonical(pl.col(name).fill_null("")) if name in phones else pl.col(name).fill_null("")).alias(name)
        for name in names
    )
    return pl.lit(plain.select(digest(list(names))).to_series())


def without_numbers(contacts: pl.DataFrame, lost: pl.DataFrame, phones: Collection[str]) -> pl.DataFrame:
    """Return contacts without the numbers that they lose, with the digests of what is left.

    Args:
        contacts: ``@key``, once each, and fields; a column ``@digest``.
        lost: ``@key``, ``number``.
        phones: the phone fields that may lose a number.
    """
    found = contacts.with_row_index(_AT)
    for name in sorted(set(phones) & set(contacts.columns)):
        parts = found.select(_AT, KEY, pl.col(name).str.split(";")).explode(name).filter(pl.col(name).is_not_null())
        parts = parts.with_columns(digits(pl.col(name)).alias(NUMBER))
        rest = parts.join(lost, on=[KEY, NUMBER], how="anti", maintain_order="left")
        left = rest.group_by(_AT, maintain_order=True).agg(pl.col(name).str.join(";").alias("@left"))
        # A field that loses all its numbers is cleared; a field that is left alone (null) stays so.
        both = found.join(left, on=_AT, how="left", maintain_order="left")
        emptied = pl.when(pl.col(name).is_not_null()).then(pl.col("@left").fill_null(""))
        found = both.with_columns(emptied.alias(name)).drop("@left")
    fields = [name for name in contacts.columns if not name.startswith("@")]
    return found.with_columns(digest(fields).alias(DIGEST)).select(contacts.columns)
