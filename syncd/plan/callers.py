"""Gathers who holds the numbers that a plan touches, while the ledger is as it is before the plan is carried out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import polars as pl

from syncd.core.callers.effects import (
    CROWD,
    CROWDS,
    FIELDS,
    HOLDERS,
    HOLDS,
    OTHERS,
    SENT,
    Touched,
    crowded,
    differing,
    holders,
    others_named,
)
from syncd.core.callers.numbers import NUMBER, numbers_in
from syncd.core.claims import SOURCE
from syncd.core.columns import KEY
from syncd.core.compare import ID, KIND
from syncd.core.field_history import renamed
from syncd.core.schema import Schema
from syncd.plan.field_history import phones_ever, renames
from syncd.state import State
from syncd.state.numbers import holders as state_holders
from syncd.state.numbers.shared import SENT as AS_SENT

_WHO = {SOURCE: pl.String, KEY: pl.String}

# The values of so many contacts are apart at once: those of a first load take more memory than all its other data.
_PAGE = 100_000


@dataclass(frozen=True, slots=True)
class CallersRequest:
    """The source whose plan is looked at, and its surroundings.

    ``display``: the field that is shown as the name; None if there is none. ``new_keys``: the new key by the old key of
    contacts that go on under other keys, of which the ledger does not know yet.
    """

    source: str
    state: State
    schema: Schema
    display: str | None
    new_keys: Mapping[str, str] = field(default_factory=dict)


def touched(request: CallersRequest, changes: pl.DataFrame) -> Touched:
    """Return who holds the numbers that these ``changes`` touch, before them and after them."""
    pages = [holders(page, _known(request, page), request.schema.phones, request.display) for page in _pages(changes)]
    before, after = (pl.concat([pl.DataFrame(schema=HOLDS), *side]) for side in (zip(*pages, strict=True) or ((), ())))
    others, crowds = _others(request, changes, before, after)
    return Touched(request.source, before, after, others, crowds, request.new_keys)


def _pages(changes: pl.DataFrame) -> Iterable[pl.DataFrame]:
    return (changes.slice(start, _PAGE) for start in range(0, max(changes.height, 1), _PAGE))


def _known(request: CallersRequest, changes: pl.DataFrame) -> pl.DataFrame:
    """Return those of the changed contacts that the ledger has at the target: ``@key``, ``fields`` and ``sent``."""
    state, new_keys = request.state, dict(request.new_keys)
    # The ledger does not know the others: a first load of a million would look for each of them.
    keys = _old_keys(request, changes.filter(~pl.col(KIND).is_in(["create", "adopt"])).get_column(KEY))
    found = _contacts(request, _named(request, keys))
    # As they were sent: a contact that gets a number back has not been sent with it.
    sent = state.shared.contacts(_named(request, found.get_column(KEY))).select(KEY, pl.col(AS_SENT).alias(SENT))
    sent = renamed(sent, renames(state, request.schema), SENT)
    both = found.join(sent, on=KEY, how="left", maintain_order="left")
    return both.select(pl.col(KEY).replace(new_keys), FIELDS, SENT)


def _others(
    request: CallersRequest, changes: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the contacts of any source that hold the numbers of the plan, and that it does not change, and the crowds.

    Of a contact that the plan takes over from another key, all numbers are told.
    """
    state = request.state
    if not state.numbers.sources():
        return pl.DataFrame(schema=OTHERS), pl.DataFrame(schema=CROWDS)
    phones, lost = phones_ever(state, request.schema), _taken_over(request, changes)
    wanted = pl.concat([differing(before, after), lost.get_column(NUMBER)]).unique()
    apart = pl.concat([before.get_column(NUMBER), lost.get_column(NUMBER)])
    crowds = crowded(state.holders.crowds(wanted, phones, CROWD), apart, CROWD)
    found = state.holders.of(wanted.filter(~wanted.is_in(crowds.get_column(NUMBER).implode())), phones)
    changed = _named(request, _old_keys(request, changes.get_column(KEY)))
    found = found.join(changed, on=[SOURCE, KEY], how="anti")
    # Without an index, the crowds are found only now.
    counts = found.join(lost, on=[SOURCE, KEY], how="anti").group_by(NUMBER).agg(pl.len().cast(pl.Int64).alias(HOLDERS))
    crowds = pl.concat([crowds, counts.filter(pl.col(HOLDERS) >= CROWD)])
    found = found.join(crowds, on=NUMBER, how="anti")
    who = found.select(SOURCE, KEY).unique()
    contacts = _contacts(request, who).join(_ids(state, who), on=[SOURCE, KEY])
    return others_named(found, contacts, request.display), crowds


def _taken_over(request: CallersRequest, changes: pl.DataFrame) -> pl.DataFrame:
    """Return the numbers (``HOLDERS`` of the state) of contacts of the ledger that changes adopt under another key."""
    state = request.state
    ids = changes.filter(pl.col(KIND) == "adopt").get_column(ID).drop_nulls()
    taken = [who for holders in state.holdings.by_id(ids).values() for who in holders]
    contacts = state.holders.contacts(pl.DataFrame(taken, schema=_WHO, orient="row"))
    numbers = numbers_in(contacts, [SOURCE, KEY], pl.col(FIELDS), phones_ever(state, request.schema))
    return numbers.select(state_holders.HOLDERS.keys())


def _contacts(request: CallersRequest, who: pl.DataFrame) -> pl.DataFrame:
    """Return what the ledger says of these contacts, under the names that the fields have now."""
    return renamed(request.state.holders.contacts(who), renames(request.state, request.schema), FIELDS)


def _ids(state: State, who: pl.DataFrame) -> pl.DataFrame:
    """Return ``@source``, ``@key``, ``@id`` of these contacts."""
    found = [pl.DataFrame(schema={**_WHO, ID: pl.Int64})]
    for (source,), part in who.partition_by(SOURCE, as_dict=True).items():
        detail = state.ledger.detail(str(source), part.get_column(KEY))
        found.append(detail.select(pl.lit(source, dtype=pl.String).alias(SOURCE), KEY, ID))
    return pl.concat(found)


def _old_keys(request: CallersRequest, keys: pl.Series) -> pl.Series:
    old = {new: old for old, new in request.new_keys.items()}
    return keys.replace(old) if old else keys


def _named(request: CallersRequest, keys: pl.Series) -> pl.DataFrame:
    return keys.to_frame(KEY).select(pl.lit(request.source, dtype=pl.String).alias(SOURCE), KEY)
