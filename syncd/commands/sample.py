"""The first rows of a source, mapped: what ``syncd check`` shows of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncd.core.columns import CONTACT, EXCLUDED, INVALID, KEY, LINE, REASON, STATE, WARNING
from syncd.core.matching import identify
from syncd.masks import masked
from syncd.source import Connector, Rows

if TYPE_CHECKING:
    import polars as pl

    from syncd.core.mapping import Mapping
    from syncd.core.schema import Schema

ROWS = 1_000
"""Rows that are mapped at most."""

SHOWN = 3
"""Contacts that are shown, masked."""


@dataclass(slots=True)
class Sample:
    """What came of the first rows. ``whole``: the source has no others. ``contacts``: masked, a text each."""

    rows: int = 0
    whole: bool = False
    good: int = 0
    contacts: list[str] = field(default_factory=list)
    invalid: Counter[str] = field(default_factory=Counter)
    places: dict[str, str] = field(default_factory=dict)
    excluded: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    keys: frozenset[str] = frozenset()


def sample_of(connector: Connector, mapping: Mapping, schema: Schema) -> Sample:
    """Read the first page of a source and map up to :data:`ROWS` rows of it.

    Raises:
        SourceError: it cannot be read.
        MappingError: an expression of the mapping fails.
    """
    with closing(connector.read(None)) as pages:
        page = next(pages, None)
        last = page is None or next(pages, None) is None
    return Sample(whole=True) if page is None else _mapped(page, mapping, schema, last=last)


def _mapped(page: Rows, mapping: Mapping, schema: Schema, *, last: bool) -> Sample:
    frame, lines = page.frame.head(ROWS), page.lines.head(ROWS)
    mapped = identify(mapping.apply(frame, lines), list(mapping.fields), schema)
    contacts = mapped.filter(mapped.get_column(STATE) == CONTACT)
    found = Sample(
        rows=mapped.height,
        whole=last and page.frame.height <= ROWS,
        good=contacts.height,
        contacts=[_masked(row, schema) for row in contacts.head(SHOWN).select(mapping.fields).iter_rows(named=True)],
        excluded=_reasons(mapped, EXCLUDED),
        warnings=Counter(contacts.get_column(WARNING).drop_nulls().to_list()),
        keys=frozenset(mapped.get_column(KEY).drop_nulls()),
    )
    until = int(lines.max() or 0) if frame.height < page.frame.height else None  # type: ignore[arg-type]  # UInt32
    for bad in page.malformed:
        if until is None or bad.line <= until:
            found.rows += 1
            _note(found, bad.reason, f"{page.origin}:{bad.line}")
    for line, reason in mapped.filter(mapped.get_column(STATE) == INVALID).select(LINE, REASON).iter_rows():
        _note(found, reason, f"{page.origin}:{line}")
    return found


def _note(found: Sample, reason: str, place: str) -> None:
    found.invalid[reason] += 1
    found.places.setdefault(reason, place)


def _reasons(mapped: pl.DataFrame, state: int) -> Counter[str]:
    return Counter(mapped.filter(mapped.get_column(STATE) == state).get_column(REASON).to_list())


def _masked(contact: dict[str, str | None], schema: Schema) -> str:
    parts = [f"{name}: {masked(value, phone=name in schema.phones)}" for name, value in contact.items() if value]
    return " · ".join(parts)


def missing_canaries(sample: Sample, canaries: Sequence[str]) -> list[str]:
    """The canaries that are not among the sample's rows."""
    return [key for key in canaries if key not in sample.keys]
