"""What becomes of callers: which numbers get, lose or change their name by the changes of plans.

A number's caller is what the display may show when the number calls: the names of the contacts that hold it, as far as
the ledger knows them. A person's contact that a plan adopts is known only after it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from syncd.core.callers.kinds import AMBIGUOUS, CHANGE, GAIN, KINDS, LOSE, RESOLVED
from syncd.core.callers.numbers import NUMBER, numbers_of
from syncd.core.claims import SOURCE
from syncd.core.columns import KEY
from syncd.core.compare import BEFORE, ID, KIND, decoded

HOLDERS = "holders"

NAME, EFFECT, OLD, NEW = "name", "kind", "old", "new"

HOLDS = {NUMBER: pl.String, KEY: pl.String, NAME: pl.String}
"""A contact that holds a number, and the contact's name; "" if it has none. A contact has a row for each number."""

CALLERS = {NUMBER: pl.String, SOURCE: pl.String, KEY: pl.String, NAME: pl.String}
"""The same of contacts of any source."""

OTHERS = {**CALLERS, ID: pl.Int64}
"""The same with the ids of these contacts at the target."""

CROWDS = {NUMBER: pl.String, HOLDERS: pl.Int64}
"""A number, and how many contacts hold it at least."""

CROWD = 8
"""The further contacts with one number that are not told: before the plan and after it, several contacts hold it."""

FIELDS, SENT = "fields", "sent"

_KNOWN, _WAS, _SENT, _HELD = "@known", "@was:", "@sent:", "@held"

_KINDS = pl.Enum(KINDS)


@dataclass(frozen=True, slots=True)
class Touched:
    """The holders of the numbers that the plan of a ``source`` touches.

    ``before``: the contacts that the plan changes, as the ledger knew them (:data:`HOLDS`); ``after``: as the plan
    makes them. ``others``: further contacts with these numbers (:data:`OTHERS`). ``crowds``: numbers with so many
    further contacts that these are not told (:data:`CROWDS`). ``new_keys``: the new key by the old key of contacts that
    go on under other keys; the keys of ``before`` and ``after`` are new.
    """

    source: str
    before: pl.DataFrame
    after: pl.DataFrame
    others: pl.DataFrame
    crowds: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CROWDS))
    new_keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """What a plan touches, and which of its changes were made: their ``keys``, or all of them if None.

    ``ids``: of contacts at the target that these changes keep or take over, as far as they are known.
    """

    touched: Touched
    keys: pl.Series | None = None
    ids: pl.Series = field(default_factory=lambda: pl.Series(ID, [], dtype=pl.Int64))


