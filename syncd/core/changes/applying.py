"""Decide which changes of an older plan are made now, and say of each other one why not.

A change is made if a plan of now has it, and has it exactly as it was: the same contact, the same values before it and
after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from syncd.core.change import Status
from syncd.core.columns import DIGEST, KEY, MATCH
from syncd.core.compare import BEFORE, ID, KIND, OLD_MATCH, SPARES, any_of, decoded, first_case
from syncd.core.gates import behind
from syncd.core.plan import Plan
from syncd.core.schema import Schema

WHY_NOT = "@why_not"
"""The column that says why a change is refused, as :class:`Why` does."""


class Why(StrEnum):
    """Why a change is not made any more."""

    ROW = "row changed"
    CONTACT = "contact changed"
    FIELD = "field changed"
    GONE = "gone"
    MADE = "already made"


@dataclass(frozen=True, slots=True)
class Now:
    """What is known when an older plan is applied.

    ``plan``: the plan of now. ``schema``, ``former``: the target's fields now and then. ``ledger``: ``@key``,
    ``@digest``, ``@status``, ``@old_match``, ``@id``, ``@before`` of the changes' contacts. ``rows``: the keys that
    have rows now, as far as they were read. ``gone``: keys that have surely left. ``deleted``: keys whose contacts were
    deleted since the older plan. ``begun``: keys whose changes this older plan has begun, with an unknown outcome.
    """

    plan: Plan
    schema: Schema
    former: Schema
    ledger: pl.DataFrame
    rows: pl.Series
    gone: pl.Series
    deleted: pl.Series
    begun: pl.Series
    case_insensitive: bool = False


@dataclass(frozen=True, slots=True)
class Applicable:
    """``todo``: the changes of now to make. ``refused``: ``@key``, ``@kind``, ``@why_not`` of the other ones.

    ``rest``: changes of the plan of now that are not made.
    """

    todo: pl.DataFrame
    refused: pl.DataFrame
    rest: pl.DataFrame


def applicable(older: pl.DataFrame, now: Now) -> Applicable:
    """Return which changes of an older plan (:data:`syncd.core.compare.CHANGE_SCHEMA` and the fields) are made."""
    both = pl.concat([now.plan.todo, now.plan.waiting])
    same = _equal(older, both, now)
    touched = older.filter(field_changed(older, now.former, now.schema)).get_column(KEY)
    good = same.filter(~same.is_in(touched.implode()))
    todo = now.plan.todo.filter(pl.col(KEY).is_in(good.implode()))
    # A contact whose move is not made keeps its match value at the target.
    late = behind(
        now.plan.todo, ~pl.col(KEY).is_in(todo.get_column(KEY).implode()), case_insensitive=now.case_insensitive
    )
    todo = todo.join(late.select(KEY), on=KEY, how="anti", maintain_order="left")
    held = now.plan.waiting.filter(pl.col(KEY).is_in(good.implode())).get_column(KEY)
    made = pl.concat([todo.get_column(KEY), held])
    refused = older.filter(~pl.col(KEY).is_in(made.implode()))
    why = _reasons(refused, both, touched, good, now)
    rest = now.plan.todo.join(todo.select(KEY), on=KEY, how="anti", maintain_order="left")
    return Applicable(todo, why, rest)


def refused_wholly(older: pl.DataFrame, why: Why) -> pl.DataFrame:
    """Return every change as refused for one reason."""
    return older.select(KEY, KIND, pl.lit(why.value).alias(WHY_NOT))


def _equal(older: pl.DataFrame, newer: pl.DataFrame, now: Now) -> pl.Series:
    """Return the keys whose changes are equal in both plans."""
    names = sorted({*_fields(older), *_fields(newer)})
    known = sorted({*names, *now.schema.names, *now.former.names})
    then, here = (_comparable(changes, names, known) for changes in (older, newer))
    both = here.join(then, on=KEY, how="inner", suffix="@then")
    # A call of unknown outcome may have changed what the target holds; the change that it was to make is the same.
    again = pl.col(KEY).is_in(now.begun.implode())
    content = [DIGEST, MATCH, "@deletes", *(f"@after:{name}" for name in names)]
    circumstances = [KIND, ID, OLD_MATCH, SPARES, *(f"@before:{name}" for name in known)]
    differs = any_of(_unequal(name) for name in content) | (~again & any_of(map(_unequal, circumstances)))
    return both.filter(~differs).get_column(KEY)


def _unequal(name: str) -> pl.Expr:
    return pl.col(name).ne_missing(pl.col(f"{name}@then"))


def _fields(changes: pl.DataFrame) -> list[str]:
    return [name for name in changes.columns if not name.startswith("@")]


def _comparable(changes: pl.DataFrame, names: list[str], known: list[str]) -> pl.DataFrame:
    """Return the columns that two plans are compared by; a field that a plan does not have is left alone by it."""
    left_alone = pl.lit(None, dtype=pl.String)
    spares = pl.col(SPARES) if SPARES in changes.columns else pl.lit(None, dtype=pl.Boolean)
    before = decoded(pl.col(BEFORE).fill_null("{}"), known)
    return changes.select(
        KEY,
        KIND,
        ID,
        MATCH,
        OLD_MATCH,
        DIGEST,
        spares.fill_null(value=False).alias(SPARES),
        (pl.col(KIND) == "delete").alias("@deletes"),
        *((pl.col(name) if name in changes.columns else left_alone).alias(f"@after:{name}") for name in names),
        *(before.struct.field(name).fill_null("").alias(f"@before:{name}") for name in known),
    )


def field_changed(older: pl.DataFrame, former: Schema, schema: Schema) -> pl.Expr:
    """Return whether a field that a change speaks of is another one now, or no field any more."""
    if former.match != schema.match:
        # With other match fields, the same change may meet another contact.
        return pl.lit(value=True)
    kinds = {field.name: (field.is_phone, field.is_match) for field in schema.fields}
    changed = {field.name for field in former.fields if kinds.get(field.name) != (field.is_phone, field.is_match)}
    return any_of(pl.col(name).is_not_null() for name in _fields(older) if name in changed or name not in kinds)


def _reasons(refused: pl.DataFrame, newer: pl.DataFrame, touched: pl.Series, same: pl.Series, now: Now) -> pl.DataFrame:
    """Say why each change is refused."""
    names = sorted({*_fields(refused), *now.schema.names})
    new = newer.select(KEY, pl.col(KIND).alias("@new"), MATCH, DIGEST).rename(
        {MATCH: "@new_match", DIGEST: "@new_digest"}
    )
    held = now.ledger.select(
        KEY,
        pl.col(ID).is_not_null().alias("@there"),
        pl.col("@status"),
        pl.col(DIGEST).alias("@held_digest"),
        pl.col(OLD_MATCH).alias("@held_match"),
        decoded(pl.col(BEFORE).fill_null("{}"), names).alias("@held"),
    )
    found = refused.join(new, on=KEY, how="left", maintain_order="left")
    found = found.join(held, on=KEY, how="left", maintain_order="left")
    deletes, planned = pl.col(KIND) == "delete", pl.col("@new").is_not_null()
    as_planned = pl.col("@held_digest").eq_missing(pl.col(DIGEST)) | ~any_of(
        pl.col(name).is_not_null() & (pl.col(name) != pl.col("@held").struct.field(name).fill_null(""))
        for name in _fields(refused)
    )
    accepted = (pl.col("@status") == Status.ACCEPTED) & (pl.col("@held_match") == pl.col(MATCH))
    made = pl.when(deletes).then(_among(now.deleted)).otherwise(accepted.fill_null(value=False) & as_planned)
    leaves = (pl.col("@new") == "delete") & ~deletes & ~_among(now.rows)
    same_row = pl.col("@new_digest").eq_missing(pl.col(DIGEST)) & (pl.col("@new_match") == pl.col(MATCH))
    known = pl.col("@status").is_not_null()
    why = first_case(
        (_among(touched), Why.FIELD),
        (planned & (_among(same) | same_row | (deletes & (pl.col("@new") == "delete"))), Why.CONTACT),
        (leaves, Why.GONE),
        (planned, Why.ROW),
        (made, Why.MADE),
        (deletes & ~known, Why.GONE),
        (deletes, Why.ROW),
        (_among(now.gone) | ~(_among(now.rows) | known), Why.GONE),
        (known & (pl.col("@status") != Status.ACCEPTED), Why.CONTACT),
        otherwise=Why.ROW,
    )
    return found.select(KEY, KIND, why.alias(WHY_NOT))


def _among(keys: pl.Series) -> pl.Expr:
    return pl.col(KEY).is_in(keys.implode())
