"""Warnings of a run: things that are allowed, but may have another result than a person expects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from syncd.core.schema import Schema
from syncd.core.wording import counted, listed

if TYPE_CHECKING:
    # The daemon imports this module and must stay small, so Polars is not loaded here.
    import polars as pl

INVISIBLE_MARKS = "invisible marks in the key or in a match field"
"""The warning of a row whose key or match value held marks that nobody sees."""

# Several contacts may share a number. The guide does not say which of them the phone shows when the number calls.
REMEDY = (
    "which of them is shown when it calls is not documented: leave a number with one contact; or in each "
    "source, set phones: {shared: first} (or newest, company, hold), by which one has it, or {shared: allow}"
)
"""The advice for contacts that share a number."""

MANY = 3
"""So many cells with an HTML entity in a column are no accident."""

# Rows whose warnings are listed one by one: a wrong column may have one in every row.
_SHOWN = 1000


def of_fields(schema: Schema, mapped: Iterable[str]) -> Iterator[str]:
    """Warn of match fields that change, and of numbers in several fields."""
    doubtful = sorted(set(schema.match) & schema.phones)
    if doubtful:
        yield (
            f"the match field {', '.join(doubtful)} is likely to change, and each change makes a new contact; "
            "best is one match field that holds the source's own immutable id"
        )
    yield from of_phone_fields(schema, mapped)


def of_phone_fields(schema: Schema, mapped: Iterable[str]) -> Iterator[str]:
    """Warn of numbers in several fields."""
    numbers = schema.phones.intersection(mapped)
    several = [name for name in schema.names if name in numbers]
    if len(several) > 1:
        yield (
            f"numbers go to {len(several)} phone fields ({', '.join(several)}), and whether Callpop looks in all of "
            f"them is not documented: map every number to one of them, as {several[0]}: [mobile, home]"
        )


def of_shared_numbers(keys: Sequence[str]) -> Iterator[str]:
    """Warn of contacts that share a number with another contact."""
    if keys:
        yield f"{counted(len(keys), 'contact')} share a number with another ({listed(keys)}); {REMEDY}"


def of_case(keys: pl.Series) -> Iterator[str]:
    """Warn of contacts whose match values differ from another's in case only."""
    if keys.len():
        # A target that ignores case would take both for one contact, and the guide does not say whether it does.
        yield f"{len(keys)} contacts differ from another in the case of their match fields only: {listed(list(keys))}"


def of_released(keys: Sequence[str]) -> Iterator[str]:
    """Warn of adopted contacts that left the source and stay at the target."""
    if keys:
        yield (
            f"{counted(len(keys), 'adopted contact')} left the source and stayed at the target: {listed(keys)}; "
            "deletes: {adopted: true} would delete them"
        )


def of_forgotten(keys: Sequence[str]) -> Iterator[str]:
    """Tell of refused contacts that the source does not ask for any more."""
    if keys:
        which = counted(len(keys), "contact")
        yield f"forgot the refusal of {which} that the source no longer asks for: {listed(keys)}"


def of_entities(cells: Mapping[str, int]) -> Iterator[str]:
    """Warn of columns with HTML entities; ``cells``: how many cells of a column hold one."""
    for name, count in sorted(cells.items()):
        if count >= MANY:
            yield (
                f"at least {count:,} cells of the column {name} hold HTML entities such as &amp;, which are sent as "
                "they are: decode: html in the rule of the field makes characters of them"
            )


def of_rows(rows: pl.DataFrame, origins: Sequence[str]) -> Iterator[str]:
    """Return what the mapping warns of; ``rows``: ``@line``, ``@origin``, ``@warning``.

    Rows with :data:`INVISIBLE_MARKS` are counted in one warning.
    """
    if rows.is_empty():
        return
    marked = rows.filter(rows.get_column("@warning").str.ends_with(INVISIBLE_MARKS))
    if marked.height:
        line, origin = marked.select("@line", "@origin").row(0)
        yield (
            f"{counted(marked.height, 'row')} had {INVISIBLE_MARKS} (the first: {origins[origin]}:{line}), such as "
            "marks of direction or of no width; syncd has removed them"
        )
    rest = rows.get_column("@warning").str.strip_suffix(INVISIBLE_MARKS).str.strip_suffix("; ")
    rows = rows.with_columns(rest.alias("@warning")).filter(rest != "")
    for line, origin, warning in rows.select("@line", "@origin", "@warning").head(_SHOWN).iter_rows():
        yield f"{origins[origin]}:{line}: {warning}"
    if rows.height > _SHOWN:
        yield f"{rows.height - _SHOWN:,} more rows have warnings"


def of_list(lost: int, source: str) -> Iterator[str]:
    """Warn of contacts of a source that the target's list lacks."""
    if lost:
        which = counted(lost, "contact of this source is", "contacts of this source are")
        yield f"{which} not in the target's list: syncd reconcile {source} shows which, and --repair sends them again"


def of_unconfigured(contacts: Mapping[str, int]) -> Iterator[str]:
    """Warn of sources that the configuration does not name; ``contacts``: how many each of them has at the target."""
    for source, number in contacts.items():
        yield (
            f"source {source!r} is not in the configuration, and has {counted(number, 'contact')} at the target: syncd "
            "neither updates nor deletes what it has there, until it is named again or a source that is named sends "
            "the same contacts"
        )
