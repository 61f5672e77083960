"""Decide which changes of an older plan are made now, and say of each other one why not.

A change is made if a plan of now has it, and has it exactly as it was: the same contact, the same values before it and
after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import polars as pl

from syncd.core.callers.handing_over import too_early
from syncd.core.change import Status
from syncd.core.columns import DIGEST, KEY, MATCH
from syncd.core.compare import BEFORE, ID, KIND, OLD_MATCH, SPARES, any_of, decoded, first_case
from syncd.core.gates import behind
from syncd.core.plan import Held, Plan, closed, list_digest
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
    ``one_contact``: at most one contact has a number. ``gates``: return the lists that gates hold of changes that are
    made without the other changes of the plan.
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
    one_contact: bool = False
    gates: Callable[[pl.DataFrame], Iterable[Held]] = lambda _todo: ()


@dataclass(frozen=True, slots=True)
class Applicable:
    """``todo``: the changes of now to make. ``refused``: ``@key``, ``@kind``, ``@why_not`` of the other ones.

    ``rest``: changes of the plan of now that are not made. ``waiting``: changes that gates hold since they are made
    without the rest; these are neither refused nor part of the rest. ``held``: all lists that gates hold now.
    """

    todo: pl.DataFrame
    refused: pl.DataFrame
    rest: pl.DataFrame
    waiting: pl.DataFrame
    held: tuple[Held, ...]


def applicable(older: pl.DataFrame, now: Now) -> Applicable:
    """Return which changes of an older plan (:data:`syncd.core.compare.CHANGE_SCHEMA` and the fields) are made."""
    both = pl.concat([now.plan.todo, now.plan.waiting])
    same = _equal(older, both, now)
    touched = older.filter(field_changed(older, now.former, now.schema)).get_column(KEY)
    good = same.filter(~same.is_in(touched.implode()))
    todo, gated = _together(now.plan.todo.filter(pl.col(KEY).is_in(good.implode())), now)
    waiting = now.plan.todo.filter(closed(gated))
    held = now.plan.waiting.filter(pl.col(KEY).is_in(good.implode())).get_column(KEY)
    made = pl.concat([todo.get_column(KEY), waiting.get_column(KEY), held])
    refused = older.filter(~pl.col(KEY).is_in(made.implode()))
    why = _reasons(refused, both, touched, good, now)
    rest = now.plan.todo.filter(~pl.col(KEY).is_in(made.implode()))
    return Applicable(todo, why, rest, waiting, tuple(_one_a_gate([*now.plan.held, *gated], both)))


def _together(todo: pl.DataFrame, now: Now) -> tuple[pl.DataFrame, tuple[Held, ...]]:
    """Return the changes that can be made without the rest of the plan of now, and the lists that gates hold of them.

    ``todo``: the changes that both plans have.
    """
    whole, held = now.plan.todo, list[Held]()
    while True:
        keys = todo.get_column(KEY)
        if len(keys) == len(whole):
            return todo, ()
        # A contact whose move is not made keeps its match value at the target, and so it is with its numbers.
        late = behind(whole, ~_among(keys), case_insensitive=now.case_insensitive).get_column(KEY)
        if now.one_contact:
            late = pl.concat([late, too_early(whole, keys, now.schema.phones)])
        can = todo.filter(~_among(late))
        # A gate that looks at parts of a plan may let the whole plan through, and not a part of it.
        found = () if can.is_empty() else [each for each in now.gates(can) if not _is_opened(each, now.plan)]
        held += found
        can = can.filter(~closed(found))
        if len(can) == len(todo):
            return todo, tuple(held)
        todo = can


def _one_a_gate(held: Sequence[Held], changes: pl.DataFrame) -> Iterator[Held]:
    """Yield the lists, those of one gate as one list: a gate is known by its name."""
    for gate in dict.fromkeys(each.gate for each in held):
        lists = [each for each in held if each.gate == gate]
        if len(lists) > 1:
            part = changes.filter(closed(lists))
            keys, detail = tuple(part.get_column(KEY)), "; ".join(each.detail for each in lists)
            yield replace(lists[0], keys=keys, digest=list_digest(part), detail=detail)
        else:
            yield lists[0]


def _is_opened(held: Held, plan: Plan) -> bool:
    """Return whether a person has approved a list with these changes."""
    return any(each.gate == held.gate and {*held.keys} <= {*each.keys} for each in plan.opened)


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
