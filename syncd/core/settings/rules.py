"""What a source's configuration says of its contacts, as frozen values (design: mapping, phones, gates)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Column:
    """The text of one column."""

    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """Text with ``{column}`` in it; absent values leave no double spaces. ``{{`` and ``}}`` are braces."""

    text: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """All numbers of these columns, in this order (phone fields only)."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class First:
    """The first of these columns that is not empty."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """The same text for every contact."""

    text: str


@dataclass(frozen=True, slots=True)
class Sql:
    """A SQL expression over the source's columns, one value a row."""

    expression: str


Origin = Column | Template | AllOf | First | Value | Sql


@dataclass(frozen=True, slots=True)
class Rule:
    """How one field gets its value: where from, then trim, ``map``, case, default, length, in this order.

    ``empty``: what an empty value does to the contact: ``clear`` the field, ``keep`` the target's value, ``reject``
    the row. ``max_length`` is in characters. ``translate`` is the key ``map`` of the configuration.
    """

    origin: Origin
    default: str | None = None
    translate: Mapping[str, str] = field(default_factory=dict)
    trim: bool = True
    case: Literal["upper", "lower", "title"] | None = None
    max_length: int | None = None
    empty: Literal["clear", "keep", "reject"] = "clear"


@dataclass(frozen=True, slots=True)
class PhoneRules:
    """How the numbers of a source are read.

    ``region``: an ISO 3166 code; ``region_column``: a column that holds one, per row (then ``region`` is its fallback).
    ``invalid``: what becomes of an impossible number.
    """

    region: str = "US"
    region_column: str | None = None
    invalid: Literal["keep", "drop", "reject"] = "keep"


@dataclass(frozen=True, slots=True)
class SourceRules:
    """All that turns a source's rows into contacts. ``where`` is a SQL expression; ``key`` names columns."""

    key: tuple[str, ...]
    mapping: Mapping[str, Rule]
    where: str | None = None
    require: tuple[str, ...] = ()
    phones: PhoneRules = PhoneRules()


@dataclass(frozen=True, slots=True)
class DeleteLimits:
    """When deletes are held: more than ``count``, or than ``share`` (0..1) of the ledger; up to ``free`` pass.

    ``grace``: seconds that a contact must be missing first. ``adopted``: adopted contacts may be deleted too.
    """

    count: int = 500
    share: float = 0.2
    free: int = 5
    grace: float = 0.0
    adopted: bool = False


Mode = Literal["mirror", "upsert", "update_only", "create_only"]
"""The changes that a source makes at the target."""


@dataclass(frozen=True, slots=True)
class GateRules:
    """What the gates of a source allow. ``updates_share`` (0..1) counts from ``updates_known`` contacts on."""

    mode: Mode = "mirror"
    deletes: DeleteLimits = DeleteLimits()
    updates_share: float = 0.5
    updates_known: int = 20
    canaries: tuple[str, ...] = ()


SharedMatch = Literal["first", "merge_phones", "hold"]

SharedNumbers = Literal["warn", "allow"]
"""Whether a number that several contacts have is told of."""

OnEdit = Literal["report", "overwrite", "keep"]
"""What a repair does to a contact that was changed at the target: say so, send it again, let it be."""