def holders(
    changes: pl.DataFrame, known: pl.DataFrame, phones: Collection[str], display: str | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the contacts that changes are about, before and after these changes (:data:`HOLDS`).

    Args:
        changes: :data:`syncd.core.compare.CHANGE_SCHEMA` and the fields, each key once.
        known: those that the ledger has at the target: ``@key``, ``fields``, their values there, and ``sent``, the
            values that were sent last, null if these are not looked at (JSON objects).
        phones: the names of the phone fields.
        display: the name of the field that is shown as the name; None: no contact has a name.
    """
    names = [*sorted(phones), *([] if display is None or display in phones else [display])]
    there = known.select(KEY, pl.col(FIELDS).alias(_HELD), SENT)
    here = changes.join(there, on=KEY, how="left", maintain_order="left")
    # A person's contact that is adopted keeps the fields that the change does not mention.
    told = here.select(KEY, pl.coalesce(_HELD, BEFORE).alias(FIELDS), SENT, pl.col(_HELD).is_not_null().alias(_KNOWN))
    told = told.filter(pl.col(FIELDS).is_not_null())
    was = _apart(_apart(told, FIELDS, _WAS, names), SENT, _SENT, names)
    made = here.filter(pl.col(KIND) != "delete").join(was, on=KEY, how="left", maintain_order="left")
    after = [_value(name, is_mapped=name in changes.columns) for name in names]
    return _holds(was.filter(_KNOWN), phones, display), _holds(made.select(KEY, *after), phones, display)


def _value(name: str, *, is_mapped: bool) -> pl.Expr:
    """Return the value that a field has after a change."""
    was = pl.col(_WAS + name)
    if not is_mapped:
        return was
    # A field that is null is left alone. The target makes of a value what it made of the same value before.
    same = was.is_not_null() & (pl.col(name) == pl.col(_SENT + name))
    return pl.when(same).then(was).otherwise(pl.coalesce(name, was)).alias(_WAS + name)


def differing(before: pl.DataFrame, after: pl.DataFrame) -> pl.Series:
    """Return the numbers that one of the contacts holds in another way (:data:`HOLDS`) than before, each once."""
    both = list(HOLDS)
    changed = [before.join(after, on=both, how="anti"), after.join(before, on=both, how="anti")]
    return pl.concat([each.get_column(NUMBER) for each in changed]).unique()


def crowded(counts: pl.DataFrame, apart: pl.Series, least: int) -> pl.DataFrame:
    """Return those of the ``counts`` (:data:`CROWDS`) that are at least so many without some contacts.

    ``apart``: a number for each of those contacts.
    """
    less = apart.alias(NUMBER).to_frame().group_by(NUMBER).len("less")
    left = pl.col(HOLDERS) - pl.col("less").fill_null(0)
    found = counts.join(less, on=NUMBER, how="left").select(NUMBER, left.cast(pl.Int64))
    return found.filter(pl.col(HOLDERS) >= least)


def others_named(held: pl.DataFrame, known: pl.DataFrame, display: str | None) -> pl.DataFrame:
    """Return holders (``number``, ``@source``, ``@key``) with their names and ids, as :data:`OTHERS`.

    ``known``: ``@source``, ``@key``, ``@id`` and ``fields`` (JSON objects) of these contacts.
    """
    named = _apart(known, FIELDS, _WAS, [] if display is None else [display])
    names = named.select(SOURCE, KEY, _name(display), ID)
    return held.join(names, on=[SOURCE, KEY], how="inner", maintain_order="left").select(OTHERS.keys())


def sides(plans: Sequence[Made]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return who holds the numbers that the plans touch, before and after the changes that were made (``CALLERS``).

    ``plans``: in the order in which they were made. Each one has seen what the earlier ones had done.
    """
    known = [_of_source(each, each.touched.before) for each in plans]
    changed = [pl.concat([was, _of_source(each, each.touched.after)]) for each, was in zip(plans, known, strict=True)]
    seen = [_renamed(each.touched.others, plans) for each in plans]
    # What an earlier plan has done is no state of before.
    then = [_without(others, [*changed[:place], *known]) for place, others in enumerate(seen)]
    taken = pl.concat([pl.Series(ID, [], dtype=pl.Int64), *(each.ids for each in plans)])
    # A change that takes a contact over leaves nothing of the contact that was there.
    still = pl.col(ID).is_in(taken.implode()).fill_null(value=False).not_()
    now = [_without(others, changed).filter(still) for others in seen]
    after = [_of_source(each, _after(each)) for each in plans]
    crowds = _crowds([each.touched for each in plans])
    both = pl.concat([*known, _once(then)]), pl.concat([*after, _once(now)])
    return both[0].join(crowds, on=NUMBER, how="anti"), both[1].join(crowds, on=NUMBER, how="anti")


def effects(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Return ``number`` and ``kind`` (of :data:`~syncd.core.callers.kinds.KINDS`) of numbers with another caller.

    ``before``, ``after``: who holds each number (``number``, ``name``, a row for each contact). Names say
    whether one caller becomes another one; contacts, and not names, say whether several hold a number.
    """
    was, now = _counted(before), _counted(after)
    both = was.join(now, on=NUMBER, how="full", coalesce=True, suffix="_now")
    had, has = pl.col("n").fill_null(0), pl.col("n_now").fill_null(0)
    kind = (
        pl.when(had == 0)
        .then(pl.lit(GAIN))
        .when(has == 0)
        .then(pl.lit(LOSE))
        .when((had == 1) & (has == 1) & (pl.col(NAME) != pl.col(f"{NAME}_now")))
        .then(pl.lit(CHANGE))
        .when((had == 1) & (has > 1))
        .then(pl.lit(AMBIGUOUS))
        .when((had > 1) & (has == 1))
        .then(pl.lit(RESOLVED))
    )
    return both.select(NUMBER, kind.cast(_KINDS).alias(EFFECT)).drop_nulls()


def counts_of(found: pl.DataFrame) -> dict[str, int]:
    """Return how many numbers :func:`effects` found of each kind."""
    counts = dict(found.get_column(EFFECT).value_counts().iter_rows())
    return {kind: counts.get(kind, 0) for kind in KINDS}


def with_names(found: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Return ``number``, ``kind``, ``old``, ``new`` (lists of the names, sorted) of effects, by number."""
    rows = found
    for side, names in ((before, OLD), (after, NEW)):
        there = side.join(found, on=NUMBER, how="semi").sort(NAME)
        listed = there.group_by(NUMBER, maintain_order=True).agg(pl.col(NAME).alias(names))
        rows = rows.join(listed, on=NUMBER, how="left")
    nobody = pl.lit([], dtype=pl.List(pl.String))
    return rows.with_columns(pl.col(OLD, NEW).fill_null(nobody)).sort(NUMBER)


def _apart(contacts: pl.DataFrame, column: str, prefix: str, names: Sequence[str]) -> pl.DataFrame:
    """Put these fields of a column of JSON objects into columns of their own."""
    if contacts.is_empty() or not names:
        absent = (pl.lit(None, dtype=pl.String).alias(prefix + name) for name in names)
        return contacts.drop(column).with_columns(absent)
    fields = decoded(pl.col(column), names).struct.rename_fields([prefix + name for name in names])
    return contacts.with_columns(fields.alias(column)).unnest(column)


def _renamed(others: pl.DataFrame, plans: Sequence[Made]) -> pl.DataFrame:
    """Return contacts under the keys that they have once the plans are carried out."""
    for touched in (each.touched for each in plans if each.touched.new_keys):
        now = pl.when(pl.col(SOURCE) == touched.source).then(pl.col(KEY).replace(dict(touched.new_keys)))
        others = others.with_columns(now.otherwise(KEY).alias(KEY))
    return others


def _crowds(plans: Sequence[Touched]) -> pl.DataFrame:
    """Return the numbers that several contacts hold whom no plan changes."""
    found = [pl.DataFrame(schema={NUMBER: pl.String})]
    for each in plans if any(each.crowds.height for each in plans) else ():
        # An earlier plan may have seen what a later one takes away, and a later plan what an earlier one gave.
        others = (pl.concat([other.before, other.after]) for other in plans if other is not each)
        less = (other.select(NUMBER, KEY).unique().get_column(NUMBER) for other in others)
        found.append(crowded(each.crowds, pl.concat([pl.Series(NUMBER, [], dtype=pl.String), *less]), 2).select(NUMBER))
    return pl.concat(found)


def _once(others: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return :data:`CALLERS` that several plans may have seen."""
    found = pl.concat([pl.DataFrame(schema=OTHERS), *others]).select(CALLERS.keys())
    return found.unique([NUMBER, SOURCE, KEY], keep="first", maintain_order=True)


def _without(others: pl.DataFrame, changed: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the others that are none of these contacts."""
    for each in changed if others.height else ():
        others = others.join(each, on=[SOURCE, KEY], how="anti", maintain_order="left")
    return others


def _holds(contacts: pl.DataFrame, phones: Collection[str], display: str | None) -> pl.DataFrame:
    named = contacts.with_columns(_name(display))
    return numbers_of(named, [KEY, NAME], [_WAS + name for name in phones]).select(HOLDS.keys())


def _name(display: str | None) -> pl.Expr:
    return (pl.lit("") if display is None else pl.col(_WAS + display).fill_null("")).alias(NAME)


def _of_source(made: Made, held: pl.DataFrame) -> pl.DataFrame:
    return held.select(NUMBER, pl.lit(made.touched.source).alias(SOURCE), KEY, NAME)


def _after(made: Made) -> pl.DataFrame:
    """Return the contacts after the changes that were made: the others are as they were."""
    touched = made.touched
    if made.keys is None:
        return touched.after
    was_made = pl.col(KEY).is_in(made.keys.implode())
    return pl.concat([touched.after.filter(was_made), touched.before.filter(~was_made)])


def _counted(held: pl.DataFrame) -> pl.DataFrame:
    return held.group_by(NUMBER).agg(pl.len().alias("n"), pl.col(NAME).first())
