"""Pairs of a row under a new key and a vanishing contact, where the row has all that the contact has.

Nothing is guessed: a row is paired with a contact if no other of these rows and contacts has the same values, or if
their keys differ in their form only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl
import polars_hash  # noqa: F401  (adds the expression namespace ``nchash``)

from syncd.core.columns import KEY
from syncd.core.compare import any_of
from syncd.core.mapping.phones import canonical
from syncd.core.takeover.key_forms import WAS, key_form, plain, same_form

EXACT = "@exact"
"""Whether all values of a pair are equal, but for the fields that hold its key."""

PAIRS = {KEY: pl.String, WAS: pl.String, EXACT: pl.Boolean}
"""Pairs: ``@key``: the row's key. ``@was``: the key of the contact."""

SAMPLE = 10_000
"""Rows that are looked at before all are."""

_CONTENT, _FORM = "@content", "@form"


@dataclass(frozen=True, slots=True)
class Pairs:
    """What was found. ``sure``: a frame as :data:`PAIRS`, each key once.

    ``new`` and ``old``: keys of rows and contacts that have the values of several, so nobody can tell which is which.
    """

    sure: pl.DataFrame
    new: pl.Series
    old: pl.Series

    @property
    def count(self) -> int:
        """How many rows have all that a vanishing contact has."""
        return self.sure.height + self.new.len()


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields that are compared. ``of_key``: made of a key's columns. ``telling``: not the same in each contact."""

    names: Collection[str]
    phones: frozenset[str]
    of_key: Collection[str]
    telling: Collection[str]


def pairs_of(new: pl.DataFrame, old: pl.DataFrame, fields: Fields) -> Pairs:
    """Pair rows under new keys (``new``) with vanishing contacts (``old``); both: ``@key`` and a String column a field.

    A field that no vanishing contact has a value for does not count, and neither does a field that holds the key.
    """
    names = [
        name for name in fields.names if name not in fields.of_key and old.get_column(name).null_count() < old.height
    ]
    names = [name for name in names if not _holds_key(name, new, old)]
    telling = [name for name in names if name in fields.telling]
    if not telling:
        return _none()
    frames = [each.select(KEY, *names) for each in (new, old)]
    found = _none()
    # Values as they are come first: to take their form away costs much, and nearly always nothing is left for it.
    for loose in (False, True):
        here, there = (_with_content(each, telling, fields.phones, loose=loose) for each in frames)
        more = _paired(here, there.rename({KEY: WAS}), exact=not loose)
        found = Pairs(pl.concat([found.sure, more.sure]), more.new, more.old)
        frames = [
            frames[0].filter(~pl.col(KEY).is_in(more.sure.get_column(KEY).implode())),
            frames[1].filter(~pl.col(KEY).is_in(more.sure.get_column(WAS).implode())),
        ]
        if frames[0].is_empty() or frames[1].is_empty():
            break
    return Pairs(found.sure.sort(WAS), found.new, found.old)


def with_edited(found: Pairs, new: pl.Series, old: pl.Series, *, exact: bool = False) -> Pairs:
    """Pair further rows and contacts by the form of their keys, if the keys have only changed their form.

    They have, if most of the pairs that were found show it, or if most of the rows have the key of a vanishing contact
    in another form: a spreadsheet that takes the zeros of a key also rewrites numbers and dates in each row.

    ``new``: the keys of all rows under new keys, also of unusable rows. ``old``: the keys of all vanishing contacts.
    ``exact``: no field tells contacts apart but those that hold the key, so no row was edited.
    """
    here = new.filter(~new.is_in(found.sure.get_column(KEY).implode())).alias(KEY)
    there = old.filter(~old.is_in(found.sure.get_column(WAS).implode())).alias(WAS)
    if here.is_empty() or there.is_empty():
        return found
    sample = found.sure.head(SAMPLE)
    formed = int(same_form(sample).sum()) * 2 > sample.height
    # Keys of another column in most rows: that a few have the form of another key then means nothing.
    if not formed and found.count * 2 > new.len():
        return found
    more = _unique(
        pl.DataFrame([here, key_form(here).alias(_FORM)]), pl.DataFrame([there, key_form(there).alias(_FORM)]), [_FORM]
    ).with_columns(pl.lit(exact).alias(EXACT))
    if not formed and more.height * 2 <= new.len():
        return found
    return Pairs(
        sure=pl.concat([found.sure, more]).sort(WAS),
        new=found.new.filter(~found.new.is_in(more.get_column(KEY).implode())),
        old=found.old.filter(~found.old.is_in(more.get_column(WAS).implode())),
    )


