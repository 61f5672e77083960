"""What a run warns of beside its plan: what is allowed and may yet come out otherwise than a person thinks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import polars as pl

from syncd.core.columns import ROW
from syncd.core.schema import Schema
from syncd.core.shared_numbers import REMEDY, sharing_a_number
from syncd.core.wording import counted
from syncd.plan.sharing import some

if TYPE_CHECKING:
    from syncd.read.reader import Reading
    from syncd.state import State
    from syncd.target.lookup import Index

_SHOWN = 1000
"""Rows whose warnings are told one by one."""


def of_the_fields(schema: Schema, mapped: Iterable[str]) -> Iterator[str]:
    """What may go wrong with this schema and the fields that are mapped, each with its remedy."""
    doubtful = sorted(set(schema.match) & schema.phones)
    if doubtful:
        yield (
            f"the match field {', '.join(doubtful)} is likely to change, and each change makes a new contact; "
            "best is one match field that holds the source's own immutable id"
        )
    several = [name for name in schema.names if name in schema.phones and name in set(mapped)]
    if len(several) > 1:
        yield several_phone_fields(several)


def several_phone_fields(names: Sequence[str]) -> str:
    """The warning that numbers go to more than one field."""
    return (
        f"numbers go to {len(names)} phone fields ({', '.join(names)}), and whether Callpop looks in all of them is "
        f"not documented: map every number to one of them, as {names[0]}: [mobile, home]"
    )


def of_the_contacts(contacts: pl.DataFrame, schema: Schema, *, shared: bool) -> Iterator[str]:
    """What may go wrong with the contacts that a run looks at; ``shared``: a number that several have is told too."""
    keys = sharing_a_number(contacts, schema.phones) if shared else []
    if keys:
        yield f"{counted(len(keys), 'contact')} share a number with another ({some(keys)}); {REMEDY}"


def of_those_who_stay(released: Sequence[str]) -> Iterator[str]:
    """What becomes of adopted contacts that left the source."""
    if released:
        yield (
            f"{counted(len(released), 'adopted contact')} left the source and stayed at the target: {some(released)}; "
            "deletes: {adopted: true} would delete them"
        )


def of_the_rows(reading: Reading) -> Iterator[str]:
    """What the mapping has to say of single rows."""
    places = reading.warnings.join(reading.lean, on=ROW, how="inner")
    for line, origin, warning in places.select("@line", "@origin", "@warning").head(_SHOWN).iter_rows():
        yield f"{reading.place(origin, line)}: {warning}"
    if places.height > _SHOWN:
        yield f"{places.height - _SHOWN:,} more rows have warnings"


def of_the_list(index: Index, state: State, source: str) -> Iterator[str]:
    """What the target's list lacks of the source's contacts, if this run has read it anyway."""
    lost = len(state.holdings.accepted_ids(source) - index.ids) if index.ids is not None else 0
    if lost:
        which = counted(lost, "contact of this source is", "contacts of this source are")
        yield f"{which} not in the target's list: syncd reconcile {source} shows which, and --repair sends them again"