def _none() -> Pairs:
    empty = pl.DataFrame(schema=PAIRS)
    return Pairs(empty, empty.get_column(KEY), empty.get_column(WAS))


def _holds_key(name: str, *frames: pl.DataFrame) -> bool:
    """Return whether a field merely holds the key of each row and of each contact, as a second column with the id."""
    for frame in frames:
        filled = frame.filter(pl.col(name).fill_null("") != "")
        # Nearly always the first rows show that the field is no key.
        for part in (filled.head(SAMPLE), filled.slice(SAMPLE)):
            if not (key_form(part.get_column(name)) == key_form(part.get_column(KEY))).all():
                return False
        if filled.is_empty():
            return False
    return True


def _with_content(
    contacts: pl.DataFrame, telling: Sequence[str], phones: frozenset[str], *, loose: bool
) -> pl.DataFrame:
    """Return ``@key`` and the digest of the values, or of the values without their form, if they are ``loose``."""
    names = [name for name in contacts.columns if name != KEY]
    # A field that is left alone and a field that is empty are the same: either way the contact has no value.
    values = contacts.with_columns(
        canonical(pl.col(name).fill_null("")) if name in phones else pl.col(name).fill_null("") for name in names
    )
    # A contact without a value has nothing that could tell it from another one.
    values = values.filter(any_of(pl.col(name) != "" for name in telling))
    if loose:
        values = values.with_columns(plain(values.get_column(name)) for name in names)
    digest: pl.Expr = pl.concat_str(names, separator="\x1e").nchash.xxh3_64()  # type: ignore[attr-defined]
    return values.select(KEY, digest.alias(_CONTENT))


def _paired(here: pl.DataFrame, there: pl.DataFrame, *, exact: bool) -> Pairs:
    """Pair rows (``@key``) and contacts (``@was``) with equal contents."""
    alone = _unique(here, there, [_CONTENT])
    here, there = here.join(alone, on=KEY, how="anti"), there.join(alone, on=WAS, how="anti")
    here = here.join(there, on=_CONTENT, how="semi", maintain_order="left")
    there = there.join(here, on=_CONTENT, how="semi", maintain_order="left")
    if here.height:
        # Of equal rows and contacts, each keeps its own if their keys only change their form.
        here = here.with_columns(key_form(here.get_column(KEY)).alias(_FORM))
        there = there.with_columns(key_form(there.get_column(WAS)).alias(_FORM))
        formed = _unique(here, there, [_CONTENT, _FORM])
        here = here.join(formed, on=KEY, how="anti", maintain_order="left")
        there = there.join(formed, on=WAS, how="anti", maintain_order="left")
        rest = _unique(here, there, [_CONTENT])
        here = here.join(rest, on=KEY, how="anti", maintain_order="left")
        there = there.join(rest, on=WAS, how="anti", maintain_order="left")
        alone = pl.concat([alone, formed, rest])
    return Pairs(
        sure=alone.with_columns(pl.lit(exact).alias(EXACT)),
        new=here.join(there, on=_CONTENT, how="semi", maintain_order="left").get_column(KEY),
        old=there.join(here, on=_CONTENT, how="semi", maintain_order="left").get_column(WAS),
    )


def _unique(here: pl.DataFrame, there: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Return ``@key``, ``@was`` of pairs that are equal in the columns ``by``, and of which neither has a twin."""
    whole = pl.col(by[0]) if len(by) == 1 else pl.struct(by)
    one, other = here.filter(whole.is_unique()), there.filter(whole.is_unique())
    return one.join(other, on=by, how="inner", maintain_order="left").select(KEY, WAS)
